"""`make simulate`: a day and a month of coding on a virtual clock, with us and without, as tables.

Of the day the services are the real ones, in three sidecars that share a store; the providers refuse as real
ones do. Of the month, at three subscriptions, what is known and what is chosen are.
"""

import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import anyio

from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.store import PutQuota, QuotaKey, QuotaSnapshot
from sidecar.core.choose import Strategy
from sidecar.logs import configure_logging
from sidecar.quota.windows import Window
from tests.bed.simulated_choosing import live
from tests.bed.simulated_day import MIDNIGHT, OPENCODES, ORDER, TURNS, Time, Turn, sessions
from tests.bed.simulated_hosts import Alone, ByHand, Figures, Host, Ours, World, work
from tests.bed.simulated_month import sessions as month_of_sessions
from tests.bed.simulated_providers import DAY_S
from tests.flying import MODEL, Flying, Opencode, target

SEED: Final = 7
LOOKED_UP_S: Final = 300.0
"""How often what is left at the providers is looked up."""

Table = dict[str, list[str]]
"""Cells by what they are of."""


def main() -> int:
    """Print the tables."""
    configure_logging(quiet=True)
    _print("a day, five providers", _day())
    sys.stdout.write("\n")
    _print("a month, three subscriptions", _month())
    return 0


def _day() -> Table:
    arms = {
        "OpenCode alone": anyio.run(without_us, Alone),
        "switched by hand": anyio.run(without_us, ByHand),
        "with us, priority": anyio.run(with_us, "priority"),
        "with us, headroom": anyio.run(with_us, "headroom"),
    }
    names = Figures.__struct_fields__
    return {
        "": list(arms),
        **{
            name.removesuffix("_s").replace("_", " "): [
                _shown(name, getattr(row, name)) for row in arms.values()
            ]
            for name in names
        },
    }


def _month() -> Table:
    wanted = list(month_of_sessions(SEED))
    arms = {
        "always the first": live(wanted, None),
        **{name: live(wanted, name) for name in get_args(Strategy)},
    }
    months = list(arms.values())
    return {
        "": list(arms),
        "requests": [f"{row.requests:,}" for row in months],
        "served by nobody": [f"{row.unserved:,}" for row in months],
        "though somebody would have": [f"{row.needlessly:,}" for row in months],
        "refusals": [f"{row.refused:,}" for row in months],
        "though another would have served": [f"{row.avoidable:,}" for row in months],
        "moves of sessions": [f"{row.moves:,}" for row in months],
        **{f"used of {name}": [f"{row.used[name]:.0%}" for row in months] for name in months[0].used},
        "used on average": [f"{row.used_in_all:.0%}" for row in months],
    }


def _print(title: str, table: Table) -> None:
    """Print a *table*, whose first row names the columns."""
    rows = [(name or title, *cells) for name, cells in table.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        sys.stdout.write("  ".join((row[0].ljust(widths[0]), *cells)) + "\n")


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
