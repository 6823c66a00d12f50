"""Limits that the user sets for a provider: how much of each is used, and which is reached until when.

An hour is a clock hour, a day is what the caller says: the user's own, from midnight to midnight.
"""

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

HOUR_S = 3600.0


class Limits(Struct, frozen=True, omit_defaults=True):
    """What a user wants to spend at a provider; absent is as much as there is."""

    requests_per_hour: float | None = None
    requests_per_day: float | None = None
    tokens_per_day: float | None = None
    cost_per_day: float | None = None
    """In US dollars, by the catalogue's prices; what has no price counts nothing."""
    hard: bool = False
    """At a limit nothing is sent any more; else the provider only comes last."""


Kind = Literal["requests_per_hour", "requests_per_day", "tokens_per_day", "cost_per_day"]

KINDS: tuple[Kind, ...] = ("requests_per_hour", "requests_per_day", "tokens_per_day", "cost_per_day")


class Day(Struct, frozen=True):
    """A day in Unix seconds; not always of 24 hours."""

    start: float
    end: float


class HourOfUse(Protocol):
    """What was used within one hour."""

    @property
    def hour(self) -> int:
        """Unix time // 3600."""
        ...

    @property
    def requests(self) -> int: ...

    @property
    def tokens(self) -> float: ...

    @property
    def cost(self) -> float | None:
        """In US dollars; None where no price is known."""
        ...


class Use(Struct, frozen=True, omit_defaults=True):
    """What was used of a provider."""

    requests_this_hour: int = 0
    requests_today: int = 0
    tokens_today: float = 0.0
    cost_today: float | None = None
    """In US dollars; absent where no price is known."""

    def of(self, kind: Kind) -> float:
        """Return what counts against the limit *kind*."""
        return {
            "requests_per_hour": self.requests_this_hour,
            "requests_per_day": self.requests_today,
            "tokens_per_day": self.tokens_today,
            "cost_per_day": self.cost_today or 0.0,
        }[kind]


class Reached(Struct, frozen=True):
    """A limit that nothing is left of."""

    kind: Kind
    used: float
    limit: float
    until: float
    """When its window turns."""


def use(rows: Iterable[HourOfUse], now: float, day: Day) -> Use:
    """Add up *rows*, which are all of one provider; an hour that the day begins in counts whole."""
    hour = now // HOUR_S
    today = [row for row in rows if day.start // HOUR_S <= row.hour <= hour]
    costs = [row.cost for row in today if row.cost is not None]
    return Use(
        requests_this_hour=sum(row.requests for row in today if row.hour == hour),
        requests_today=sum(row.requests for row in today),
        tokens_today=sum(row.tokens for row in today),
        cost_today=sum(costs) if costs else None,
    )


def turns_at(kind: Kind, now: float, day: Day) -> float:
    """Return when the window of the limit *kind* begins anew."""
    return (now // HOUR_S + 1) * HOUR_S if kind == "requests_per_hour" else day.end


def reached(limits: Limits, rows: Iterable[HourOfUse], now: float, day: Day) -> Reached | None:
    """Return the limit that is reached, of several the one that holds longest; *rows* as for `use`."""
    used = use(rows, now, day)
    found = [
        Reached(kind, used.of(kind), limit, turns_at(kind, now, day))
        for kind in KINDS
        if (limit := getattr(limits, kind)) is not None and used.of(kind) >= limit
    ]
    return max(found, key=lambda row: row.until, default=None)
