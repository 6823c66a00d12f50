"""When a quota reply is asked for again, and for how long an old one may still be shown."""

from collections.abc import Iterable
from typing import Final, Literal, Protocol

from msgspec import Struct

from sidecar.core.headroom import Timed, binds, lasts, share

ERROR_CACHE_S: Final = 10.0
"""An error that asked for no patience is tried again this soon: a person is mending something."""

FIRST_BACKOFF_S: Final = 30.0
LONGEST_BACKOFF_S: Final = 900.0
LONGEST_STATED_S: Final = 31 * 86400.0
"""A stated wait beyond this is a mistake and ignored."""

KEEP_OLD_S: Final = 7 * 86400.0
"""After this a good value without a reset says nothing any more."""

STALE_S: Final = 4 * 86400.0
"""After this nobody can tell from a good value that something is still left. A long weekend is shorter: who
is not asked while others have more left must not be forgotten over it."""

HEARD_S: Final = 900.0
"""For so long nobody need be asked for what ordinary answers have told."""

HEARD_IN_PART_S: Final = 3600.0
"""What ordinary answers don't tell beside the rest, like limits of some models, is asked for this seldom."""

Told = Literal["all", "part", "nothing"]


class Limit(Timed, Protocol):
    """A window, as it was asked for or heard of."""

    @property
    def unit(self) -> str: ...


POLL_S: Final = 300.0
"""What lies at least between two polls that nobody waits for."""

NARROW_POLL_S: Final = 60.0
NARROW: Final = 30.0
"""So much, in percent, may be used up between two polls: who has no more left is asked more often."""


class Attempt(Struct, frozen=True):
    """How the last fetch of one account and URL went."""

    at: float
    """Unix seconds."""
    failed: bool
    retry_at: float | None = None
    """The gateway (or our backoff) wants no request before this."""
    turns_at: float | None = None
    """The first reset of what was read: from then on the cache holds history."""


class Pace(Struct, frozen=True):
    """How often may be asked."""

    cache_s: float
    """For so long a good answer is new."""
    refresh: bool = False
    """Ask although the answer is new; a wait that was asked for is kept all the same."""
    patient: bool = False
    """Ask once in `cache_s` at most, after an error or a reset too: nobody waits for the answer."""


def is_due(
    last: Attempt | None, now: float, pace: Pace, every_s: float = 0.0, told: Told = "nothing"
) -> bool:
    """Say whether to ask the gateway; its service bears one request in *every_s*, whoever wants to know.

    Where nobody waits for the answer, what ordinary answers have *told* lately is enough.
    """
    if pace.patient and told == "all":
        return False
    if last is None or last.at > now + pace.cache_s:
        return True  # never asked, or the clock was set back
    must_wait = last.retry_at is not None and now < last.retry_at <= now + LONGEST_STATED_S
    if must_wait or last.at <= now < last.at + every_s:
        return False
    if pace.patient:
        return now - last.at >= (max(pace.cache_s, HEARD_IN_PART_S) if told == "part" else pace.cache_s)
    if pace.refresh or (last.turns_at is not None and last.at < last.turns_at <= now):
        return True
    return now - last.at >= (min(pace.cache_s, ERROR_CACHE_S) if last.failed else pace.cache_s)


def poll_s(left: float | None) -> float:
    """Return what lies at least between two polls of an account with *left* percent; None: unknown.

    Of one that is used up the reset is known, and nothing else is news.
    """
    return NARROW_POLL_S if left is not None and 0 < left <= NARROW else POLL_S


def retry_at(
    now: float,
    stated_s: float | None,
    failures: int,
    every_s: float = 0.0,
    longest_s: float = LONGEST_BACKOFF_S,
) -> float:
    """Return when to ask again after a 429 or 5xx: when the gateway *stated*, else by doubling waits.

    *failures* counts the ones in a row, this one included. A stated wait is kept as it is. Others begin at
    *every_s*, what lies between two requests anyway, and end at *longest_s*.
    """
    if stated_s is not None and 0 < stated_s <= LONGEST_STATED_S:
        return now + stated_s
    first_s = max(FIRST_BACKOFF_S, every_s)
    return now + min(first_s * 2.0 ** min(max(failures, 1) - 1, 20), max(longest_s, first_s))


def told_by(heard: Iterable[Limit], asked: Iterable[Limit]) -> Told:
    """Say how much of what was *asked* for last is *heard* of all the same.

    Only shares of windows that last an hour or longer, or have no length, count; those that bind all models
    make a part, with those of some models it is all.
    """
    known, wanted = _of_plan(heard), _of_plan(asked)
    missing = [limit for limit in wanted if not any(_is_same(limit, other) for other in known)]
    if not known or any(limit.models is None for limit in missing):
        return "nothing"
    return "part" if missing else "all"


def is_stale(read_at: float, now: float) -> bool:
    """Say whether what was left at *read_at* says nothing of what is left now."""
    return now - read_at > STALE_S


def still_counts(limit: Limit, read_at: float, now: float) -> bool:
    """Say whether to decide by a window that still tells.

    What was left long ago may be gone; what was used up is so until its reset.
    """
    return not is_stale(read_at, now) or (share(limit) == 0 and limit.resets_at is not None)


def _of_plan(limits: Iterable[Limit]) -> list[Limit]:
    return [limit for limit in limits if share(limit) is not None and lasts(limit) and binds(limit, None)]


def _is_same(one: Limit, other: Limit) -> bool:
    is_as_long = one.period_s is None or other.period_s is None or one.period_s == other.period_s
    return is_as_long and (one.unit, one.models) == (other.unit, other.models)


def may_still_be_shown(
    read_at: float, resets_at: float | None, now: float, period_s: float | None = None
) -> bool:
    """Say whether a good value from *read_at* still tells something: not once its window has turned.

    A reset that had passed before it was read tells only that the gateway is late with it. Without one, a
    window of *period_s* has turned when so much time has passed, at the latest.
    """
    if resets_at is not None and resets_at > read_at:
        return now < resets_at
    age = now - read_at
    return age <= KEEP_OLD_S and (period_s is None or age < period_s)
