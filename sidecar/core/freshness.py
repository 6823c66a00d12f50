"""When a quota reply is asked for again, and for how long an old one may still be shown."""

from typing import Final

from msgspec import Struct

ERROR_CACHE_S: Final = 10.0
"""An error that asked for no patience is tried again this soon: a person is mending something."""

FIRST_BACKOFF_S: Final = 30.0
LONGEST_BACKOFF_S: Final = 900.0
LONGEST_STATED_S: Final = 31 * 86400.0
"""A stated wait beyond this is a mistake and ignored."""

KEEP_OLD_S: Final = 7 * 86400.0
"""After this a good value without a reset says nothing any more."""


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


def is_due(last: Attempt | None, now: float, pace: Pace, every_s: float = 0.0) -> bool:
    """Say whether to ask the gateway; its service bears one request in *every_s*, whoever wants to know."""
    if last is None or last.at > now + pace.cache_s:
        return True  # never asked, or the clock was set back
    must_wait = last.retry_at is not None and now < last.retry_at <= now + LONGEST_STATED_S
    if must_wait or last.at <= now < last.at + every_s:
        return False
    if pace.patient:
        return now - last.at >= pace.cache_s
    if pace.refresh or (last.turns_at is not None and last.at < last.turns_at <= now):
        return True
    return now - last.at >= (min(pace.cache_s, ERROR_CACHE_S) if last.failed else pace.cache_s)


def retry_at(now: float, stated_s: float | None, failures: int) -> float:
    """Return when to ask again after a 429 or 5xx: when the gateway *stated*, else by doubling waits.

    *failures* counts the ones in a row, this one included. A stated wait is kept as it is.
    """
    if stated_s is not None and 0 < stated_s <= LONGEST_STATED_S:
        return now + stated_s
    return now + min(FIRST_BACKOFF_S * 2.0 ** min(max(failures, 1) - 1, 10), LONGEST_BACKOFF_S)


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
