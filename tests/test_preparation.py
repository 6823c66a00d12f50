"""`prepare` straight out of the wheel, with real Pythons, uv and pip, on every kind of machine."""

import json
import os
import platform
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.preparation import programs
from sidecar.preparation.places import Current, DataFolder, use_environment
from sidecar.preparation.programs import Programs
from sidecar.preparation.reasons import PreparationError
from tests.bed.machine import PYTHON, SIMPLE, Machine
from tests.bed.opencode import START_S, Finished, run_program
from tests.bed.package import Package
from tests.bed.processes import living_under, start, wait_until
from tests.bed.replies import Reply, json_reply
from tests.test_quota_http_network import raw_server

FAILING: Final = "#!/bin/sh\necho 'error: it is broken' >&2\nexit 1\n"


def outcome(done: Finished) -> dict[str, Any]:
    """Return what the shim would read; nothing else is printed."""
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def kind(done: Finished) -> str:
    return outcome(done)["kind"]


def launched(machine: Machine, *arguments: str) -> str:
    return run_program(machine.home, str(machine.data / "bin" / "quota-sidecar"), *arguments).stdout


def without_venv(machine: Machine) -> None:
    """Give the machine a Python as Debian has it: without what makes environments."""
    prefix = machine.home.path / "python"
    library = Path(os.__file__).parent
    ours = prefix / "lib" / library.name
    ours.mkdir(parents=True)
    for entry in library.iterdir():
        if entry.name not in ("ensurepip", "venv", "site-packages"):
            (ours / entry.name).symlink_to(entry)
    (prefix / "bin").mkdir()
    shutil.copy(PYTHON, prefix / "bin" / "python3")
    machine.has("python3", prefix / "bin" / "python3")


def test_pip_does_it_where_uv_is_broken_and_settings_would_send_it_elsewhere(
    machine: Machine, package: Package
) -> None:
    home = machine.home
    elsewhere = home.path / "elsewhere"
    settings = home.path / "pip.conf"
    settings.write_text(f"[install]\nuser = true\nprefix = {elsewhere}\nroot = {elsewhere}\n")
    data = home.path / "Dätén mit Blank"
    home.env |= {"PIP_CONFIG_FILE": str(settings), "PIP_USER": "1", "PIP_TARGET": str(elsewhere)}
    home.env |= {"XDG_DATA_HOME": str(data), "LC_ALL": "C", "PYTHONPATH": str(elsewhere)}
    machine.data = data / machine.data.name
    machine.has("uv", FAILING)
    assert outcome(machine.prepare(package)) == {"kind": "made", "detail": "", "command": ""}
    assert launched(machine, "--version") == f"quota-sidecar {package.version}\n"
    assert not elsewhere.exists()
    assert "uv could not do it (it is broken); trying with pip" in (machine.data / "prepare.log").read_text()


def lose_a_module(environment: Path) -> None:
    next(environment.glob("lib/*/site-packages/httpx/__init__.py")).unlink()


def lose_sqlite(environment: Path) -> None:
    """Make it as of a Python that was built without it."""
    site = next(environment.glob("lib/*/site-packages"))
    (site / "sitecustomize.py").write_text("import sys\nsys.modules['_sqlite3'] = None\n")


def lose_its_python(environment: Path) -> None:
    (environment / "bin" / "python").unlink()


def test_it_is_made_once_repaired_when_damaged_and_replaced_by_another_version(
    machine: Machine, package: Package
) -> None:
    home = machine.home
    home.env |= {"XDG_DATA_HOME": "relative", "UV_DEFAULT_INDEX": "http://index.test/simple/"}
    home.env |= {"HTTP_PROXY": machine.index.origin, "http_proxy": machine.index.origin}
    home.env["PYTHONPATH"] = str(home.project)
    ran = home.path / "ran"
    (home.project / "sitecustomize.py").write_text(f"open({str(ran)!r}, 'w')")
    assert kind(machine.prepare(package)) == "made"
    assert not ran.exists()
    first = machine.current()
    assert Path(first["environment"]).parent == machine.data / "environments"
    assert machine.index.seen(f"{SIMPLE}anyio/") != [], "the proxy was asked"
    assert kind(machine.prepare(package)) == "ready"
    for damage in (lose_a_module, lose_sqlite, lose_its_python, shutil.rmtree):
        damage(Path(machine.current()["environment"]))
        assert kind(machine.prepare(package)) == "made"
        assert machine.environments() == [Path(machine.current()["environment"]).name]
    machine.pointer.write_text(json.dumps(machine.current() | {"python": "/no\0path\ud800"}))
    assert kind(machine.prepare(package)) == "made"
    later = package.as_version("0.2.0")
    assert kind(machine.prepare(later)) == "made"
    assert launched(machine, "--version") == "quota-sidecar 0.2.0\n"
    assert kind(machine.prepare(package)) == "made", "who goes back has what was there before"
    assert launched(machine, "--version") == f"quota-sidecar {package.version}\n"
    assert len(machine.environments()) == 1


