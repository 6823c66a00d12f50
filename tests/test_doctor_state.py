"""What the doctor says of the store and the logs, whatever state they are in; it leaves both as they are."""

import json
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.adapters.log_files import read_logs
from sidecar.texts.doctor_data import LogLine, LogReport
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.page import configure, contents, doctor, problems
from tests.bed.program import patched, run
from tests.bed.sidecar import Sidecar

NOW = 1_795_219_200.0
"""2026-11-21T00:00:00Z"""
FILE = "~/.local/state/opencode-quota-sidecar/state.db"
MEMORY_CURE = (
    "Cure: Make it writable for yourself, or set XDG_STATE_HOME to a folder that is. Until then all works, "
    "but every OpenCode asks the gateways for itself, and forgets at its end."
)


@contextmanager
def database(home: Home) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(home.state / "state.db", isolation_level=None)) as db:
        yield db


def with_store(home: Home, gateway: Gateway) -> None:
    """Configure a home, and let a sidecar make its store."""
    configure(home, gateway)
    assert run(home, "status").returncode == 0


def test_a_store_in_use_is_told_with_size_rows_permissions_and_users(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    before = contents(home)
    state, file, *rows = doctor(home, 0)["Store"]
    assert state == f"  state        on disk · {FILE}"
    size = (home.state / "state.db").stat().st_size // 1024
    assert file == f"  file         {size} KiB · folder 0700, file 0600"
    assert " ".join(" ".join(rows).split()) == (
        "rows claim 0 · cooldown 0 · decision 0 · lease 0 · mark 0 · quota 1 session 0 · usage 0"
    )
    assert contents(home) == before
    with Sidecar(home.env, home.path) as child:
        child.open(home.project)
        child.command(home.project)
        assert doctor(home, 0)["Store"][1].endswith("· open in 1 process")


def test_a_store_whose_folder_cannot_be_made_is_in_memory(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    home.state.parent.write_text("in the way")
    page = doctor(home, 1)
    assert page["Store"] == [f"  state        ! in memory only · {FILE}"]
    assert problems(page) == [f"1. The folder of {FILE} can't be made, or not be written into", MEMORY_CURE]


def test_a_store_that_cannot_be_written_is_told(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    # What SQLite does on a read-only place; a test that runs as root could write to any.
    read_only = patched(
        "import sqlite3\n"
        "connect = sqlite3.connect\n"
        "sqlite3.connect = lambda name, *args, **more: "
        "connect(str(name).replace('mode=rw', 'mode=ro'), *args, **more)"
    )
    page = doctor(home, 1, read_only)
    assert page["Store"][:2] == [
        "  state        ! in memory only · SQLITE_READONLY",
        f"               {FILE}",
    ]
    assert problems(page) == [f"1. {FILE} can't be written", MEMORY_CURE]


def test_a_store_that_another_program_locks_is_told(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    impatient = patched("import sidecar.adapters.store_facts as module; module.BUSY_S = 0.1")
    with database(home) as db:
        db.execute("BEGIN IMMEDIATE")
        page = doctor(home, 1, impatient)
    assert page["Store"][:2] == ["  state        ! in memory only · SQLITE_BUSY", f"               {FILE}"]
    assert problems(page) == [
        f"1. {FILE} is locked by another program",
        "Cure: End what keeps it open, or wait.",
    ]


def test_a_damaged_store_is_told_and_left_to_its_users(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    (home.state / "state.db").write_bytes(b"garbage " * 600)
    (home.state / "state.db.damaged-1795219200").write_bytes(b"older")
    before = contents(home)
    page = doctor(home, 1)
    assert page["Store"] == [
        "  state        ! in memory only · SQLITE_NOTADB",
        f"               {FILE}",
        "  file         5 KiB · folder 0700, file 0600",
        "  set aside    damaged, may be removed · state.db.damaged-1795219200",
    ]
    assert problems(page) == [
        f"1. {FILE} is damaged",
        "Cure: Nothing to do: whoever uses it next sets it aside and saves what can be read. "
        "If it comes again, check the disk.",
    ]
    assert contents(home) == before


def test_a_store_of_a_newer_version_is_told(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    with database(home) as db:
        db.execute("PRAGMA user_version = 1000")
    page = doctor(home, 1)
    assert page["Store"][0] == f"  state        ! in memory only · {FILE}"
    assert problems(page) == [
        f"1. {FILE} was written by a newer version",
        "Cure: Update this one; until then it keeps its state in memory.",
    ]


def test_a_state_that_others_can_read_is_told(home: Home, gateway: Gateway) -> None:
    with_store(home, gateway)
    home.state.chmod(0o755)
    (home.state / "state.db").chmod(0o644)
    assert problems(doctor(home, 1)) == [
        "1. Other users can look into ~/.local/state/opencode-quota-sidecar (folder 0755, file 0644)",
        "Cure: Close it to them:",
        "chmod -R go= ~/.local/state/opencode-quota-sidecar",
    ]


def at(seconds_ago: float, now: float = NOW) -> str:
    moment = datetime.fromtimestamp(now - seconds_ago, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def note(seconds_ago: float, event: str, **more: object) -> str:
    return json.dumps({"timestamp": at(seconds_ago), "logger": "shim", "event": event} | more)


def line(seconds_ago: float, level: str, event: str, **more: object) -> str:
    return json.dumps(more | {"timestamp": at(seconds_ago), "level": level, "event": event})


def write_log(folder: Path, name: str, *lines: str, changed_s_ago: float = 0.0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{row}\n" for row in lines))
    os.utime(folder / name, (NOW - changed_s_ago, NOW - changed_s_ago))


def read(folder: Path, *secrets: str) -> LogReport:
    return read_logs(folder, {"HOME": "/nowhere"}, NOW, secrets, "(hidden)")


def test_the_last_five_of_level_warning_or_above_are_told_over_all_files(tmp_path: Path) -> None:
    write_log(
        tmp_path, "11.log",
        note(9000, "sidecar_spawned", child=1, source="checkout"),
        note(8999, "sidecar_dead", kind="exited", detail="1", againInMs=500),
        note(3000, "sidecar_spawned", child=2),
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ModuleNotFoundError: No module named 'sidecar'",
        "",
        note(2999, "sidecar_dead", kind="exited", detail="1", againInMs=500),
        line(200, "info", "quota.failed", kind="timeout"),
        line(100, "warning", "store.in_memory", reason="the disk refused"),
    )  # fmt: skip
    raised = [{"exc_type": "RuntimeError", "exc_value": "a mistake of ours"}]
    write_log(
        tmp_path, "22.log",
        note(2500, "sidecar_spawned", child=3),
        note(2400, "sidecar_suspect"),
        line(50, "error", "mistake", what="ping", exception=raised),
        "[1, 2]",
    )  # fmt: skip
    write_log(tmp_path, "notes.txt", line(1, "error", "not a log"))
    assert read(tmp_path) == LogReport(
        folder=str(tmp_path),
        files=2,
        starts_last_hour=2,
        failures_last_hour=2,
        lines=(
            LogLine("11.log", "sidecar_dead kind=exited detail=1", NOW - 2999, is_failure=True),
            LogLine("22.log", "sidecar_suspect", NOW - 2400),
            LogLine("11.log", "store.in_memory reason=the disk refused", NOW - 100),
            LogLine("22.log", "mistake what=ping RuntimeError: a mistake of ours", NOW - 50, is_failure=True),
            LogLine("22.log", "[1, 2]", NOW - 50),
        ),
    )  # fmt: skip


def test_of_a_python_that_cannot_start_the_last_line_is_told_at_the_time_around_it(tmp_path: Path) -> None:
    write_log(tmp_path, "1.log", "Traceback:", "  x", "ImportError: a", note(70, "sidecar_spawned"))
    write_log(tmp_path, "2.log", "ImportError: b", changed_s_ago=60)
    write_log(tmp_path, "3.log", note(50, "sidecar_ready"), "ImportError: c")
    assert read(tmp_path).lines == (
        LogLine("1.log", "ImportError: a", NOW - 70),
        LogLine("2.log", "ImportError: b", NOW - 60),
        LogLine("3.log", "ImportError: c", NOW - 50),
    )


def test_only_the_newest_files_are_read_and_a_folder_that_is_none_holds_nothing(tmp_path: Path) -> None:
    for number in range(12):
        write_log(tmp_path, f"{number}.log", line(1, "error", f"e{number}"), changed_s_ago=100 - number)
    told = read(tmp_path)
    assert (told.files, {row.text for row in told.lines} & {"e0", "e1"}) == (10, set())
    assert read(tmp_path / "0.log") == LogReport(str(tmp_path / "0.log"))


def test_a_line_that_holds_part_of_a_key_is_not_told(tmp_path: Path) -> None:
    write_log(tmp_path, "1.log", "KeyError: 'my-SECRET-key'", line(1, "error", "mistake", what="fine"))
    assert [row.text for row in read(tmp_path, "xx-secret-yy").lines] == ["(hidden)", "mistake what=fine"]


@pytest.mark.parametrize(
    "text", ["\x00\xff", "{", "[" * 100_000, '{"timestamp": 5}', '{"event": {}}', "null"]
)
def test_whatever_a_log_holds_it_is_read(tmp_path: Path, text: str) -> None:
    write_log(tmp_path, "1.log", text)
    assert read(tmp_path).files == 1


def test_failures_of_the_last_hour_are_a_problem_and_shown_with_their_age(
    home: Home, gateway: Gateway
) -> None:
    configure(home, gateway)
    now = time.time()
    old = {"timestamp": at(7260, now), "logger": "shim", "event": "hook_failed", "hook": "\x1b[31mx"}
    dead = {"timestamp": at(130, now), "logger": "shim", "event": "sidecar_dead", "kind": "exited"}
    write_log(home.state / "logs", "77.log", json.dumps(old))
    page = doctor(home, 0)
    assert page["Log"] == [
        "  folder       1 file · 0 starts of the sidecar in the last hour",
        "               ~/.local/state/opencode-quota-sidecar/logs",
        "  2h 1m ago    77.log: hook_failed hook=[31mx",
    ]
    write_log(home.state / "logs", "78.log", json.dumps(dead))
    page = doctor(home, 1)
    assert page["Log"][-1] == "  2 min ago    78.log: sidecar_dead kind=exited"
    assert problems(page) == [
        "1. The sidecar failed once in the last hour",
        "Cure: The lines under Log, and the files in ~/.local/state/opencode-quota-sidecar/logs, say why. "
        "If they don't help, report it with this page.",
    ]
