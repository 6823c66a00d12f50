"""Who waits for the disk and who does not: what is known at once, what goes on beside, in which order."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import sqlite3
import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from sidecar.adapters import sqlite_reading, sqlite_rows, sqlite_store
from sidecar.adapters.sqlite_file import DatabaseFile
from sidecar.adapters.sqlite_reading import Reading
from sidecar.adapters.sqlite_store import DATABASE, RETRY_S, SqliteStore
from sidecar.adapters.store import Mutation, PutCooldown, PutSession, ReleaseClaim, State
from sidecar.core.alerts import Mark
from sidecar.core.decision import SessionRoute
from tests.bed.processes import wait_until
from tests.bed.store_user import NOW
from tests.bed.stores import COUNT, Clock, NewStore, counted
from tests.test_store_contract import TTL_S
from tests.test_store_routes import MODEL, STATED, A, B


@pytest.fixture
async def store(new_store: NewStore) -> SqliteStore:
    """Return one that is open."""
    one = new_store()
    await one.load(NOW)
    return one


@contextmanager
def busy(folder: Path) -> Generator[None]:
    """Write for so long, as another process would."""
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class Halt:
    """A place where the store's thread stands still, the first time that it comes there."""

    def __init__(self) -> None:
        self.is_reached = threading.Event()
        self.goes_on = threading.Event()
        self.times = 0

    def stop(self) -> None:
        self.times += 1
        if self.times == 1:
            self.is_reached.set()
            self.goes_on.wait(10)

    async def reached(self) -> None:
        assert await anyio.to_thread.run_sync(self.is_reached.wait, 10)


@contextmanager
def after_reading(monkeypatch: pytest.MonkeyPatch) -> Generator[Halt]:
    """Halt when the rows have been read, and before anything is made of them."""
    halt = Halt()

    whole = sqlite_reading.read

    def read(db: sqlite3.Connection, now: float, last: Reading | None) -> Reading:
        result = whole(db, now, last)
        halt.stop()
        return result

    monkeypatch.setattr(sqlite_reading, "read", read)
    yield halt
    halt.goes_on.set()


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Halt]:
    with after_reading(monkeypatch) as halt:
        yield halt


async def test_a_busy_disk_keeps_nobody_waiting_and_nothing_is_lost_by_it(
    store: SqliteStore, new_store: NewStore, folder: Path
) -> None:
    with busy(folder):
        await store.apply([PutCooldown(STATED)], within_s=0)
        assert (await store.load(NOW, within_s=0)).cooldowns == {MODEL: STATED}
        await store.apply([COUNT], within_s=0.01)
        assert store.state(NOW).cooldowns == (await store.load(NOW, 0.01)).cooldowns == {MODEL: STATED}
        assert not await store.claim("probe", "a", TTL_S, NOW, within_s=0.01)
        assert (await new_store().load(NOW)).cooldowns == {}
    await store.apply([])
    other = await new_store().load(NOW)
    assert (other.cooldowns, other.usage, store.trouble) == ({MODEL: STATED}, store.state(NOW).usage, None)


async def test_what_waits_is_written_in_the_order_of_the_calls(
    store: SqliteStore, new_store: NewStore, folder: Path
) -> None:
    with busy(folder):
        for number in range(50):
            await store.apply([PutSession(SessionRoute("s", A, NOW + number, B))], within_s=0)
    await store.aclose()
    assert (await new_store().load(NOW)).sessions == {"s": SessionRoute("s", A, NOW + 49, B)}


