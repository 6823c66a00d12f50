"""How much is left, in percent, and where the least of it is: what every comparison is made on.

A window of `sidecar.quota.windows` is a `Limit`. Nothing here is guessed: a window that says no share is
unknown, and unknown never counts as little or much.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, Protocol, TypeVar

FULL: Final = 100.0


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
    limit = tightest(limits, model)
    left = None if limit is None else share(limit)
    return None if left is None else min(left, FULL)
