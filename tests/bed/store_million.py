"""A store as full as it gets: a million rows of use, a waiting provider in twenty, fifty readings of quotas.

The last two days, which every decision looks at, hold what twenty models leave behind in every hour; all the
rest is of the two months before.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sidecar.adapters.sqlite_schema import KEEP_USAGE_HOURS
from sidecar.adapters.sqlite_store import DATABASE, SqliteStore
from sidecar.adapters.store import USAGE_HOURS, PutCooldown, PutQuota, PutSession, QuotaKey, QuotaSnapshot
from sidecar.core.account import Account
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import SessionRoute
from sidecar.protocol import Target
from sidecar.quota.windows import Window

ROWS: Final = 1_000_000
USED: Final = 20
"""Models that are used in every hour of the last two days."""
READ: Final = 50

_INSERT: Final = (
    "INSERT INTO usage (hour, provider_id, model_id, requests, failures, tokens, cost)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


async def fill(folder: Path, now: float) -> None:
    """Put the rows into the store of *folder*, which nobody uses yet."""
    store = SqliteStore(folder, lambda: now)
    await store.apply([*_quotas(now), *_waits(now), *_sessions(now)])
    await store.aclose()
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.executemany(_INSERT, _usage(int(now // 3600)))
        db.execute("COMMIT")


def _usage(hour: int) -> Iterator[tuple[object, ...]]:
    chance = random.Random(1)  # noqa: S311 - the same in every run
    older = range(hour - KEEP_USAGE_HOURS + 1, hour - USAGE_HOURS)
    recent = range(hour - USAGE_HOURS, hour + 1)
    in_an_hour = -(-(ROWS - len(recent) * USED) // len(older))
    for hours, many in ((older, in_an_hour), (recent, USED)):
        for at in hours:
            for number in range(many):
                requests, tokens = chance.randrange(1, 60), chance.randrange(1000, 100_000)
                yield at, f"p{number % 100}", f"vendor/model-{number}", requests, 0, tokens, tokens / 1e6


def _account(name: str) -> Account:
    return Account(name, f"https://{name}.example", "0" * 16)


def _quotas(now: float) -> Iterator[PutQuota]:
    windows = tuple(
        Window(
            name, "tokens", limit=1e7, used=2e6, percent_remaining=80.0, resets_at=now + 9000, period_s=period
        )
        for name, period in (("daily", 86400.0), ("monthly", 2_592_000.0))
    )
    for number in range(READ):
        snapshot = QuotaSnapshot(windows, "A Person", read_at=now, attempted_at=now)
        yield PutQuota(QuotaKey(_account(f"p{number}"), "1" * 16), snapshot)


def _waits(now: float) -> Iterator[PutCooldown]:
    for number in range(0, 100, 20):
        account = _account(f"p{number}")
        key = CooldownKey("account", account.origin, account.provider_id, account.fingerprint)
        yield PutCooldown(
            Cooldown(key, "quota-exhausted-long", now - 60, now + 7200, stated=True, began=now - 60)
        )


def _sessions(now: float) -> Iterator[PutSession]:
    for number in range(200):
        chosen, moved = Target("p1", "m"), Target("p2", "m")
        yield PutSession(SessionRoute(f"ses_{number}", chosen, now - number, moved))
