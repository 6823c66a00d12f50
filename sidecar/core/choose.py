"""Which target a request goes to: who may be asked at all, in which order, and why.

Nothing is looked up here. A `Candidate` says all that counts of a target; `rank` puts them in order.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from sidecar.protocol import BodyShape, Target, Wire

RESERVE: Final = 5.0
"""Headroom in percent that is kept: a target at it comes after those of which nothing is known."""

GAIN: Final = 10.0
"""So much more headroom, in percent, is worth a session's move: it costs the prompt cache."""

BYTES_PER_TOKEN: Final = 4.0
"""Of JSON in the languages that people mix; what needs more tokens is refused there, and passed over."""

Strategy = Literal["priority", "headroom"]

Tier = Literal["healthy", "unknown", "reserve", "limited", "due", "cooling"]
"""In this order. `limited`: at a limit that the user has set; `due`: a wait is over, somebody must look."""

Unfit = Literal[
    "switched off", "no address", "no key", "other wire", "too long", "no images", "no tools",
    "refused this session", "tried", "hard limit",
]  # fmt: skip
"""Why a target is no candidate for a request."""

_TIERS: Final[tuple[Tier, ...]] = ("healthy", "unknown", "reserve", "limited", "due", "cooling")


class Abilities(Struct, frozen=True):
    """What a model can take; absent is unknown, and unknown is no hindrance."""

    context: float | None = None
    """Tokens."""
    output: float | None = None
    takes_images: bool | None = None
    takes_tools: bool | None = None


class Candidate(Struct, frozen=True, omit_defaults=True):
    """A target as it stands for one request."""

    target: Target
    tier: Tier
    is_own: bool = False
    """The one that the user chose."""
    headroom: float | None = None
    """In percent; absent: unknown."""
    priority: float = 0.0
    """Lower is sooner."""
    place: int = 0
    """In the user's own list of targets."""
    until: float | None = None
    """When what holds it back ends."""
    unfit: Unfit | None = None


def unfit_for(abilities: Abilities, wire: Wire, request_wire: Wire, body: BodyShape) -> Unfit | None:
    """Return why a model of these abilities can't take a request, or None."""
    if wire != request_wire:
        return "other wire"
    if body.has_images and abilities.takes_images is False:
        return "no images"
    if body.has_tools and abilities.takes_tools is False:
        return "no tools"
    # Images are long in bytes and short in tokens: of those the length says nothing.
    if abilities.context is not None and not body.has_images:
        return "too long" if body.size_bytes / BYTES_PER_TOKEN > abilities.context else None
    return None


def tier_of(headroom: float | None) -> Tier:
    """Return the tier of a target that nothing holds back."""
    if headroom is None:
        return "unknown"
    return "healthy" if headroom > RESERVE else "reserve"


def rank(candidates: Iterable[Candidate], strategy: Strategy, last: Target | None = None) -> list[Candidate]:
    """Return those that may be asked, the best first; the input's order doesn't matter.

    `priority` leaves the user's own target only when something holds it back; then it takes the user's
    order. `headroom` takes the one with the most left, and stays with *last* until another has `GAIN` more.
    """
    fit = [candidate for candidate in candidates if candidate.unfit is None]
    return sorted(fit, key=partial(_by_headroom, last) if strategy == "headroom" else _by_priority)


def _by_priority(candidate: Candidate) -> tuple[object, ...]:
    is_first = candidate.is_own or candidate.tier == "unknown"
    # That more is known of one says nothing against the user's order.
    tier = 0 if is_first and not _is_held(candidate) else _TIERS.index(candidate.tier)
    return tier, *_soonest(candidate), not candidate.is_own, *_named(candidate)


def _is_held(candidate: Candidate) -> bool:
    return candidate.tier in ("limited", "due", "cooling")


def _by_headroom(last: Target | None, candidate: Candidate) -> tuple[object, ...]:
    left = -(candidate.headroom or 0.0) - (GAIN if candidate.target == last else 0.0)
    return _TIERS.index(candidate.tier), *_soonest(candidate), left, not candidate.is_own, *_named(candidate)


def _soonest(candidate: Candidate) -> tuple[float]:
    """Among those that wait, the one that is back first."""
    return (candidate.until or 0.0 if candidate.tier == "cooling" else 0.0,)


def _named(candidate: Candidate) -> tuple[float, int, str, str]:
    return candidate.priority, candidate.place, candidate.target.provider_id, candidate.target.model_id
