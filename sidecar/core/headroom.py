"""How much is left, in percent, and where the least of it is: what every comparison is made on.

A window of `sidecar.quota.windows` is a `Limit`. Nothing here is guessed: a window that says no share is
unknown, and unknown never counts as little or much. Where a window says when it turns, its pace says whether
what is left will last until then.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, Protocol, TypeVar

FULL: Final = 100.0

SHORTEST_S: Final = 3600.0
"""A window with a shorter period has turned before a person has read of it, or a session has moved."""


class Limit(Protocol):
    """One limit of an account."""

    @property
    def percent_remaining(self) -> float | None: ...
    @property
    def models(self) -> tuple[str, ...] | None:
        """Globs of the models that it binds; None: all, empty: none."""
        ...

    @property
    def is_over(self) -> bool: ...
    @property
    def unlimited(self) -> bool: ...
    @property
    def blocked(self) -> bool: ...


class Timed(Limit, Protocol):
    """One limit of an account that may turn."""

    @property
    def resets_at(self) -> float | None:
        """Unix seconds."""
        ...

    @property
    def period_s(self) -> float | None: ...


L = TypeVar("L", bound=Limit)


def share(limit: Limit) -> float | None:
    """Return what is left of *limit* in percent: at least 0, beyond 100 after a top-up; None: unknown."""
    if limit.blocked or limit.is_over:
        return 0.0
    if limit.unlimited:
        return FULL
    return None if limit.percent_remaining is None else max(0.0, limit.percent_remaining)


def binds(limit: Limit, model: str | None) -> bool:
    """Say whether *limit* binds *model*; None asks whether it binds any."""
    if limit.models is None:
        return True
    return any(model is None or fnmatchcase(model, pattern) for pattern in limit.models)


def tightest(limits: Iterable[L], model: str | None = None) -> L | None:
    """Return the limit with the least left of those that bind *model* and say it; the first of equals."""
    known = [(left, limit) for limit in limits if binds(limit, model) and (left := share(limit)) is not None]
    return min(known, key=lambda row: row[0])[1] if known else None


def headroom(limits: Iterable[Limit], model: str | None = None) -> float | None:
    """Return the smallest share in percent, 0 to 100, of the limits that bind *model*.

    None when nothing can be compared: no limit binds it, or none of them says its share.
    """
    lefts = [left for limit in limits if binds(limit, model) and (left := share(limit)) is not None]
    return min(*lefts, FULL) if lefts else None


def steady(limits: Iterable[Timed], model: str | None = None) -> float | None:
    """Return the `headroom` of the limits that last: one that turns within the hour is soon over."""
    return headroom([limit for limit in limits if lasts(limit)], model)


def pace(limits: Iterable[Timed], model: str | None, now: float) -> float | None:
    """Return by how many percent what is left exceeds the share of the period that is still ahead.

    Of several limits that bind *model* the smallest counts; negative: used faster than time passes. None: no
    limit that lasts says what is left, its period and its reset.
    """
    paces = (_pace(limit, now) for limit in limits if lasts(limit) and binds(limit, model))
    return min((pace for pace in paces if pace is not None), default=None)


def lasts(limit: Timed) -> bool:
    """Say whether *limit* turns so seldom that it is worth remembering; one without a length does."""
    return limit.period_s is None or limit.period_s >= SHORTEST_S


def _pace(limit: Timed, now: float) -> float | None:
    left = share(limit)
    if left is None or not limit.period_s or limit.resets_at is None or limit.resets_at <= now:
        return None
    ahead = min(FULL, FULL * (limit.resets_at - now) / limit.period_s)
    return min(left, FULL) - ahead
