"""The shared file: several processes, disks that refuse, what is dropped, and what others may read."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import gc
import os
import sqlite3
import stat
import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.adapters import sqlite_reading
from sidecar.adapters.sqlite_reading import Reading
from sidecar.adapters.sqlite_store import BACKLOG, DATABASE, RETRY_S, SqliteStore
from sidecar.adapters.store import (
    USAGE_HOURS,
    CountRequest,
    HourUsage,
    Mark,
    PutDecision,
    PutQuota,
    ResetProvider,
)
from sidecar.core.cooldown import Cooldown
from sidecar.core.decision import Decision
from sidecar.protocol import Target
from tests.bed.store_user import COOLED, KEPT, NOW
from tests.bed.stores import COUNT, Clock, NewStore, StoreUsers, counted
from tests.test_store_contract import HOUR, SNAPSHOT, TTL_S, key


async def test_what_another_process_writes_is_noticed_and_loaded(
    new_store: NewStore, users: StoreUsers
) -> None:
    store = new_store()
    assert (await store.load(NOW)).usage == ()
    assert users.start().counts(1) == [KEPT]
    assert (await store.load(NOW)).usage == (HourUsage(HOUR, "p", "m", 1, 0),)


async def test_what_nobody_has_changed_is_not_read_again(
    new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = new_store(), new_store()
    reads: list[float] = []
    read = sqlite_reading.read

    def noted(db: sqlite3.Connection, now: float, last: Reading | None) -> Reading:
        reads.append(now)
        return read(db, now, last)

    monkeypatch.setattr(sqlite_reading, "read", noted)
    await store.load(NOW)
    await store.load(NOW + 1)
    await other.apply([COUNT])
    await store.load(NOW + 2)
    await store.load(NOW + 3)
    assert reads == [NOW, NOW + 2]


async def test_twenty_processes_may_make_the_file_at_once(new_store: NewStore, users: StoreUsers) -> None:
    several = [users.start() for _ in range(20)]
    for user in several:
        user.tell("count 1")
    assert [user.said() for user in several] == [KEPT] * 20
    assert await counted(new_store()) == 20


async def test_of_processes_that_set_the_same_mark_exactly_one_acts(
    new_store: NewStore, users: StoreUsers
) -> None:
    several = [users.start() for _ in range(6)]
    for own, user in enumerate(several):
        user.tell(f"mark {own} 50")
    granted = [[int(one) for one in user.said().split()] for user in several]
    winners = [[own for own, ours in enumerate(granted) if ours[number]] for number in range(50)]
    assert [len(one) for one in winners] == [1] * 50
    marks = (await new_store().load(NOW)).marks
    assert marks == {str(number): Mark(20, NOW + own) for number, (own,) in enumerate(winners)}


async def test_of_cooldowns_that_processes_put_at_once_the_longest_holds(
    new_store: NewStore, users: StoreUsers
) -> None:
    ours, several = new_store(), [users.start() for _ in range(4)]
    await ours.load(NOW)
    for own, user in enumerate(several):
        user.tell(f"cool {own} 50")
    assert [[user.said() for _ in range(50)] for user in several] == [[KEPT] * 50] * 4
    longest = Cooldown(COOLED, "overloaded", NOW, NOW + 30 + 49 + 0.03, stated=False, strikes=3)
    assert (await ours.load(NOW)).cooldowns == (await new_store().load(NOW)).cooldowns == {COOLED: longest}


async def test_a_cooldown_from_elsewhere_is_known_with_the_next_load(
    new_store: NewStore, users: StoreUsers
) -> None:
    ours = new_store()
    await ours.load(NOW)
    assert users.start().ask("cool 0 1") == KEPT
    assert ours.state(NOW).cooldowns == {}
    assert set((await ours.load(NOW, within_s=10)).cooldowns) == {COOLED}


async def test_hours_that_a_wrong_clock_hid_are_read_again(new_store: NewStore) -> None:
    ours, other = new_store(), new_store()
    await ours.apply([COUNT])
    await other.apply([COUNT])
    assert (await ours.load(NOW + 365 * 86400)).usage == ()
    assert await counted(ours) == 2


async def test_a_reset_leaves_the_usage_of_former_days(new_store: NewStore, folder: Path) -> None:
    before = CountRequest(NOW - USAGE_HOURS * 3600, "p", "m", failed=False)
    await new_store().apply([before, COUNT, ResetProvider("p", NOW)])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert db.execute("SELECT hour FROM usage").fetchall() == [(HOUR - USAGE_HOURS,)]


async def test_what_others_wrote_does_not_take_the_place_of_what_only_we_know(
    new_store: NewStore, folder: Path
) -> None:
    ours, other = new_store(), new_store()
    one = Decision(NOW, "s", "build", Target("p", "m"), "as chosen")
    await ours.apply([PutDecision(one)])
    await other.apply([COUNT])
    assert await counted(ours) == 1
    folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    assert (await ours.decisions(), ours.trouble is None) == ([one], False)


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


async def test_a_file_that_is_busy_too_long_is_written_later(
    new_store: NewStore, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.adapters.sqlite_file.BUSY_S", 0.05)
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


async def test_of_two_that_make_the_file_at_once_the_second_waits(
    new_store: NewStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    waits: list[float] = []
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None, check_same_thread=False)) as first:
        first.execute("BEGIN IMMEDIATE")

        def wait(seconds: float) -> None:
            waits.append(seconds)
            first.execute("ROLLBACK")

        monkeypatch.setattr(time, "sleep", wait)
        store = new_store()
        await store.apply([COUNT])
    assert (waits, store.trouble, await counted(new_store())) == ([0.005], None, 1)
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_file_that_another_makes_too_long_is_written_later(
    new_store: NewStore, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.adapters.sqlite_file.BUSY_S", 0.05)
    folder.mkdir(parents=True)
    store = new_store()
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        await store.apply([COUNT])
        assert store.trouble == (
            "state is kept in memory only, until the disk works again: the disk refused (SQLITE_BUSY)"
        )
    clock.now += RETRY_S
    assert (await counted(new_store()), await counted(store), store.trouble) == (0, 1, None)


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
