"""What the store knows at once: never less than what is on the disk, and None where that can't be told."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import anyio
import anyio.to_thread
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given

from sidecar.adapters import sqlite_rows, sqlite_store, sqlite_watch
from sidecar.adapters.sqlite_store import DATABASE, RETRY_S, SqliteStore
from sidecar.adapters.sqlite_watch import UNVERIFIED_S, Watch
from sidecar.adapters.store import (
    CountRequest,
    DropLease,
    Lease,
    Mark,
    Mutation,
    PutCooldown,
    PutLease,
    PutSession,
    ResetProvider,
    State,
)
from sidecar.core.decision import SessionRoute
from tests.bed.store_user import KEPT, NOW
from tests.bed.stores import COUNT, Clock, NewStore, StoreUsers, comparable, counted
from tests.test_store_contract import TTL_S
from tests.test_store_routes import MODEL, STATED, A, B
from tests.test_store_waiting import Halt, after_reading, busy


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the time in which a file is trusted pass as a test says."""
    clock = Clock()
    monkeypatch.setattr(sqlite_store, "monotonic", clock)
    monkeypatch.setattr(sqlite_watch, "monotonic", clock)
    return clock


@pytest.fixture
async def store(new_store: NewStore, monotonic: Clock) -> SqliteStore:
    """Return one that has loaded what there is: nothing."""
    del monotonic
    one = new_store()
    for _ in range(2):  # between them it looks for old rows
        await one.load(NOW)
    return one


async def test_nothing_is_fresh_before_it_was_read(new_store: NewStore) -> None:
    one = new_store()
    assert one.fresh(NOW) is None
    await one.apply([COUNT])
    assert one.fresh(NOW) is None, "it was written, but nothing has been read yet"
    assert await one.load(NOW) == one.fresh(NOW) == one.state(NOW)


async def test_what_another_process_writes_is_noticed_by_the_very_next_call(
    store: SqliteStore, users: StoreUsers
) -> None:
    user = users.start()
    for number in range(1, 20):
        assert store.fresh(NOW) is store.state(NOW)
        assert user.counts(1) == [KEPT]
        assert store.fresh(NOW) is None
        assert await counted(store) == number
    assert store.fresh(NOW) is store.state(NOW)


async def test_what_another_wrote_before_us_stays_noticed_after_our_own_write(
    store: SqliteStore, new_store: NewStore
) -> None:
    await new_store().apply([PutCooldown(STATED)])
    await store.apply([COUNT])
    assert await store.claim("fetch", "a", TTL_S, NOW)
    assert store.fresh(NOW) is None
    await store.load(NOW)
    state = store.fresh(NOW)
    assert state is not None
    assert (state.cooldowns, len(state.usage)) == ({MODEL: STATED}, 1)


async def test_what_is_on_its_way_to_a_busy_disk_is_fresh_already(store: SqliteStore, folder: Path) -> None:
    with busy(folder):
        await store.apply([PutCooldown(STATED)], within_s=0)
        state = store.fresh(NOW)
        assert state is not None
        assert state.cooldowns == {MODEL: STATED}


