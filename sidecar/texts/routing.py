"""Routed models in words: where a session's requests go now, and what counts for a target or against it."""

from typing import Final

from sidecar.core.choose import Candidate, Strategy, Unfit
from sidecar.texts.figures import amount, percent
from sidecar.texts.times import lasting
from sidecar.texts.toasts import Sentence, short

_AT_ONCE_S: Final = 0.05
"""What would be written as 0.0."""

_IN_STEP: Final = 1.0
"""Points of pace that nobody needs to know of."""

OUT: Final[dict[Unfit, str]] = {
    "switched off": "switched off",
    "no address": "its address is not known",
    "no key": "no key of it may be sent",
    "other wire": "speaks another wire",
    "too long": "this is too long for it",
    "no images": "takes no images",
    "no tools": "takes no tools",
    "refused this session": "has refused this session",
    "tried": "has refused just now",
    "hard limit": "at your hard limit",
}
"""Why a target is not asked."""


def routed(
    model: str,
    to: tuple[str, Candidate],
    was: tuple[str, Candidate | None] | None,
    strategy: Strategy,
    now: float,
) -> Sentence:
    """Say that the requests of a session's *model* go elsewhere: an info.

    *to* and *was* are what to call a target (`failover.names`) and how it stands; without *was* the session
    is new to the model.
    """
    said = f"{short(model)} goes to {_named(*to, strategy, now)}"
    return (said,) if was is None else (said, f"no longer to {_named(*was, strategy, now)}")


def _named(label: str, candidate: Candidate | None, strategy: Strategy, now: float) -> str:
    facts = telling(candidate, strategy, now) if candidate else []
    return f"{short(label)} ({facts[0]})" if facts else short(label)


def telling(candidate: Candidate, strategy: Strategy, now: float) -> list[str]:
    """Return what counts of *candidate* where targets are chosen by *strategy*, most first; none: unknown."""
    if held := holds(candidate, now):
        return [held]
    left = [] if candidate.headroom is None else [f"{percent(candidate.headroom)} left"]
    if strategy == "cost" and candidate.price is not None:
        return [price(candidate.price), *left]
    if strategy == "latency" and candidate.latency_s is not None:
        return [latency(candidate.latency_s), *left]
    return left


def holds(candidate: Candidate, now: float) -> str | None:
    """Say what holds *candidate* back; None: nothing does."""
    if candidate.unfit:
        return OUT[candidate.unfit]
    until = "" if candidate.until is None else f" {lasting(candidate.until, now)}"
    if candidate.tier == "cooling":
        return f"has to wait{until}"
    if candidate.tier == "limited":
        return f"at your limit{until}"
    return "its wait is over: one request finds out" if candidate.tier == "due" else None


def price(dollars: float) -> str:
    """Write a price of a million tokens."""
    return f"{amount(dollars, 'cost', 'USD')} a million tokens" if dollars else "paid already"


def latency(seconds: float) -> str:
    """Write how long a first byte is waited for."""
    if seconds < _AT_ONCE_S:
        return "answers at once"
    return f"answers in {seconds:.1f} s" if seconds < 10 else f"answers in {seconds:.0f} s"


def pace(points: float) -> str:
    """Say how fast something is used, compared with the time that it has to last, with the figure."""
    return pace_word(points) if abs(points) < _IN_STEP else f"{pace_word(points)} ({points:+.0f})"


def pace_word(points: float) -> str:
    """Say the same in words alone."""
    if abs(points) < _IN_STEP:
        return "used in step with its time"
    return f"used {'slower' if points > 0 else 'faster'} than its time"
