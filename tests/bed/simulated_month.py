"""A month of coding at three subscriptions: what each allows and tells, and who asks for how much, when."""

import math
import random
from collections.abc import Iterator
from typing import Final

from sidecar.quota.windows import Window
from tests.bed.simulated_day import Call, Turn
from tests.bed.simulated_providers import DAY_S, HOUR_S
from tests.flying import NOW

BEGIN: Final = NOW // DAY_S * DAY_S
DAYS: Final = 30
MONDAY: Final = 2
"""How many days after the beginning."""


class Allowance:
    """So much within a period; what has begun counts whole, and what is asked for later is refused."""

    def __init__(self, name: str, most: float, period_s: float, turns_at: float | None = None) -> None:
        """Let it turn at *turns_at* and every *period_s* then; else a period begins with its first use."""
        self.name, self.most, self.period_s = name, most, period_s
        self._is_fixed = turns_at is not None
        self._turns_at = -math.inf if turns_at is None else turns_at
        ahead_s = 0.0 if turns_at is None else turns_at - BEGIN
        self._used = most * (1 - ahead_s / period_s) if self._is_fixed else 0.0
        self.given = most - self._used
        """What could be used since the beginning."""

    def left(self, now: float) -> float:
        """Return what is left, as a share of it all."""
        self._turn(now)
        return max(0.0, 1 - self._used / self.most)

    def resets_at(self, now: float) -> float | None:
        self._turn(now)
        return self._turns_at if self._turns_at > now else None

    def use(self, now: float, amount: float) -> None:
        self._turn(now)
        if not self._is_fixed and self._turns_at <= now:
            self._turns_at = now + self.period_s
        self._used += amount

    def _turn(self, now: float) -> None:
        if self._turns_at > now:
            return
        self._used = 0.0
        self.given += self.most
        if self._is_fixed:
            self._turns_at += (math.floor((now - self._turns_at) / self.period_s) + 1) * self.period_s


class Subscription:
    """A plan with its windows; some count tokens, some requests."""

    def __init__(
        self,
        name: str,
        *windows: Allowance,
        wait_s: float,
        tells: bool = False,
        counts_tokens: bool = True,
    ) -> None:
        """Let it tell what is left with each answer, if it *tells*; else it must be asked."""
        self.name, self.wait_s, self.tells = name, wait_s, tells
        self.used = 0.0
        self._windows, self._counts_tokens = windows, counts_tokens

    def refuses_until(self, now: float) -> float | None:
        """Return when it serves again, or None if it does now."""
        resets = [window.resets_at(now) or now for window in self._windows if window.left(now) <= 0]
        return max(resets, default=None)

    def serve(self, now: float, call: Call) -> None:
        amount = call.tokens if self._counts_tokens else 1.0
        self.used += amount
        for window in self._windows:
            window.use(now, amount)

    def told(self, now: float) -> tuple[Window, ...]:
        """Return its windows as it tells of them, in whole percent."""
        return tuple(
            Window(
                window.name,
                "percent",
                percent_remaining=math.ceil(100 * window.left(now)),
                resets_at=window.resets_at(now),
                period_s=window.period_s,
            )
            for window in self._windows
        )

    def share_used(self, now: float) -> float:
        """Return what was used of what could be, by the window with the longest period."""
        longest = max(self._windows, key=lambda window: window.period_s)
        longest.left(now)
        return self.used / longest.given


def subscriptions() -> list[Subscription]:
    """Return the three as they stand when the month begins, in the order of the user's preference."""
    return [
        Subscription(
            "claude",
            Allowance("5 hours", 25e6, 5 * HOUR_S),
            Allowance("week", 180e6, 7 * DAY_S, BEGIN + 3.4 * DAY_S),
            wait_s=1.2,
            tells=True,
        ),
        Subscription(
            "zai",
            Allowance("5 hours", 14e6, 5 * HOUR_S),
            Allowance("week", 80e6, 7 * DAY_S, BEGIN + 5.9 * DAY_S),
            wait_s=0.8,
        ),
        Subscription(
            "copilot",
            Allowance("month", 3500, 30 * DAY_S, BEGIN + 10 * DAY_S),
            wait_s=2.0,
            counts_tokens=False,
        ),
    ]


def sessions(seed: int, days: int = DAYS, busy: float = 1.0) -> Iterator[list[Turn]]:
    """Yield what each session wants; *busy* is how many turns there are, of those of a common month."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    for day in range(days):
        is_weekend = (day - MONDAY) % 7 in (5, 6)
        mood = busy * chance.lognormvariate(0.0, 0.45) * (0.25 if is_weekend else 1.0)
        shifts = [(8.8, 12.6), (13.4, 18.2)] if chance.random() < 0.9 else [(10.5, 15.0)]
        if chance.random() < 0.35:
            shifts.append((20.0, 23.3))
        for begin, end in shifts:
            for _ in range(chance.choice((1, 2, 2, 3, 4))):
                yield _session(chance, BEGIN + day * DAY_S, (begin, end), mood)


def _session(chance: random.Random, midnight: float, shift: tuple[float, float], mood: float) -> list[Turn]:
    """Return a session's turns: they come in bursts, between which the user reads and meets people."""
    hours, turns = chance.uniform(shift[0], shift[1] - 1), list[Turn]()
    tokens = chance.uniform(8_000, 30_000)
    while hours < shift[1]:
        calls = tuple(_calls(chance, tokens))
        turns.append(Turn(midnight + hours * HOUR_S, calls))
        tokens = min(90_000.0, calls[-1].tokens)
        is_pause = chance.random() < 0.15
        hours += chance.expovariate(mood * (1.2 if is_pause else 9.0))
    return turns


def _calls(chance: random.Random, tokens: float) -> Iterator[Call]:
    for _ in range(1 + min(30, int(chance.expovariate(1 / 8)))):
        yield Call(tokens, chance.uniform(1.5, 9.0), chance.uniform(0.2, 4.0))
        tokens = min(120_000.0, tokens + chance.uniform(300, 4_000))
