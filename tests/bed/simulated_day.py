"""A day of coding with several sessions: who asks when and how much; and a clock that passes as all sleep."""

import heapq
import random
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Final

import anyio
from msgspec import Struct

from tests.bed.simulated_providers import (
    DAY_S,
    HOUR_S,
    Balance,
    Daily,
    PerMinute,
    Plan,
    Provider,
    Spells,
)
from tests.flying import NOW, Clock

MIDNIGHT: Final = NOW // DAY_S * DAY_S
OPENCODES: Final = 3
SESSIONS: Final = 6
TURNS: Final = 50

ORDER: Final[tuple[str, ...]] = ("plan", "lab", "fast", "free", "credit")
"""As the user prefers them; the first one is what all sessions are set to."""


class Call(Struct, frozen=True):
    """A request to a model."""

    tokens: float
    serves_s: float
    tool_s: float
    """What is done with its answer before the next one."""


class Turn(Struct, frozen=True):
    """A prompt, and the requests that it takes."""

    at: float
    """When the user wants it, if the one before is done."""
    calls: tuple[Call, ...]


def providers() -> list[Provider]:
    """Return the five, fresh in the morning, with what goes wrong on this day."""

    def at(*hours: tuple[float, float]) -> list[tuple[float, float]]:
        return [(MIDNIGHT + begin * HOUR_S, MIDNIGHT + end * HOUR_S) for begin, end in hours]

    return [
        Provider("plan", Spells(at((9.5, 9.6), (13.2, 13.35), (16.4, 16.45))), Plan(11e6)),
        Provider("lab", Spells(at((14.0, 15.0)), is_reached=False), PerMinute(12, states=False)),
        Provider("fast", PerMinute(30), PerMinute(350_000, of_tokens=True)),
        Provider("free", PerMinute(20), Daily(300)),
        Provider("credit", Balance(10.0, 2.5, [MIDNIGHT + 16 * HOUR_S]), Spells(at((11.0, 11.1)))),
    ]


def sessions(seed: int, turns: int = TURNS) -> list[list[Turn]]:
    """Return what each session wants of the day; two of them work at night as well."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    return [_session(chance, turns, night=number < 2) for number in range(SESSIONS)]


def _session(chance: random.Random, turns: int, *, night: bool) -> list[Turn]:
    begin, end = (0.2, 23.5) if night else (8.5, 18.5)
    times = sorted(MIDNIGHT + chance.uniform(begin, end) * HOUR_S for _ in range(turns))
    return [Turn(at, tuple(_calls(chance))) for at in times]


def _calls(chance: random.Random) -> Iterable[Call]:
    """Yield a burst: an agent calls tools until it is done, and each time sends more."""
    tokens = chance.uniform(8_000, 30_000)
    for _ in range(1 + min(30, int(chance.expovariate(1 / 8)))):
        yield Call(tokens, chance.uniform(1.5, 9.0), chance.uniform(0.2, 4.0))
        tokens = min(120_000.0, tokens + chance.uniform(300, 6_000))


class Time(Clock):
    """A clock that stands while anybody does something, and goes on when all sleep; one wakes at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MIDNIGHT
        self._sleeping: list[tuple[float, int, anyio.Event]] = []
        self._numbers = count()
        self._is_quiet = anyio.Event()

    async def sleep(self, seconds: float) -> None:
        wake = anyio.Event()
        heapq.heappush(self._sleeping, (self.now + max(0.0, seconds), next(self._numbers), wake))
        self._is_quiet.set()
        await wake.wait()

    async def live(self, agents: Iterable[Callable[[], Awaitable[None]]], until: float) -> None:
        """Let all *agents* live until their end, or *until*."""
        async with anyio.create_task_group() as tasks:
            for agent in agents:
                tasks.start_soon(self._live, agent)
                await self._quiet()
            while self._sleeping and self._sleeping[0][0] < until:
                self.now, _, wake = heapq.heappop(self._sleeping)
                wake.set()
                await self._quiet()
            tasks.cancel_scope.cancel()

    async def _live(self, agent: Callable[[], Awaitable[None]]) -> None:
        await agent()
        self._is_quiet.set()

    async def _quiet(self) -> None:
        self._is_quiet = anyio.Event()
        await self._is_quiet.wait()
