"""A month of heavy use, put through the real store as fast as it takes it: what is left of it on the disk.

Fifty gateways are read each minute of a working day, twenty models get 3,000 requests a day, and the user
is told of every window as it drains and turns.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
from msgspec import Struct

from sidecar.adapters.sqlite_store import DATABASE, SqliteStore
from sidecar.adapters.store import CountRequest, Mark, Mutation, PutQuota, QuotaKey, QuotaSnapshot
from sidecar.core.account import Account
from sidecar.quota.windows import Window

DAYS: Final = 31
MINUTES: Final = 8 * 60
GATEWAYS: Final = 50
MODELS: Final = 20
REQUESTS: Final = 3000
TOLD: Final = (20.0, 5.0, 0.0)
WINDOWS: Final = ("daily", "monthly")
LOADS: Final = 101

_DAY_S: Final = 86400.0
_BEGIN: Final = 1_790_000_000.0 // _DAY_S * _DAY_S + 9 * 3600


class Month(Struct):
    """What a month leaves behind."""

    size_bytes: int
    """The file and its -wal, while a sidecar has it open."""
    unchanged_ms: float
    """Median of `load` when nobody has written since the last one."""
    changed_ms: float
    """Median of `load` right after another sidecar has written."""


def simulate() -> Month:
    """Live through the month in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return anyio.run(_live, Path(folder))


async def _live(folder: Path) -> Month:
    now = _BEGIN
    store, other = (SqliteStore(folder, lambda: now) for _ in range(2))
    chance = random.Random(31)  # noqa: S311 - the same in every run
    for day in range(DAYS):
        for minute in range(MINUTES):
            now = _BEGIN + day * _DAY_S + minute * 60
            await store.apply(_minute(now, minute, chance))
            await store.claim(f"fetch:{minute % GATEWAYS}", str(minute), 20.0, now)
        await _tell(store, now)
    size = _size(folder)

    async def write() -> None:
        await other.apply([CountRequest(now, "p", "m", failed=False)])

    unchanged, changed = await _timed(store, now, anyio.lowlevel.checkpoint), await _timed(store, now, write)
    for one in (store, other):
        assert one.trouble is None
        await one.aclose()
    return Month(size, unchanged, changed)


def _size(folder: Path) -> int:
    return sum((folder / f"{DATABASE}{companion}").stat().st_size for companion in ("", "-wal"))


def _minute(now: float, minute: int, chance: random.Random) -> list[Mutation]:
    snapshot = _snapshot(now, 1 - minute / MINUTES)
    quotas = [PutQuota(key, snapshot) for key in _KEYS]
    requests = [
        CountRequest(now, f"gateway-{model % 5}", f"vendor/model-{model}-large", chance.random() < 0.01)
        for model in chance.choices(range(MODELS), k=REQUESTS // MINUTES + (chance.random() < 0.25))
    ]
    return [*quotas, *requests]


_KEYS: Final = [
    QuotaKey(Account(f"gateway-{number}", f"https://gateway-{number}.example", "0" * 16), "1" * 16)
    for number in range(GATEWAYS)
]


def _snapshot(now: float, share: float) -> QuotaSnapshot:
    windows = tuple(
        Window(name, "tokens", limit=10_000_000, used=1_234_567, percent_remaining=share * 100,
               resets_at=now + 3600, period_s=_DAY_S)
        for name in WINDOWS
    )  # fmt: skip
    return QuotaSnapshot(windows, "A Person <person@example.org>", read_at=now, attempted_at=now)


async def _tell(store: SqliteStore, now: float) -> None:
    """Tell of each threshold of each window once, as on every day."""
    marks = (await store.load(now)).marks
    for key in (f"gateway-{number}:{name}" for number in range(GATEWAYS) for name in WINDOWS):
        last = marks.get(key)
        for level in TOLD:
            mark = Mark(level, now, now + 3600)
            assert await store.swap(key, last, mark)
            last = mark


async def _timed(store: SqliteStore, now: float, before: Callable[[], Awaitable[None]]) -> float:
    took: list[float] = []
    for _ in range(LOADS):
        await before()
        began = time.perf_counter()
        await store.load(now)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
