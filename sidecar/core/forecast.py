"""When a window will be used up if it goes on like this: what its last readings say.

The pace is the median of the slopes between all pairs of readings (Theil and Sen's): what every pair of a
steady use says, and hardly moved by one huge request, by figures that are rounded to whole percents, or by a
pause. The pace of an hour says something of the hours that follow, and nothing of days.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from statistics import median
from typing import Final, Protocol

from msgspec import Struct

from sidecar.core.alerts import counts, has_turned
from sidecar.core.headroom import Timed, share

APART_S: Final = 60.0
"""Readings are kept so far apart, but for the newest."""
MOST_POINTS: Final = 12
RECENT_S: Final = 3600.0
"""Older readings don't tell the pace, unless there are too few others."""
LEAST_POINTS: Final = 3
LEAST_SPAN_S: Final = 600.0
STALE_S: Final = 900.0
"""So long after the last reading nobody knows whether it still goes on like this."""
FARTHEST_S: Final = 8 * 3600.0
NOISE: Final = 100
"""In hundredths of a percent: so much may rise what is rounded, or is given back by a sliding window."""


class Trail(Struct, frozen=True, array_like=True):
    """What was read of one window in its present period."""

    points: tuple[tuple[int, int], ...]
    """Unix seconds and what was left in hundredths of a percent, the oldest first.

    Whole numbers, as this is written with every answer that tells something: they take a third of the time.
    """
    resets_at: float | None = None
    """As it was read last."""


_MOST_LEFT: Final = 10**6
"""Beyond a hundred times the limit a top-up is no news; what is kept must be a number that JSON can hold."""

_NOTHING: Final = Trail(())


class Named(Timed, Protocol):
    """One limit of an account, as a reply names it."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def currency(self) -> str | None: ...


def name_of(window: Named) -> str:
    """Return what tells the windows of one reply apart."""
    return ":".join((window.name, window.unit, window.currency or "", *sorted(window.models or ())))


def follow(trails: Mapping[str, Trail], windows: Iterable[Named], at: float) -> dict[str, Trail]:
    """Return the trails of *windows* as they were read at *at*; *trails* are those of the reading before.

    Followed is what counts (`alerts.counts`), or did earlier in its period; never two of the same name.
    """
    named: dict[str, list[Named]] = {}
    for window in windows:
        named.setdefault(name_of(window), []).append(window)
    return {
        name: add(trails.get(name, _NOTHING), rows[0], at)
        for name, rows in named.items()
        if len(rows) == 1 and (counts(rows[0], at) or (name in trails and share(rows[0]) is not None))
    }


def add(trail: Trail, window: Timed, at: float) -> Trail:
    """Return *trail* with what is left of *window* at *at*; it starts anew with a new period.

    That is when the reset has moved on, when more is left than before, or when the clock was set back.
    """
    percent = share(window)
    if percent is None:
        return trail
    left = round(min(percent * 100, _MOST_LEFT))
    points = list(trail.points)
    if points and (
        at < points[-1][0] or left > points[-1][1] + NOISE or has_turned(trail.resets_at, window, at)
    ):
        points = []
    if len(points) > 1 and points[-1][0] - points[-2][0] < APART_S:
        points.pop()
    points.append((int(at), left))
    return Trail(tuple(_thinned(points)), window.resets_at)


def _thinned(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Keep the last hour, or else the last few; of too many those that are farthest apart."""
    newest = points[-1][0]
    recent = [point for point in points if newest - point[0] <= RECENT_S]
    points = recent if len(recent) >= LEAST_POINTS else points[-LEAST_POINTS:]
    while len(points) > MOST_POINTS:
        gaps = [later[0] - earlier[0] for earlier, later in zip(points, points[2:], strict=False)]
        del points[gaps.index(min(gaps)) + 1]
    return points


def used_up_at(trail: Trail, now: float, resets_at: float | None) -> float | None:
    """Return when nothing will be left, in Unix seconds: after *now*, and before the reset if there is one.

    None: at this pace not before the reset nor within hours, or nobody knows.
    """
    points = trail.points
    if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < LEAST_SPAN_S:
        return None
    last, left = points[-1]
    if not 0 <= now - last <= STALE_S:
        return None
    pairs = combinations(points, 2)
    pace = median((earlier[1] - later[1]) / max(later[0] - earlier[0], 1) for earlier, later in pairs)
    if pace <= 0:
        return None
    at = last + left / pace
    end = now + FARTHEST_S if resets_at is None else min(resets_at, now + FARTHEST_S)
    return at if now < at < end else None