@pytest.mark.parametrize("has_uv", [True, False])
def test_a_machine_that_one_package_has_no_wheel_for_does_without(
    machine: Machine, package: Package, has_uv: bool
) -> None:
    if not has_uv:
        machine.has("uv", None)
    machine.index.script(f"{SIMPLE}google-re2/", json_reply({}, 404), json_reply({}, 404))
    assert kind(machine.prepare(package)) == "made"
    machine.home.write_gateways(failurePatterns=[{"match": "x", "class": "auth"}])
    assert "because google-re2 is not installed" in " ".join(launched(machine, "status").split())
    assert "not with patterns (" in (machine.data / "prepare.log").read_text()


def test_a_pointer_that_nobody_could_have_written_is_written_anew(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make()
    pointer = tmp_path / "current.json"
    for text in ("{ half", "[" * 50_000, '{"version": ' + "9" * 5000 + "}", " " * 70_000 + "{}", "\x00"):
        pointer.write_text(text)
        assert folder.current() is None
    pointer.unlink()
    os.mkfifo(pointer)
    assert folder.current() is None


def test_an_environment_that_cant_be_written_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert use_environment() is None
    (tmp_path / "in-use").mkdir()
    lock = use_environment()
    assert lock is not None
    lock.close()


def test_the_pointer_is_written_last(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make()
    folder.launcher.mkdir()
    with pytest.raises(OSError, match=r"Is a directory.*quota-sidecar"):
        folder.point_to(Current("0.1.0", "00", str(tmp_path), "/python"))
    assert folder.current() is None


def test_one_that_is_killed_is_made_up_for_and_leaves_nothing(machine: Machine, package: Package) -> None:
    for stage in (f"{SIMPLE}anyio/", f"{SIMPLE}h11/"):
        go_on = threading.Event()
        machine.index.script(stage, replace(machine.pages[stage], hold=[go_on]))
        before = len(machine.index.seen(stage))
        process = start(machine.command(package), machine.home.env, machine.home.path)
        machine.index.wait_for_request(lambda request: request.path == stage, before + 1, START_S)  # noqa: B023
        process.kill()
        process.communicate()
        go_on.set()
        assert not machine.pointer.exists()
    wait_until(lambda: not living_under(machine.home.path), "what it had started has ended", START_S)
    assert kind(machine.prepare(package)) == "made"
    assert machine.environments() == [Path(machine.current()["environment"]).name]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_told_to_end_takes_what_it_started_along(
    machine: Machine, package: Package, sent: signal.Signals
) -> None:
    go_on = threading.Event()
    stage = f"{SIMPLE}anyio/"
    machine.index.script(stage, replace(machine.pages[stage], hold=[go_on]))
    process = start(machine.command(package), machine.home.env, machine.home.path)
    machine.index.wait_for_request(lambda request: request.path == stage, 1, START_S)
    process.send_signal(sent)
    process.communicate()
    assert (process.returncode, machine.environments()) == (128 + sent, [])
    wait_until(lambda: living_under(machine.home.path) == {}, "all have ended")
    assert "pip install" in (machine.data / "prepare.log").read_text()
    go_on.set()


def refused(machine: Machine) -> str:
    machine.index.go_down()
    return f"127.0.0.1:{machine.index.port}: Connection refused"


def unknown(machine: Machine) -> str:
    machine.home.env["UV_DEFAULT_INDEX"] = "http://index.invalid/simple/"
    return "index.invalid: "


def lacking(machine: Machine) -> str:
    machine.index.script(f"{SIMPLE}jmespath/", json_reply({}, 404))
    return "jmespath was not found in the package registry"


def forbidden(machine: Machine) -> str:
    machine.index.script(f"{SIMPLE}jmespath/", Reply(403))
    return f"127.0.0.1:{machine.index.port}: 403 Forbidden"


def silent(machine: Machine) -> str:
    machine.home.env["UV_HTTP_TIMEOUT"] = "1"
    machine.index.script(f"{SIMPLE}anyio/", Reply(hold=[threading.Event()]))
    return f"127.0.0.1:{machine.index.port}: operation timed out"


def damaged(machine: Machine) -> str:
    [path] = [r for r in machine.files if "/jmespath-" in r and r.endswith(".whl")]
    machine.index.script(path, Reply(200, machine.files[path][:9000]))
    return "unable to locate the end of central directory record"


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (refused, "noIndex"),
        (unknown, "noIndex"),
        (forbidden, "noIndex"),
        (silent, "noIndex"),
        (lacking, "noPackages"),
        (damaged, "notPrepared"),
    ],
)
def test_what_was_in_the_way_is_said_and_nothing_is_left(
    machine: Machine, package: Package, cause: Callable[[Machine], str], expected: str
) -> None:
    without_venv(machine)
    detail = cause(machine)
    said = outcome(machine.prepare(package))
    assert said["kind"] == expected
    assert said["detail"].startswith(detail)
    assert said["detail"].endswith(f" (Python {platform.python_version()})") == (expected == "noPackages")
    assert machine.environments() == []
    assert not machine.pointer.exists()


