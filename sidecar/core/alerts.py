"""When what is left of a window is news: a threshold crossed, soon used up, back after nothing was left.

What was told is kept as a `Mark`, and told once until the window's reset. Where no reset is known, a rise
well above the threshold forgets it, and a return from exhaustion always does. A look that changes nothing
returns the mark that it was given. Whoever tells swaps the mark first, so that of all who looked at the same
window one does.
"""

from typing import Final, Literal

from msgspec import Struct

from sidecar.core.headroom import SHORTEST_S, Timed, binds, share

THRESHOLDS: Final = (5.0, 20.0)
"""Shares in percent at which the user is told, the lowest first."""

HYSTERESIS: Final = 5.0
"""Without a known reset, a share must rise by so many points above a threshold to be told again."""

SOON_S: Final = 1800.0
"""What is used up within this, if it goes on like this, is told before."""

LEAST_TURN_S: Final = 3600.0
"""A window without a known period has turned when its reset has moved by this; one with, by half of it."""

_EXHAUSTED: Final = 0.0
_ABOVE_ALL: Final = float("inf")


class Mark(Struct, frozen=True, omit_defaults=True):
    """What the user was last told of a quota window, so that nobody tells it twice."""

    level: float
    """The lowest threshold that was reached; 0 is exhausted."""
    at: float
    """Unix seconds of the reading that changed it last."""
    resets_at: float | None = None
    """The latest reset that was seen."""


class Verdict(Struct, frozen=True):
    """What to tell, and the mark to leave."""

    news: Literal["low", "soon", "back"] | None
    mark: Mark | None


def counts(window: Timed, read_at: float) -> bool:
    """Say whether anything about *window*, as it was at *read_at*, may be news.

    One without a known period that resets within `SHORTEST_S` may be of a minute: it would be told all day.
    """
    if not binds(window, None) or (window.unlimited and not window.blocked) or share(window) is None:
        return False
    length_s = window.period_s
    if length_s is None and window.resets_at is not None and window.resets_at > read_at:
        length_s = window.resets_at - read_at
    return length_s is None or length_s >= SHORTEST_S


def judge(window: Timed, read_at: float, mark: Mark | None, now: float) -> Verdict:
    """Judge a *window* that counts, as it was at *read_at*; *mark* is the one that was left last."""
    left = share(window)
    if left is None or (mark is not None and read_at <= mark.at <= now):
        return Verdict(None, mark)  # nothing to say, or somebody has judged this reading or a newer one
    if mark is not None and mark.at > now:  # the clock was set back: of the mark only the level is true
        mark = Mark(mark.level, read_at, window.resets_at)
    is_over = mark is not None and has_turned(mark.resets_at, window, now)
    told = _ABOVE_ALL if mark is None or is_over else _still_told(mark, left, now)
    reached = _lowest(left, (_EXHAUSTED, *THRESHOLDS))
    level = min(reached, told)
    news = None
    if reached == _ABOVE_ALL and mark is not None and mark.level == _EXHAUSTED:
        news = "back"
    elif max(reached, THRESHOLDS[0]) < told:  # running dry after the last threshold was told is no news
        news = "low"
    if level == _ABOVE_ALL:
        return Verdict(news, None)
    resets_at = window.resets_at if mark is None or is_over else _later(mark.resets_at, window.resets_at)
    is_same = mark is not None and (level, resets_at) == (mark.level, mark.resets_at)
    return Verdict(news, mark if is_same else Mark(level, read_at, resets_at))


def judge_pace(
    window: Timed, read_at: float, used_up_at: float | None, mark: Mark | None, now: float
) -> Verdict:
    """Judge a *window* that counts by when nothing will be left of it; *mark* is the last one of these.

    Told once until the reset, and not where it is known to be low already. Without a known reset, a rise well
    above what was left then forgets it.
    """
    left = share(window)
    if left is None:
        return Verdict(None, mark)
    if mark is not None:
        has_risen = mark.resets_at is None and left > mark.level + HYSTERESIS
        mark = None if has_risen or has_turned(mark.resets_at, window, now) else mark
    if mark is not None or used_up_at is None or used_up_at - now > SOON_S or left <= THRESHOLDS[0]:
        return Verdict(None, mark)
    return Verdict("soon", Mark(left, read_at, window.resets_at))


def has_turned(resets_at: float | None, window: Timed, now: float) -> bool:
    """Say whether a period that was to end at *resets_at* has, seen or not, and *window* is of another.

    A reset that moves with the clock is none.
    """
    if resets_at is None or resets_at > now:
        return False
    least = LEAST_TURN_S if window.period_s is None else window.period_s / 2
    return window.resets_at is None or window.resets_at - resets_at >= least


def _still_told(mark: Mark, left: float, now: float) -> float:
    """Return what of the mark's level still counts as told, now that so much is *left*."""
    risen = _lowest(left - HYSTERESIS, THRESHOLDS)
    if mark.level == _EXHAUSTED:
        return _EXHAUSTED if left <= THRESHOLDS[-1] else risen
    waits_for_reset = mark.resets_at is not None and mark.resets_at > now
    return mark.level if waits_for_reset else max(mark.level, risen)


def _lowest(left: float, thresholds: tuple[float, ...]) -> float:
    return next((threshold for threshold in thresholds if left <= threshold), _ABOVE_ALL)


def _later(one: float | None, other: float | None) -> float | None:
    known = [instant for instant in (one, other) if instant is not None]
    return max(known, default=None)
