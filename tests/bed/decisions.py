"""How long decisions take, in one process: a hundred targets, over an empty store and over a full one."""

import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread
from msgspec import Struct

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import CountRequest
from tests.bed import store_million
from tests.bed.stores import StoreUsers
from tests.flying import NOW, Flying, Opencode

TARGETS: Final = 100
TIMES: Final = 400
HAMMERED: Final = 3000
"""Writes, one after the other, each in a transaction of its own."""

LIMITS: Final = {f"p{number}": {"limits": {"requestsPerDay": 1e9}} for number in range(0, TARGETS, 2)}
"""Of every second provider, as nothing else makes a decision read what was used."""


class Spans(Struct):
    """Milliseconds of many calls."""

    p50: float
    p99: float


class Taken(Struct):
    """How long a decision took, over one store."""

    unchanged: Spans
    """Nobody has written since the last one."""
    counted: Spans
    """This process has counted a request since."""
    written: Spans
    """Another sidecar has written since."""
    hammered: Spans
    """Another process writes all the time."""
    turn: Spans
    """`turn/route`, as `unchanged`."""


def measure() -> dict[str, Taken]:
    """Measure over an empty store, and over a full one."""
    return {name: anyio.run(_measure, is_full) for name, is_full in (("empty", False), ("full", True))}


async def _measure(is_full: bool) -> Taken:
    async with _one(is_full=is_full) as (one, folder):
        other = SqliteStore(folder, lambda: NOW)

        async def count() -> None:
            await one.application.store.apply([CountRequest(NOW, "p1", "m", failed=False)])

        async def write() -> None:
            await other.apply([CountRequest(NOW, "p1", "m", failed=False)])

        async def plan() -> None:
            assert await one.request("p1").plan() == "p1"

        async def turn() -> None:
            assert await one.turn("p1") is None

        await _timed(plan)
        taken = Taken(
            unchanged=await _timed(plan),
            counted=await _timed(plan, count),
            written=await _timed(plan, write),
            hammered=await _hammered(folder, plan),
            turn=await _timed(turn),
        )
        await other.aclose()
        return taken


@asynccontextmanager
async def _one(*, is_full: bool) -> AsyncGenerator[tuple[Opencode, Path]]:
    """Open an OpenCode, and say where its store is."""
    with tempfile.TemporaryDirectory() as name:
        names = [f"p{number}" for number in range(TARGETS)]
        async with Flying(Path(name), *names, providers=LIMITS) as bed:
            bed.kind_of_store = SqliteStore
            folder = Path(bed.machine.places.state)
            if is_full:
                await store_million.fill(folder, NOW)
            yield await bed.opencode(), folder


async def _hammered(folder: Path, plan: Callable[[], Awaitable[None]]) -> Spans:
    with StoreUsers(folder) as users:
        user = users.start()
        user.tell("load")
        await anyio.to_thread.run_sync(user.said)
        user.tell(f"count {HAMMERED}")
        spans = await _timed(plan)
        await anyio.to_thread.run_sync(lambda: [user.said() for _ in range(HAMMERED)])
    return spans


async def _timed(
    work: Callable[[], Awaitable[None]], before: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
) -> Spans:
    took: list[float] = []
    for _ in range(TIMES):
        await before()
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return Spans(took[TIMES // 2], took[TIMES * 99 // 100])
