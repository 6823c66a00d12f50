"""What is dropped from the file, when, and that this keeps nobody from anything."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidecar.adapters import sqlite_schema, sqlite_store
from sidecar.adapters.sqlite_schema import (
    KEEP_COOLDOWN_S,
    KEEP_MARK_S,
    KEEP_QUOTA_S,
    KEEP_SESSION_S,
    KEEP_USAGE_HOURS,
    MOST_ROWS,
    PRUNED_AT_ONCE,
    REWRITTEN,
)
from sidecar.adapters.sqlite_store import DATABASE, PRUNE_S
from sidecar.adapters.store import (
    MOST_DECISIONS,
    CountRequest,
    Mark,
    PutCooldown,
    PutDecision,
    PutQuota,
    PutSession,
    QuotaSnapshot,
)
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import Decision, SessionRoute
from sidecar.protocol import Target
from tests.bed.processes import wait_until
from tests.bed.store_user import KEPT, NOW
from tests.bed.stores import COUNT, Clock, NewStore, StoreUsers, counted
from tests.test_store_contract import SNAPSHOT, TTL_S, key
from tests.test_store_waiting import Halt


async def test_nobody_waits_for_what_is_dropped(new_store: NewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    halt, patience = Halt(), list[tuple[object, ...]]()

    def prune(db: sqlite3.Connection, now: float) -> bool:
        patience.extend(db.execute("PRAGMA busy_timeout"))
        halt.stop()
        return sqlite_schema.prune(db, now)

    noting = SimpleNamespace(**vars(sqlite_schema) | {"prune": prune})
    monkeypatch.setattr(sqlite_store, "schema", noting)
    store = new_store()
    await store.apply([COUNT])
    await halt.reached()
    await store.apply([COUNT], within_s=0)
    assert (await store.load(NOW, within_s=0)).usage[0].requests == 2
    halt.goes_on.set()
    assert await counted(store) == await counted(new_store()) == 2
    assert patience[0] == (0,), "nor does it wait for others"


async def test_old_rows_are_dropped_when_the_file_is_opened(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    old = QuotaSnapshot(attempted_at=NOW - KEEP_QUOTA_S - 1)
    await store.apply([PutQuota(key("old"), old), PutQuota(key("new"), SNAPSHOT)])
    await store.apply([CountRequest(NOW - KEEP_USAGE_HOURS * 3600 - 3600, "p", "old", False), COUNT])
    assert await store.claim("ended", "a", TTL_S, NOW - 100)
    assert await store.claim("held", "a", TTL_S, NOW)
    await store.aclose()
    again = new_store()
    await again.load(NOW)  # what it answers is not kept waiting for that
    await again.aclose()
    assert (await again.load(NOW)).quotas == {key("new"): SNAPSHOT}
    assert not await again.claim("held", "b", TTL_S, NOW)
    with closing(sqlite3.connect(folder / DATABASE)) as db:  # rows that no load shows
        models = db.execute("SELECT model_id FROM usage").fetchall()
        claims = db.execute("SELECT key FROM claim ORDER BY key").fetchall()
    assert (models, claims) == ([("m",)], [("held",), (REWRITTEN,)])


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


async def test_cooldowns_and_sessions_that_are_long_over_are_dropped(new_store: NewStore) -> None:
    store = new_store()
    waits = {
        name: Cooldown(CooldownKey("origin", name), "network", since, until, stated=False)
        for name, since, until in [
            ("old", NOW - 1e6, NOW - KEEP_COOLDOWN_S - 1), ("ended", NOW - 1e6, NOW - KEEP_COOLDOWN_S + 1),
            ("long", NOW - 1e6, NOW + 1e6),
        ]
    }  # fmt: skip
    target = Target("p", "m")
    old, kept = (SessionRoute(str(at), target, at) for at in (NOW - KEEP_SESSION_S - 1, NOW - KEEP_SESSION_S))
    await store.apply([*map(PutCooldown, waits.values()), PutSession(old), PutSession(kept)])
    await reopened(new_store)
    state = await new_store().load(NOW)
    assert {row.key.origin for row in state.cooldowns.values()} == {"ended", "long"}
    assert state.sessions == {kept.session_id: kept}


async def test_only_the_newest_cooldowns_and_sessions_are_kept(new_store: NewStore) -> None:
    target, newest = Target("p", "m"), range(5, MOST_ROWS + 5)
    await new_store().apply([
        *(PutCooldown(Cooldown(CooldownKey("origin", str(number)), "network", NOW + number, NOW + 9e5, False))
          for number in range(MOST_ROWS + 5)),
        *(PutSession(SessionRoute(str(number), target, NOW + number)) for number in range(MOST_ROWS + 5)),
    ])  # fmt: skip
    await reopened(new_store)
    state = await new_store().load(NOW)
    assert {int(row.key.origin) for row in state.cooldowns.values()} == {*newest}
    assert [*map(int, state.sessions)] == [*newest]


async def test_the_ring_of_decisions_does_not_grow_on_the_disk(new_store: NewStore, folder: Path) -> None:
    store, target = new_store(), Target("p", "m")
    for _ in range(3):
        one = PutDecision(Decision(NOW, "s", "build", target, "as chosen"))
        await store.apply([one] * MOST_DECISIONS)
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert db.execute("SELECT count(*), max(id) FROM decision").fetchone() == (200, 600)


async def reopened(new_store: NewStore) -> None:
    """Open the file, and close it after what is old has been dropped."""
    one = new_store()
    await one.load(NOW)
    await one.aclose()


async def test_only_the_newest_marks_and_quotas_are_kept(new_store: NewStore) -> None:
    store = new_store()
    for number in range(MOST_ROWS + 5):
        assert await store.swap(str(number), None, Mark(20, NOW + number))
    at_once = [PutQuota(key(str(number)), QuotaSnapshot(attempted_at=NOW)) for number in range(MOST_ROWS)]
    newer = QuotaSnapshot(attempted_at=NOW + 1)
    await store.apply([*at_once, PutQuota(key("newer"), newer)])
    await reopened(new_store)
    state = await new_store().load(NOW)
    assert list(state.marks) == [str(number) for number in sorted(map(str, range(5, MOST_ROWS + 5)))]
    assert (len(state.quotas), state.quotas[key("newer")]) == (MOST_ROWS, newer)


async def test_much_that_is_old_is_dropped_part_by_part(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.load(NOW)
    old, many = NOW - (KEEP_USAGE_HOURS + 1) * 3600, 2 * PRUNED_AT_ONCE + 5
    await store.apply([CountRequest(old, "p", str(number), failed=False) for number in range(many)])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        rows = "SELECT count(*) FROM usage"
        assert db.execute(rows).fetchone() == (many,)
        again = new_store()
        await again.apply([COUNT])
        wait_until(lambda: db.execute(rows).fetchone() == (1,), "the rest is dropped")
    assert await counted(again) == 1


async def test_what_is_too_old_and_cannot_be_dropped_keeps_nothing_from_being_read(
    new_store: NewStore, clock: Clock, users: StoreUsers
) -> None:
    store = new_store()
    clock.now -= KEEP_USAGE_HOURS * 3600 + 3600
    await store.apply([COUNT, CountRequest(clock.now, "p", "old", failed=False)])
    user = users.start()
    assert user.ask("limit 1") == "limit"
    assert user.ask("load") == "1"
    assert user.counts(1) != [KEPT]
    assert await counted(store) == 1
