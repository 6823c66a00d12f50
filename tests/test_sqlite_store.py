"""The shared file: several processes, kills, damage, disks that refuse, and what others may read."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import gc
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters import sqlite_store
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.sqlite_schema import KEEP_MARK_S, KEEP_QUOTA_S, KEEP_USAGE_HOURS, MIGRATIONS
from sidecar.adapters.sqlite_store import BACKLOG, DATABASE, PRUNE_S, RETRY_S, SqliteStore
from sidecar.adapters.store import CountRequest, HourUsage, Mark, PutQuota, QuotaSnapshot, State
from tests.test_store_contract import HOUR, NOW, SNAPSHOT, TTL_S, key

COUNT = CountRequest(NOW, "p", "m", failed=False)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


NewStore = Callable[[], SqliteStore]


@pytest.fixture
async def new_store(folder: Path, clock: Clock) -> AsyncIterator[NewStore]:
    stores: list[SqliteStore] = []

    def make() -> SqliteStore:
        stores.append(SqliteStore(folder, clock))
        return stores[-1]

    yield make
    for store in stores:
        await store.aclose()


async def counted(store: SqliteStore) -> int:
    return sum(row.requests for row in (await store.load(NOW)).usage)


WRITER = """
import sys, anyio
from pathlib import Path
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import CountRequest
from sidecar.logs import configure_logging
NOW = 1_790_000_000.0
configure_logging()

async def main(folder, count):
    store = SqliteStore(Path(folder), lambda: NOW)
    for line in sys.stdin:
        for _ in range(int(count)):
            await store.apply([CountRequest(NOW, "p", "m", False)])
            print(store.trouble or "kept", flush=True)
    await store.aclose()

anyio.run(main, *sys.argv[1:])
"""
"""A process that counts a request, as often as it is told, for each line that it gets, and says so."""

SWAPPER = """
import sys, anyio
from pathlib import Path
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import Mark
NOW = 1_790_000_000.0

async def main(folder, own):
    store = SqliteStore(Path(folder), lambda: NOW)
    mark = Mark(20, NOW + int(own))
    for line in sys.stdin:
        print(*[int(await store.swap(str(number), None, mark)) for number in range(50)], flush=True)
    await store.aclose()

anyio.run(main, *sys.argv[1:])
"""
"""A process that sets fifty marks that nobody else has set, and says which of them it was granted."""


class Writers:
    """Processes that write into one folder; all are ended at the end of the test."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, folder: Path, count: int = 1, program: str = WRITER) -> subprocess.Popen[str]:
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._started.append(writer)
        return writer

    def close(self) -> None:
        for writer in self._started:
            writer.kill()
            writer.communicate()


@pytest.fixture
def writers() -> Iterator[Writers]:
    with closing(Writers()) as several:
        yield several


