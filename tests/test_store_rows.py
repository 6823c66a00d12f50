"""Single rows that cannot be read or written: they cost only themselves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sidecar.adapters.sqlite_store import DATABASE
from sidecar.adapters.store import (
    CountRequest,
    CountTokens,
    HourUsage,
    Mark,
    Mutation,
    PutCooldown,
    PutDecision,
    PutQuota,
    PutSession,
    QuotaSnapshot,
)
from sidecar.core.decision import SessionRoute
from tests.bed.store_user import NOW
from tests.bed.stores import COUNT, NewStore, counted
from tests.test_store_contract import HOUR, SNAPSHOT, key
from tests.test_store_routes import MODEL, STATED, A, B, decision

MOVED = SessionRoute("s", A, NOW, B)


async def test_a_row_that_cannot_be_read_costs_only_itself(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.apply([PutQuota(key("bad"), SNAPSHOT), PutQuota(key("good"), SNAPSHOT), COUNT])
    await store.apply([PutCooldown(STATED), PutSession(MOVED), PutDecision(decision(1))])
    mark = Mark(20, NOW)
    assert await store.swap("good", None, mark)
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE quota SET snapshot = ? WHERE provider_id = 'bad'", (b'{"windows": 5}',))
        db.execute("INSERT INTO usage VALUES (?, 'p', 'n', 'many', 0, 0, NULL, 0, 0)", (HOUR,))
        db.execute("INSERT INTO usage VALUES (?, 'p', CAST(? AS TEXT), 3, 0, 0, NULL, 0, 0)", (HOUR, b"\xff"))
        db.execute("INSERT INTO mark VALUES ('bad', 'low', 0, NULL)")
        db.execute("INSERT INTO cooldown VALUES ('model', 'x', 'p', 'f', 'm', 0, 9e9, ?)", (b'{"since":',))
        db.execute("INSERT INTO session VALUES ('bad', 0, 5)")
        db.execute("INSERT INTO decision (decision) VALUES (?)", (b"{}",))
    state = await store.load(NOW)
    assert state.quotas == {key("good"): SNAPSHOT}
    assert set(state.usage) == {HourUsage(HOUR, "p", "m", 1, 0), HourUsage(HOUR, "p", "\ufffd", 3, 0)}
    assert (state.marks, state.cooldowns, state.sessions) == ({"good": mark}, {MODEL: STATED}, {"s": MOVED})
    assert (await store.decisions(), store.trouble) == ([decision(1)], None)


async def test_a_cooldown_that_cannot_be_read_is_replaced(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.apply([PutCooldown(STATED)])
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE cooldown SET cooldown = 'x'")
    assert (await store.load(NOW)).cooldowns == {}
    await store.apply([PutCooldown(STATED)])
    assert (await new_store().load(NOW)).cooldowns == {MODEL: STATED}


@pytest.mark.parametrize(
    "bad",
    [
        CountRequest(NOW, "\ud800", "m", failed=False),
        CountRequest(1e30, "p", "m", failed=False),
        PutQuota(key(), QuotaSnapshot(account_name="\ud800")),
        PutQuota(key(), QuotaSnapshot(attempted_at=float("nan"))),
        CountTokens(NOW, "q", "m", float("nan"), None),
        PutCooldown(msgspec.structs.replace(STATED, until=float("nan"))),
        PutSession(SessionRoute("\ud800", A, NOW)),
        PutDecision(msgspec.structs.replace(decision(1), agent="\ud800")),
    ],
)
async def test_what_cannot_be_written_costs_only_itself(new_store: NewStore, bad: Mutation) -> None:
    store = new_store()
    await store.apply([COUNT, bad, COUNT])
    await store.apply([COUNT])
    assert store.trouble is None
    assert await counted(new_store()) == 3