async def test_what_comes_during_a_write_that_fails_is_written_after_it(
    new_store: NewStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt, store = Halt(), new_store()
    earlier, later = (SessionRoute("s", target, NOW) for target in (A, B))

    def write(db: sqlite3.Connection, mutation: Mutation | sqlite_rows.SwapMark) -> None:
        halt.stop()
        if halt.times == 1:
            raise sqlite3.OperationalError
        sqlite_rows.write(db, mutation)

    noting = SimpleNamespace(**vars(sqlite_rows) | {"write": write})
    monkeypatch.setattr(sqlite_store, "rows", noting)
    await store.apply([PutSession(earlier)], within_s=0)
    await halt.reached()
    await store.apply([PutSession(later)], within_s=0)
    halt.goes_on.set()
    await store.apply([])
    assert store.trouble is not None
    clock.now += RETRY_S
    await store.apply([])
    assert (await new_store().load(NOW)).sessions == store.state(NOW).sessions == {"s": later}


async def test_what_still_waits_is_written_when_the_store_is_closed(
    store: SqliteStore, new_store: NewStore, folder: Path
) -> None:
    async with anyio.create_task_group() as tasks:
        with busy(folder):
            await store.apply([COUNT] * 3, within_s=0)
            tasks.start_soon(store.aclose)
            await anyio.lowlevel.checkpoint()
            await store.apply([COUNT], within_s=0)  # by one who has not heard of the end
            tasks.start_soon(store.aclose)
            await anyio.lowlevel.checkpoint()
    assert await counted(new_store()) == 4


async def test_a_last_chance_is_taken_when_the_store_is_closed(new_store: NewStore, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    store = new_store()
    await store.apply([COUNT])
    assert store.trouble is not None
    folder.unlink()
    await store.aclose()
    assert await counted(new_store()) == 1


async def test_news_that_come_while_ours_wait_neither_hide_nor_double_them(
    new_store: NewStore, reading: Halt
) -> None:
    ours, other = new_store(), new_store()
    await other.apply([COUNT, PutCooldown(STATED)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ours.apply, [COUNT])
        tasks.start_soon(ours.load, NOW)
        await reading.reached()
        await ours.apply([COUNT, COUNT], within_s=0)
        assert (sum(row.requests for row in ours.state(NOW).usage), ours.state(NOW).cooldowns) == (3, {})
        reading.goes_on.set()
    state = ours.state(NOW)
    assert (sum(row.requests for row in state.usage), state.cooldowns) == (4, {MODEL: STATED})
    await ours.apply([])
    assert await counted(ours) == await counted(other) == await counted(new_store()) == 4


async def test_who_asks_while_another_reads_is_told_what_was_written_in_between(
    new_store: NewStore, reading: Halt
) -> None:
    ours, other = new_store(), new_store()
    found: list[State] = []

    async def load() -> None:
        found.append(await ours.load(NOW))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(load)
        await reading.reached()
        await other.apply([PutCooldown(STATED)])
        tasks.start_soon(load)
        await anyio.lowlevel.checkpoint()
        reading.goes_on.set()
    assert [state.cooldowns for state in found] in ([{}, {MODEL: STATED}], [{MODEL: STATED}] * 2)
    assert found[-1].cooldowns == {MODEL: STATED}


async def test_all_who_wait_share_one_entry_into_the_database(
    new_store: NewStore, reading: Halt, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()
    entries: list[None] = []
    use = DatabaseFile.use

    def noted(file: DatabaseFile) -> AbstractContextManager[sqlite3.Connection]:
        entries.append(None)
        return use(file)

    monkeypatch.setattr(DatabaseFile, "use", noted)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.load, NOW)
        await reading.reached()
        for _ in range(50):
            tasks.start_soon(store.load, NOW)
            tasks.start_soon(store.apply, [COUNT])
        await anyio.lowlevel.checkpoint()
        reading.goes_on.set()
    assert await counted(store) == 50
    await store.aclose()
    assert len(entries) <= 4, "the two, that of the last load, and one to drop what is old"


async def test_calls_that_were_given_up_never_meet_in_the_database(
    new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()
    inside, met = [0], [0]
    use = DatabaseFile.use

    @contextmanager
    def alone(file: DatabaseFile) -> Generator[sqlite3.Connection]:
        inside[0] += 1
        met[0] = max(met[0], inside[0])
        try:
            with use(file) as db:
                yield db
        finally:
            inside[0] -= 1

    monkeypatch.setattr(DatabaseFile, "use", alone)
    for number in range(30):
        async with anyio.create_task_group() as tasks:
            for begin in (store.aclose, *([lambda: store.load(NOW), lambda: store.apply([COUNT])] * 3)):
                tasks.start_soon(begin)
            for _ in range(number % 4):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    await store.apply([])
    assert met == [1]
    assert await counted(store) == await counted(new_store())


async def test_a_claim_that_is_granted_too_late_is_given_back(
    store: SqliteStore, new_store: NewStore, folder: Path
) -> None:
    with busy(folder):
        assert not await store.claim("probe", "a", TTL_S, NOW, within_s=0.01)
        with anyio.move_on_after(0.01):
            await store.claim("probe", "b", TTL_S, NOW)
    await store.apply([])
    await store.apply([])
    assert await new_store().claim("probe", "c", TTL_S, NOW)


@pytest.mark.parametrize("old", [None, Mark(20, NOW - 9, NOW)])
async def test_a_mark_that_is_set_for_who_has_gone_is_undone_before_the_store_is_closed(
    store: SqliteStore, new_store: NewStore, folder: Path, old: Mark | None
) -> None:
    await store.swap("mark", None, old)
    async with anyio.create_task_group() as closing:
        with busy(folder):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(store.swap, "mark", old, Mark(5, NOW, NOW + 9))
                await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            closing.start_soon(store.aclose)
            await anyio.lowlevel.checkpoint()
    assert (await new_store().load(NOW)).marks == ({} if old is None else {"mark": old})


async def test_a_claim_in_time_is_kept(store: SqliteStore, new_store: NewStore) -> None:
    assert await store.claim("probe", "a", TTL_S, NOW, within_s=10)
    assert not await store.claim("probe", "b", TTL_S, NOW, within_s=10)
    await store.apply([ReleaseClaim("probe", "b")])
    assert not await new_store().claim("probe", "c", TTL_S, NOW)


async def test_a_store_has_a_thread_only_while_it_is_open(folder: Path) -> None:
    def threads() -> int:
        return sum(thread.name.startswith("store") for thread in threading.enumerate())

    store = SqliteStore(folder, lambda: NOW)
    wait_until(lambda: threads() == 0, "those of other tests have ended")
    assert store.state(NOW) == State({}, (), {})
    await store.aclose()
    assert threads() == 0
    for _ in range(2):
        await store.apply([COUNT])
        assert threads() == 1
        await store.aclose()
        wait_until(lambda: threads() == 0, "the thread has ended")