def tell(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()


def said(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().rstrip("\n")


async def test_what_another_process_writes_is_noticed_and_loaded(
    new_store: NewStore, folder: Path, writers: Writers
) -> None:
    store = new_store()
    assert (await store.load(NOW)).usage == ()
    writer = writers.start(folder)
    tell(writer)
    assert said(writer) == "kept"
    assert (await store.load(NOW)).usage == (HourUsage(HOUR, "p", "m", 1, 0),)


async def test_what_nobody_has_changed_is_not_read_again(
    new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = new_store(), new_store()
    reads: list[float] = []

    def read_state(db: sqlite3.Connection, now: float) -> State:
        reads.append(now)
        return schema.read_state(db, now)

    monkeypatch.setattr(sqlite_store, "schema", SimpleNamespace(**vars(schema) | {"read_state": read_state}))
    await store.load(NOW)
    await store.load(NOW + 1)
    await other.apply([CountRequest(NOW, "p", "m", failed=False)])
    await store.load(NOW + 2)
    await store.load(NOW + 3)
    assert reads == [NOW, NOW + 2]


async def test_a_killed_writer_loses_nothing_that_it_was_told_is_kept(
    new_store: NewStore, folder: Path, writers: Writers
) -> None:
    writer = writers.start(folder, count=100_000)
    tell(writer)
    assert [said(writer) for _ in range(50)] == ["kept"] * 50
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    assert await counted(new_store()) >= 50 + rest.count("kept\n")


async def test_twenty_processes_may_make_the_file_at_once(
    new_store: NewStore, folder: Path, writers: Writers
) -> None:
    several = [writers.start(folder) for _ in range(20)]
    for writer in several:
        tell(writer)
    assert [said(writer) for writer in several] == ["kept"] * 20
    assert await counted(new_store()) == 20


async def test_of_processes_that_set_the_same_mark_exactly_one_acts(
    new_store: NewStore, folder: Path, writers: Writers
) -> None:
    several = [writers.start(folder, number, SWAPPER) for number in range(6)]
    for writer in several:
        tell(writer)
    granted = [[int(one) for one in said(writer).split()] for writer in several]
    winners = [[own for own, ours in enumerate(granted) if ours[number]] for number in range(50)]
    assert [len(one) for one in winners] == [1] * 50
    marks = (await new_store().load(NOW)).marks
    assert marks == {str(number): Mark(20, NOW + own) for number, (own,) in enumerate(winners)}


async def test_folder_and_files_are_the_users_alone(new_store: NewStore, folder: Path) -> None:
    previous = os.umask(0)
    try:
        await new_store().apply([COUNT])
    finally:
        os.umask(previous)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.iterdir())}
    assert modes == {
        "state": "0o700",
        "state.db": "0o600",
        "state.db-wal": "0o600",
        "state.db-shm": "0o600",
        "state.lock": "0o600",
    }


async def damaged_copies(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".damaged-" in path.name)


async def test_a_file_that_is_no_database_is_set_aside_with_its_companions(
    new_store: NewStore, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"not a database, but long enough to look at" * 100)
    (folder / f"{DATABASE}-wal").write_bytes(b"garbage")
    store = new_store()
    await store.apply([COUNT])
    assert (store.trouble, await counted(store)) == (None, 1)
    aside = await damaged_copies(folder)
    assert f"state.db.damaged-{int(NOW)}" in aside
    assert await counted(new_store()) == 1, "what was applied is on the disk, not waiting in memory"


async def test_a_damaged_page_met_while_running_is_mended_and_the_mutation_kept(
    new_store: NewStore, folder: Path
) -> None:
    first = new_store()
    await first.apply([COUNT] + [PutQuota(key(str(number)), SNAPSHOT) for number in range(100)])
    await first.aclose()
    with (folder / DATABASE).open("r+b") as file:
        for page in range(1, (folder / DATABASE).stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    store = new_store()
    await store.apply([PutQuota(key("new"), SNAPSHOT)])
    assert store.trouble is None
    assert (await new_store().load(NOW)).quotas == {key("new"): SNAPSHOT}
    assert len(await damaged_copies(folder)) >= 1


async def test_a_damaged_file_that_another_still_holds_is_left_to_it(
    new_store: NewStore, folder: Path, clock: Clock
) -> None:
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"not a database" * 100)
    other = FileLock(folder / "state.lock")
    assert other.share()
    store = new_store()
    await store.apply([COUNT])
    assert store.trouble == (
        "state is kept in memory only, until the disk works again: the database is damaged and another "
        "sidecar still has it open; close the other OpenCodes"
    )
    assert (await counted(store), await damaged_copies(folder)) == (1, [])
    other.release()
    clock.now += RETRY_S
    assert (await counted(store), store.trouble) == (1, None)
    assert len(await damaged_copies(folder)) == 1
    assert await counted(new_store()) == 1


async def test_a_newer_versions_file_is_not_touched(new_store: NewStore, folder: Path) -> None:
    await new_store().apply([COUNT])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    store = new_store()
    await store.apply([COUNT])
    assert store.trouble == (
        "state is kept in memory only, until the disk works again: the database was written by a newer "
        "version; update this one"
    )
    assert await counted(store) == 1
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert db.execute("SELECT requests FROM usage").fetchall() == [(1,)]
    assert FileLock(folder / "state.lock").share()


async def test_what_could_not_be_written_is_written_once_the_folder_is_back(
    new_store: NewStore, folder: Path, clock: Clock
) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    store = new_store()
    await store.apply([COUNT, PutQuota(key(), SNAPSHOT)])
    assert store.trouble == (
        "state is kept in memory only, until the disk works again: the disk refused (FileExistsError)"
    )
    assert await store.claim("fetch", "a", TTL_S, NOW)
    assert not await store.claim("fetch", "b", TTL_S, NOW)
    assert ((await store.load(NOW)).quotas, await counted(store)) == ({key(): SNAPSHOT}, 1)
    folder.unlink()
    assert store.trouble is not None
    clock.now += RETRY_S
    await store.apply([COUNT])
    assert store.trouble is None
    assert await counted(new_store()) == 2


async def test_a_clock_set_back_does_not_keep_the_disk_from_being_tried_again(
    new_store: NewStore, folder: Path, clock: Clock
) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    store = new_store()
    await store.apply([COUNT])
    folder.unlink()
    clock.now -= 86_400
    assert (await counted(store), store.trouble) == (1, None)


async def test_what_waits_for_the_disk_is_bounded(new_store: NewStore, folder: Path, clock: Clock) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    store = new_store()
    await store.apply([COUNT] * (BACKLOG + 5))
    folder.unlink()
    clock.now += RETRY_S
    await store.apply([])
    assert await counted(new_store()) == BACKLOG


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
"""
"""No file of this process may grow beyond a few pages."""


async def test_on_a_full_disk_it_goes_on_in_memory_and_harms_nothing(
    new_store: NewStore, folder: Path, writers: Writers
) -> None:
    writer = writers.start(folder, count=100, program=FULL + WRITER)
    tell(writer)
    lines = [said(writer) for _ in range(100)]
    kept = lines.index(next(line for line in lines if line != "kept"))
    assert kept > 0
    assert set(lines[kept:]) <= {
        f"state is kept in memory only, until the disk works again: the disk refused ({name})"
        for name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
    }
    writer.kill()
    assert await counted(new_store()) >= kept


async def test_a_file_that_is_busy_too_long_is_written_later(
    new_store: NewStore, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.adapters.sqlite_store.BUSY_S", 0.05)
    store = new_store()
    await store.load(NOW)
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await store.apply([COUNT])
        assert store.trouble == (
            "state is kept in memory only, until the disk works again: the disk refused (SQLITE_BUSY)"
        )
        assert await counted(store) == 1
        other.execute("ROLLBACK")
    clock.now += RETRY_S
    assert (await counted(store), store.trouble) == (1, None)


async def test_old_rows_are_dropped_when_the_file_is_opened(new_store: NewStore, clock: Clock) -> None:
    store = new_store()
    old = QuotaSnapshot(attempted_at=NOW - KEEP_QUOTA_S - 1)
    await store.apply([PutQuota(key("old"), old), PutQuota(key("new"), SNAPSHOT)])
    await store.apply([CountRequest(NOW - KEEP_USAGE_HOURS * 3600 - 3600, "p", "old", False), COUNT])
    assert await store.claim("ended", "a", TTL_S, NOW - 100)
    assert await store.claim("held", "a", TTL_S, NOW)
    await store.aclose()
    again = new_store()
    assert (await again.load(NOW)).quotas == {key("new"): SNAPSHOT}
    assert not await again.claim("held", "b", TTL_S, NOW)
    with closing(sqlite3.connect(again._file)) as db:  # pyright: ignore[reportPrivateUsage] - rows that no load shows
        rows = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("usage", "claim")]  # noqa: S608
    assert rows == [1, 1]


async def test_old_rows_are_dropped_once_an_hour_while_it_stays_open(
    new_store: NewStore, clock: Clock
) -> None:
    store = new_store()
    await store.apply([PutQuota(key(), SNAPSHOT)])
    assert await store.swap("old", None, Mark(20, NOW - KEEP_MARK_S + PRUNE_S - 1))
    assert await store.swap("new", None, Mark(20, NOW - KEEP_MARK_S + PRUNE_S))
    clock.now += PRUNE_S - 1
    await store.apply([COUNT])
    assert set((await store.load(clock.now)).marks) == {"old", "new"}
    clock.now += 1
    await store.apply([COUNT])
    assert set((await store.load(clock.now)).marks) == {"new"}


async def test_marks_set_while_the_disk_fails_are_written_later_unless_somebody_was_first(
    new_store: NewStore, folder: Path, clock: Clock
) -> None:
    store, other = new_store(), new_store()
    hers, ours, later = Mark(5, NOW), Mark(20, NOW), Mark(0, NOW + 1)
    for key_ in ("seen", "changed"):
        assert await store.swap(key_, None, hers)
    folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    await store.aclose()
    granted = [
        await store.swap("new", None, ours), await store.swap("new", ours, later),
        await store.swap("taken", None, ours), await store.swap("changed", hers, ours),
        await store.swap("seen", None, ours), await store.swap("seen", hers, None),
    ]  # fmt: skip
    assert granted == [True, True, True, True, False, True]
    assert (await store.load(NOW)).marks == {"new": later, "taken": ours, "changed": ours}
    folder.unlink()
    folder.with_name("away").rename(folder)
    assert await other.swap("taken", None, hers)
    assert await other.swap("changed", hers, later)
    clock.now += RETRY_S
    assert (await store.load(clock.now)).marks == {"new": later, "taken": hers, "changed": later}
    assert (await new_store().load(NOW)).marks == {"new": later, "taken": hers, "changed": later}


async def test_a_row_that_cannot_be_read_costs_only_itself(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.apply([PutQuota(key("bad"), SNAPSHOT), PutQuota(key("good"), SNAPSHOT)])
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE quota SET snapshot = ? WHERE provider_id = 'bad'", (b'{"windows": 5}',))
    assert (await store.load(NOW)).quotas == {key("good"): SNAPSHOT}


async def test_a_closed_store_leaves_no_file_open(folder: Path, clock: Clock) -> None:
    async def use() -> None:
        store = SqliteStore(folder, clock)
        await store.apply([COUNT])
        await store.aclose()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await use()
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    still_open = [path.resolve() for path in Path("/proc/self/fd").glob("*")]
    assert [path for path in still_open if path.is_relative_to(folder)] == []
