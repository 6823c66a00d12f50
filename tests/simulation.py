"""`make simulate`: a day of coding at five providers on a virtual clock, with us and without, as a table.

The services are the real ones, in three sidecars that share a store; the providers refuse as real ones do.
"""

import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio

from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.store import PutQuota, QuotaKey, QuotaSnapshot
from sidecar.core.choose import Strategy
from sidecar.quota.windows import Window
from tests.bed.simulated_day import MIDNIGHT, OPENCODES, ORDER, TURNS, Time, Turn, sessions
from tests.bed.simulated_hosts import Alone, ByHand, Figures, Host, Ours, World, work
from tests.bed.simulated_providers import DAY_S
from tests.flying import MODEL, Flying, Opencode, target

SEED: Final = 7
LOOKED_UP_S: Final = 300.0
"""How often what is left at the providers is looked up."""


def main() -> int:
    """Print the table."""
    arms = {
        "OpenCode alone": anyio.run(without_us, Alone),
        "switched by hand": anyio.run(without_us, ByHand),
        "with us, priority": anyio.run(with_us, "priority"),
        "with us, headroom": anyio.run(with_us, "headroom"),
    }
    rows = [("a day, five providers", *arms)]
    for name in Figures.__struct_fields__:
        values = (getattr(figures, name) for figures in arms.values())
        rows.append((name.removesuffix("_s").replace("_", " "), *(_shown(name, value) for value in values)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        sys.stdout.write("  ".join((row[0].ljust(widths[0]), *cells)) + "\n")
    return 0


async def without_us(kind: type[Alone | ByHand], turns: int = TURNS) -> Figures:
    """Live through the day in OpenCodes without a sidecar."""
    world = World(Time())
    await _live(world, sessions(SEED, turns), lambda _, session, chance: kind(world, session, chance))
    return world.figures


async def with_us(
    strategy: Strategy,
    turns: int = TURNS,
    seed: int = SEED,
    watch: Callable[[World, Sequence[Opencode]], None] = lambda _, __: None,
) -> Figures:
    """Live through the day with three sidecars on one store; *watch* sees the world before it begins."""
    with tempfile.TemporaryDirectory() as folder:
        async with Flying(Path(folder), *ORDER, **_configured(strategy)) as bed:
            time, bed.store = Time(), MemoryStore()
            bed.clock = time
            world = World(time)
            opencodes = [await bed.opencode() for _ in range(OPENCODES)]
            watch(world, opencodes)

            def host(number: int, session: str, chance: random.Random) -> Host:
                return Ours(world, session, chance, opencodes[number % OPENCODES])

            await _live(world, sessions(seed, turns), host, partial(_look_up, world, opencodes[0]))
            world.figures.toasts = sum(len(one.toasts) for one in opencodes)
            return world.figures


def _configured(strategy: Strategy) -> dict[str, Any]:
    return {"routes": [{"targets": [f"{name}/{MODEL}" for name in ORDER], "strategy": strategy}]}


async def _live(
    world: World,
    wanted: Sequence[list[Turn]],
    host: Callable[[int, str, random.Random], Host],
    *others: Callable[[], Awaitable[None]],
) -> None:
    agents = list(others)
    for number, turns in enumerate(wanted):
        chance = random.Random(f"{SEED}:{number}")  # noqa: S311 - the same in every run
        agents.append(partial(work, world, turns, host(number, f"ses_{number}", chance)))
    await world.time.live(agents, MIDNIGHT + DAY_S)


async def _look_up(world: World, opencode: Opencode) -> None:
    """Remember what is left at the providers that tell, as their quota URLs would say."""
    application = opencode.application
    place = await application.workspaces.looked_at(opencode.directory)
    assert place is not None
    while True:
        now = world.time.now
        for provider in world.providers.values():
            if (left := provider.left(now)) is not None:
                key = QuotaKey(place.config.targets.account(target(provider.name), None), "simulated")
                window = Window("left", "percent", percent_remaining=left)
                await application.store.apply([PutQuota(key, QuotaSnapshot((window,), None, now, now))])
        await world.time.sleep(LOOKED_UP_S)


def _shown(name: str, value: float) -> str:
    return f"{timedelta(seconds=round(value))}" if name.endswith("_s") else f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