async def test_nobody_waits_for_a_reading_that_hangs(
    store: SqliteStore, new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_store()
    await other.apply([COUNT])
    with after_reading(monkeypatch) as halt:
        await store.load(NOW, within_s=0)
        await halt.reached()
        assert store.fresh(NOW) is None, "what was read is not known yet"
        halt.goes_on.set()
        await store.apply([])
    assert store.fresh(NOW) is store.state(NOW)
    assert len(store.state(NOW).usage) == 1


async def test_a_thread_that_hangs_on_the_disk_is_trusted_for_a_second(
    store: SqliteStore, monotonic: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt = Halt()
    claim = sqlite_rows.claim

    def hang(db: sqlite3.Connection, key: str, owner: str, ttl_s: float, now: float) -> bool:
        halt.stop()
        return claim(db, key, owner, ttl_s, now)

    monkeypatch.setattr(sqlite_rows, "claim", hang)
    assert not await store.claim("probe", "a", TTL_S, NOW, within_s=0)
    await halt.reached()
    assert store.fresh(NOW) is store.state(NOW)
    monotonic.now += UNVERIFIED_S + 0.001
    assert store.fresh(NOW) is None
    halt.goes_on.set()
    await store.apply([])


async def test_a_file_that_another_has_replaced_is_noticed_within_a_second(
    store: SqliteStore, new_store: NewStore, folder: Path, monotonic: Clock
) -> None:
    for file in folder.glob(f"{DATABASE}*"):
        file.rename(folder / f"away{file.name}")
    await new_store().apply([COUNT])
    monotonic.now += UNVERIFIED_S
    assert store.fresh(NOW) is not None, "the other file is the only one that it can see"
    monotonic.now += 0.001
    assert store.fresh(NOW) is None
    assert await counted(store) == 1
    assert await store.load(NOW) is store.fresh(NOW)


async def test_nothing_is_fresh_while_the_disk_fails(
    store: SqliteStore, folder: Path, clock: Clock, monotonic: Clock
) -> None:
    del monotonic
    folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    await store.apply([COUNT])
    assert (store.fresh(NOW), store.trouble is None) == (None, False)
    folder.unlink()
    clock.now += RETRY_S
    assert (await counted(store), store.trouble) == (1, None)
    assert store.fresh(NOW) is store.state(NOW)


async def test_a_closed_store_says_nothing_and_may_be_opened_again(store: SqliteStore) -> None:
    await store.aclose()
    assert store.fresh(NOW) is None
    assert await store.load(NOW) is store.fresh(NOW)


async def test_a_clock_set_back_may_lack_hours(new_store: NewStore) -> None:
    store = new_store()
    await store.load(NOW + 3600)
    assert [store.fresh(at) is None for at in (NOW + 3600, NOW, NOW + 7200)] == [False, True, False]


async def test_a_mark_that_another_swapped_is_noticed(store: SqliteStore, new_store: NewStore) -> None:
    assert await new_store().swap("a", None, Mark(5, NOW))
    assert store.fresh(NOW) is None
    assert not await store.swap("a", None, Mark(6, NOW))
    assert store.fresh(NOW) is None
    assert (await store.load(NOW)).marks == {"a": Mark(5, NOW)}


async def test_others_that_are_killed_while_they_write_hide_nothing(
    store: SqliteStore, users: StoreUsers
) -> None:
    for _ in range(10):
        user = users.start()
        user.tell("count 1000")
        known = sum(row.requests for row in store.state(NOW).usage)
        assert user.said() == KEPT
        assert store.fresh(NOW) is None
        await anyio.to_thread.run_sync(user.kill)
        state = store.fresh(NOW) or await store.load(NOW)
        assert sum(row.requests for row in state.usage) > known
        assert store.fresh(NOW) is store.state(NOW)


def test_a_journal_that_is_no_wal_is_not_watched(tmp_path: Path) -> None:
    path = tmp_path / "ä ?#%.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (x)")
        assert Watch(path).version() is None
        db.execute("PRAGMA journal_mode = WAL")
        watch = Watch(path)
        before = watch.version()
        assert before == watch.version()
        db.execute("INSERT INTO t VALUES (1)")
        db.commit()
        assert watch.version() not in (None, before)
        watch.close()
        assert watch.version() is None


def test_who_asks_while_another_asks_is_told_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        watch = Watch(path)
        with watch._lock:  # pyright: ignore[reportPrivateUsage] - as the thread holds it
            assert watch.version() is None
        assert watch.version() is not None
        watch.close()


Step = tuple[str, str, float]
"""Who does it, what, and how many hours ago, or how many later."""

STEPS = st.tuples(
    st.sampled_from(["ours", "ours", "other", "other", "load", "later"]),
    st.sampled_from(["count", "reset", "reset all", "move", "cool", "ask", "answer"]),
    st.sampled_from([0, 1, 2, 5, 40, -1, 0.5]),
)


def mutation(what: str, ago: float, now: float) -> Mutation:
    at = now - ago * 3600
    match what:
        case "count":
            return CountRequest(at, "p", f"m{ago}", failed=False)
        case "move":
            return PutSession(SessionRoute("s", A, at, B))
        case "cool":
            return PutCooldown(msgspec.structs.replace(STATED, since=at))
        case "ask":
            return PutLease(f"r{ago}", Lease("p", at + 10))
        case "answer":
            return DropLease(f"r{ago}")
        case _:
            return ResetProvider(None if what == "reset all" else "p", now)


async def on_disk(folder: Path, now: float) -> State:
    one = SqliteStore(folder, lambda: now)
    state = await one.load(now)
    await one.aclose()
    return comparable(state)


@given(st.lists(STEPS, max_size=12))
@example([("other", "count", 5), ("load", "", 0), ("other", "reset", 0)])
@example([("other", "count", 2)])
@example([("ours", "count", 40), ("other", "count", 0)])
@example([("later", "", 1), ("other", "count", 2), ("later", "", -1), ("other", "count", 0)])
@example([("other", "count", 0), ("ours", "reset all", 0)])
@example(
    [("other", "ask", 0), ("load", "", 0), ("later", "", 0.5), ("other", "ask", 0.5), ("later", "", -0.5)]
)
def test_what_is_fresh_or_loaded_is_what_a_new_reading_gives(steps: list[Step]) -> None:
    async def live(folder: Path) -> None:
        clock = Clock()
        stores = {"ours": SqliteStore(folder, clock), "other": SqliteStore(folder, clock)}
        ours = stores["ours"]
        await ours.load(clock.now)
        for who, what, hours in [*steps, ("load", "", 0)]:
            if who == "later":
                clock.now += hours * 3600
            elif who != "load":
                await stores[who].apply([mutation(what, hours, clock.now)])
            expected = await on_disk(folder, clock.now)
            if state := ours.fresh(clock.now):
                assert comparable(state) == expected
            if who == "load":
                assert comparable(await ours.load(clock.now)) == expected
        for one in stores.values():
            await one.aclose()

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder))