def test_pip_says_what_was_in_the_way_too(machine: Machine, package: Package) -> None:
    machine.has("uv", None)
    machine.index.script(f"{SIMPLE}anyio/", Reply(401))
    said = outcome(machine.prepare(package))
    assert said["kind"] == "noIndex"
    assert said["detail"] == f"127.0.0.1:{machine.index.port}: 401 Unauthorized"


def test_a_certificate_that_nobody_signed_is_named(machine: Machine, package: Package) -> None:
    without_venv(machine)
    with raw_server(b"", tls=True) as port:
        machine.home.env["UV_DEFAULT_INDEX"] = f"https://127.0.0.1:{port}/simple/"
        said = outcome(machine.prepare(package))
    assert said["kind"] == "noIndex"
    assert said["detail"].startswith(f"127.0.0.1:{port}: invalid peer certificate")


def test_a_python_that_makes_no_environments_says_how_to_get_one_that_does(
    machine: Machine, package: Package
) -> None:
    without_venv(machine)
    machine.has("uv", None)
    said = outcome(machine.prepare(package))
    assert (said["kind"], "No module named venv" in said["detail"]) == ("noVenv", True)
    assert said["command"] == "curl -LsSf https://astral.sh/uv/install.sh | sh"
    machine.has("apt-get", FAILING)
    version = "python" + ".".join(map(str, sys.version_info[:2]))
    assert outcome(machine.prepare(package))["command"] == f"sudo apt install {version}-venv"


def test_a_folder_that_cant_be_made_is_named(machine: Machine, package: Package) -> None:
    machine.data.parent.mkdir(parents=True, exist_ok=True)
    machine.data.touch()
    done = run_program(machine.home, *machine.command(package))
    assert done.exit_code == 3
    assert done.stdout == (
        f"Its folder can't be used: {machine.data}: File exists.\n"
        "Mend that, or set XDG_DATA_HOME to another folder. To try again and see more, run "
        f"`{' '.join(machine.command(package))}`; or restart OpenCode.\n"
    )


def test_a_full_disk_is_told_even_by_a_program_that_does_not(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = machine.has("broken", FAILING)
    said: list[str] = []
    one = Programs(machine.home.env, machine.home.path, said.append)
    with pytest.raises(PreparationError, match="it is broken"):
        one.check(broken)
    monkeypatch.setattr(programs, "_NO_ROOM", shutil.disk_usage(machine.home.path).total)
    with pytest.raises(PreparationError) as caught:
        one.check(broken)
    assert caught.value.kind == "diskFull"
    assert re.fullmatch(rf"\d+ MB are left for {machine.home.path}", caught.value.detail)


@pytest.mark.parametrize(
    ("hangs", "max_s", "expected"),
    [("true", 0.3, "notPrepared"), ('[ "$1" = pip ]', 5.0, "noIndex")],
    ids=["all", "the fetching"],
)
def test_a_program_that_hangs_is_ended_with_its_children(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, hangs: str, max_s: float, expected: str
) -> None:
    monkeypatch.setattr(programs, "MAX_S", max_s)
    machine.has("sleep", Path(shutil.which("sleep") or "sleep"))
    machine.has("uv", f"#!/bin/sh\nif {hangs}; then sleep 3600; fi\n")
    said: list[str] = []
    hung = Programs(machine.home.env, machine.home.path, said.append)
    with pytest.raises(PreparationError, match="no end after 0 minutes") as caught:
        hung.make(machine.home.path / "environment", machine.home.path / "x.whl")
    assert caught.value.kind == expected
    wait_until(lambda: not living_under(machine.home.path), "nothing runs any more")
