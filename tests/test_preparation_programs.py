"""How uv is run and when it is given up, with a uv that does as a test wants."""

import os
import signal
import threading
from pathlib import Path

import pytest

from sidecar.preparation import sources
from sidecar.preparation.programs import Programs
from sidecar.preparation.reasons import PreparationError
from tests.bed.processes import wait_until

WHEEL = Path("/C# ; our.whl")


class Uv:
    """A folder on PATH with a uv that fails at `pip` as it is told, and one of ours to run it in."""

    def __init__(self, root: Path) -> None:
        self.ours = root / "ours"
        self.ours.mkdir()
        self.calls = root / "calls"
        self.program = root / "bin" / "uv"
        self.program.parent.mkdir()
        self.said: list[str] = []

    def fails(self, body: str, **more: str) -> PreparationError:
        """Let it run *body* after it has noted its first words and where it is; return what is told."""
        self.program.write_text(
            f'#!/bin/sh\necho "$1 $PWD" >> {self.calls}\n[ $1 = pip ] || exit 0\n{body}\n'
        )
        self.program.chmod(0o755)
        environ = {"PATH": str(self.program.parent), "HOME": str(self.ours), **more}
        with pytest.raises(PreparationError) as caught:
            Programs(environ, self.ours, self.said.append).make(self.ours / "environment", WHEEL)
        return caught.value


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    def refuse(self: Programs, environment: Path, wheel: Path) -> Path:
        raise PreparationError("noVenv", "pip was tried")

    monkeypatch.setattr(Programs, "_with_pip", refuse)
    return Uv(tmp_path)


def test_it_runs_in_our_folder_and_an_index_that_cant_be_reached_is_asked_once(uv: Uv) -> None:
    failure = uv.fails("echo 'error: connection refused'; exit 1")
    assert (failure.kind, failure.detail) == ("noIndex", "connection refused")
    assert uv.calls.read_text().splitlines() == [f"venv {uv.ours}", f"pip {uv.ours}"]
    assert uv.said[-1] == "uv could not do it (connection refused); trying with pip\n"


def test_what_is_lacking_may_be_what_is_optional(uv: Uv) -> None:
    failure = uv.fails("echo 'error: no solution found'; exit 1")
    assert failure.kind == "noPackages"
    assert [line.split()[0] for line in uv.calls.read_text().splitlines()] == ["venv", "pip", "pip"]
    assert "not with patterns (no solution found); trying without\n" in uv.said


def test_where_only_uv_is_told_of_an_index_pip_does_not_take_the_public_one(
    uv: Uv, monkeypatch: pytest.MonkeyPatch
) -> None:
    def are_set(tool: str, environ: dict[str, str]) -> bool:
        return f"{tool.upper()}_INDEX" in environ

    monkeypatch.setattr(sources, "are_set", are_set)
    failing = "echo 'error: it is broken'; exit 1"
    assert uv.fails(failing, UV_INDEX="x").detail == "it is broken"
    assert "trying with pip" not in "".join(uv.said)
    assert uv.fails(failing, UV_INDEX="x", PIP_INDEX="x").detail == "it is broken"
    assert "trying with pip" in "".join(uv.said)


def test_a_wheel_is_named_by_its_url_and_settings_of_what_to_install_are_left_out(
    uv: Uv, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    note = f'printf "%s\\n" "$@" "$PIP_EDITABLE$PIP_NO_DEPS$PIP_INDEX_URL" > {seen}; exit 1'
    uv.fails(note, PIP_EDITABLE="theirs", PIP_NO_DEPS="1", PIP_INDEX_URL="kept")
    assert seen.read_text().splitlines()[-2:] == [
        "opencode-quota-sidecar @ file:///C%23%20%3B%20our.whl",
        "kept",
    ]


def test_on_a_full_disk_nothing_else_is_tried(uv: Uv) -> None:
    assert uv.fails("echo 'error: No space left on device'; exit 1").kind == "diskFull"
    assert "trying" not in "".join(uv.said)


def test_ctrl_c_ends_what_was_started(uv: Uv, tmp_path: Path) -> None:
    started = tmp_path / "started"

    def interrupt() -> None:
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"), "uv has started")
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        uv.fails(f"echo $$ > {started}; while :; do :; done")
    interrupting.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), signal.SIGKILL)
