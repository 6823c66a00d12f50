"""The file of another version: an older one goes on, damaged too; a newer one is left alone."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import sqlite3
from contextlib import closing
from pathlib import Path

import anyio.to_thread
import pytest

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.sqlite_reading import read
from sidecar.adapters.sqlite_schema import MIGRATIONS
from sidecar.adapters.sqlite_store import DATABASE
from sidecar.adapters.store import CountRequest, CountTokens, HourUsage, Lease, Mark, PutLease, State
from tests.bed.store_user import NOW
from tests.bed.stores import COUNT, NewStore, counted
from tests.test_store_contract import HOUR

OLDER = range(2, len(MIGRATIONS))
TIMED = CountRequest(NOW, "p", "m", failed=False, ttfb_s=0.25)
LEASE = Lease("campus", NOW + 10)


@pytest.mark.parametrize("version", OLDER)
async def test_a_file_of_a_version_before_goes_on_with_its_rows(
    new_store: NewStore, folder: Path, version: int
) -> None:
    folder.mkdir(parents=True)
    await anyio.to_thread.run_sync(make_older, folder / DATABASE, version)
    store = new_store()
    await store.apply([TIMED, CountTokens(NOW, "p", "m", 7, 0.5), PutLease("r", LEASE)])
    row = HourUsage(HOUR, "p", "m", 4, 1, 7, 0.5, ttfb_s=0.25, answered=1)
    expected = State({}, (row,), {"told": Mark(20, NOW)}, leases={"r": LEASE})
    assert (await store.load(NOW), store.trouble) == (expected, None)
    assert await new_store().load(NOW) == expected


@pytest.mark.parametrize("version", OLDER)
async def test_a_damaged_file_of_a_version_before_is_saved_as_far_as_it_can_be_read(
    folder: Path, version: int
) -> None:
    old = folder / DATABASE
    folder.mkdir(parents=True)
    await anyio.to_thread.run_sync(make_older, old, version)

    def salvage() -> State:
        with closing(sqlite3.connect(old)) as before, closing(sqlite3.connect(":memory:")) as new:
            new.isolation_level = None
            schema.migrate(new)
            schema.copy_readable(before, new)
            return MemoryStore(read(new, NOW).known).state(NOW)

    expected = State({}, (HourUsage(HOUR, "p", "m", 3, 1),), {"told": Mark(20, NOW)})
    assert await anyio.to_thread.run_sync(salvage) == expected


def make_older(file: Path, version: int) -> None:
    """Make a file as it was in *version*."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for step in MIGRATIONS[:version]:
            step(db)
        db.execute(f"PRAGMA user_version = {version}")
        columns = "hour, provider_id, model_id, requests, failures"
        db.execute(f"INSERT INTO usage ({columns}) VALUES (?, 'p', 'm', 3, 1)", (HOUR,))  # noqa: S608
        db.execute("INSERT INTO mark VALUES ('told', 20, ?, NULL)", (NOW,))


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
