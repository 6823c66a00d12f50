"""Which target a request goes to: who may be asked at all, in which order, and why.

Nothing is looked up here. A `Candidate` says all that counts of a target; `rank` puts them in order: first by
tier, then as the strategy says, and a session stays where it is unless a move is worth its prompt cache.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from sidecar.protocol import BodyShape, Target, Wire

RESERVE: Final = 5.0
"""Headroom in percent that is kept: a target at it comes after those of which nothing is known."""

SLIGHT: Final = 2.0
"""Headroom that makes no difference to a session, though the reserve lies between."""

GAIN: Final = 10.0
"""So much more headroom, in percent, is worth a session's move: it costs the prompt cache."""

CHEAPER: Final = 0.9
FASTER: Final = 0.75
"""As `GAIN`: the share of a price, of a latency, that another has to stay under."""

STAY_S: Final = 600.0
"""A session that was moved stays for so long, unless another is of a better tier."""

ALIKE: Final = 10.0
"""Headroom within the same ten points is as good: pace decides."""

IN_FLIGHT: Final = 5.0
"""A request under way counts as so many points of headroom: what it will use is not known yet."""

BUSY: Final = 0.1
"""Each request under way makes the next one wait by this share of the latency: nearly equals take turns."""

BYTES_PER_TOKEN: Final = 4.0
"""Of JSON in the languages that people mix; what needs more tokens is refused there, and passed over."""

Strategy = Literal["priority", "headroom", "cost", "latency"]

Tier = Literal["healthy", "unknown", "reserve", "used up", "limited", "due", "cooling"]
"""In this order. `used up`: by what it told, which may be old; `limited`: at a limit that the user has set;
`due`: a wait is over, somebody must look."""

Unfit = Literal[
    "switched off", "no address", "no key", "other wire", "too long", "no images", "no tools",
    "refused this session", "tried", "hard limit",
]  # fmt: skip
"""Why a target is no candidate for a request."""

_TIERS: Final[tuple[Tier, ...]] = ("healthy", "unknown", "reserve", "used up", "limited", "due", "cooling")


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
    steady: float | None = None
    """As `headroom`, of windows of an hour and longer: what shorter ones say is over before a move pays."""
    pace: float | None = None
    """In percent: what is left beyond the share of the time that is left; negative: used too fast."""
    in_flight: int = 0
    """Requests under way there, of all processes."""
    price: float | None = None
    """US dollars for a million tokens; 0: paid already. Absent: unknown."""
    latency_s: float | None = None
    """To the first byte, failures included as waits; absent: never measured."""
    is_proven: bool = False
    """It has answered lately: though nothing is known of what is left, there is something."""


class Stay(Struct, frozen=True):
    """Where a session is, and since when (Unix seconds)."""

    target: Target
    since: float


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


def tier_of(headroom: float | None, reserve: float = RESERVE, *, lasts: bool = True) -> Tier:
    """Return the tier of a target that nothing holds back; *reserve* in percent is kept.

    Without *lasts* only windows of less than an hour tell anything: that requests are left of this minute
    says nothing of what is left of a month, or of money.
    """
    if headroom is None:
        return "unknown"
    if headroom <= 0:
        return "used up"
    if headroom <= reserve:
        return "reserve"
    return "healthy" if lasts else "unknown"


def rank(
    candidates: Iterable[Candidate],
    strategy: Strategy,
    stay: Stay | None = None,
    now: float = 0.0,
    reserve: float = RESERVE,
) -> list[Candidate]:
    """Return those that may be asked, the best first; the input's order doesn't matter.

    `priority` leaves the user's own target only when something holds it back; then it takes the user's
    order. `headroom` takes the one with the most left, `cost` the cheapest, `latency` the fastest; these stay
    where the session is (*stay*), unless another is of a better tier, or is better by far after a while.
    *reserve* is what the candidates' tiers were made with.
    """
    fit = [candidate for candidate in candidates if candidate.unfit is None]
    ordered = sorted(fit, key=_KEYS[strategy])
    here = next((row for row in ordered if stay and row.target == stay.target), None)
    if here is None or stay is None or strategy == "priority":
        return ordered
    # A clock that was set back must not bind a session to its place.
    is_settled = 0 <= now - stay.since < STAY_S
    before = ordered[: ordered.index(here)]
    first = next((row for row in before if _is_worth_it(here, row, strategy, reserve, is_settled)), here)
    ordered.remove(first)
    return [first, *ordered]


def _is_worth_it(
    here: Candidate, other: Candidate, strategy: Strategy, reserve: float, is_settled: bool
) -> bool:
    """Say whether a session moves from *here* to *other*, which would be chosen before it."""
    was, will = (_lasting(row, reserve) for row in (here, other))
    tiers = _tier(was, strategy), _tier(will, strategy)
    if tiers[0] != tiers[1]:
        is_as_good = _is_slight(was, will) or (is_settled and _is_edge(was, will, reserve))
        return tiers[1] < tiers[0] and not is_as_good
    if here.tier == "cooling":  # the other is back sooner
        return True
    if will.tier == "reserve":  # of the last few percent each counts more than a prompt cache
        return (will.headroom or 0.0) - (was.headroom or 0.0) >= SLIGHT
    return not is_settled and _gains(was, will, strategy)


def _lasting(candidate: Candidate, reserve: float) -> Candidate:
    """Return *candidate* without what windows of less than an hour say of it: a session outlives them.

    Only that one is used up counts: the next request would be refused.
    """
    is_told = _is_held(candidate) or candidate.tier == "used up"
    tier = candidate.tier if is_told else tier_of(candidate.steady, reserve)
    return replace(candidate, headroom=candidate.steady, tier=tier)


def _is_edge(here: Candidate, other: Candidate, reserve: float) -> bool:
    """Say whether *other* may just have been left for being at the reserve, and fills up slowly."""
    is_known = here.tier == "unknown" and other.tier == "healthy"
    return is_known and (other.headroom or 0.0) - reserve < SLIGHT


def _is_slight(one: Candidate, other: Candidate) -> bool:
    """Say whether two are as good as each other, though one of them is at the reserve."""
    if {one.tier, other.tier} != {"healthy", "reserve"}:
        return False
    return abs((one.headroom or 0.0) - (other.headroom or 0.0)) < SLIGHT


def _gains(here: Candidate, other: Candidate, strategy: Strategy) -> bool:
    if strategy == "cost":
        return _is_less(other.price, here.price, CHEAPER)
    if strategy == "latency":
        return _is_less(other.latency_s, here.latency_s, FASTER)
    return (other.headroom or 0.0) - (here.headroom or 0.0) >= GAIN


def _is_less(one: float | None, other: float | None, share: float) -> bool:
    return one is not None and (other is None or one < other * share)


def _by_priority(candidate: Candidate) -> tuple[object, ...]:
    is_first = candidate.is_own or candidate.tier == "unknown"
    # That more is known of one says nothing against the user's order.
    tier = 0 if is_first and not _is_held(candidate) else _TIERS.index(candidate.tier)
    return tier, *_soonest(candidate), *_named(candidate)


def _by_headroom(candidate: Candidate) -> tuple[object, ...]:
    left = (candidate.headroom or 0.0) - IN_FLIGHT * candidate.in_flight
    worth = -(left // ALIKE), -(candidate.pace or 0.0), -left
    if candidate.tier == "reserve":  # who has the least is used up next, however slowly it was used
        worth = 0.0, 0.0, -left
    return _tier(candidate, "headroom"), *_soonest(candidate), *worth, *_named(candidate)


def _by_cost(candidate: Candidate) -> tuple[object, ...]:
    price = math.inf if candidate.price is None else candidate.price
    return _tier(candidate, "cost"), *_soonest(candidate), price, *_by_headroom(candidate)


def _by_latency(candidate: Candidate) -> tuple[object, ...]:
    measured = math.inf if candidate.latency_s is None else candidate.latency_s
    latency_s = measured * (1 + BUSY * candidate.in_flight)
    return _tier(candidate, "latency"), *_soonest(candidate), latency_s, *_by_headroom(candidate)


_KEYS: Final[dict[Strategy, Callable[[Candidate], tuple[object, ...]]]] = {
    "priority": _by_priority,
    "headroom": _by_headroom,
    "cost": _by_cost,
    "latency": _by_latency,
}


def _tier(candidate: Candidate, strategy: Strategy) -> int:
    """Return the tier's place; who asks for a price or a latency takes an answer for a sign of health."""
    is_healthy = candidate.tier == "unknown" and candidate.is_proven and strategy != "headroom"
    return _TIERS.index("healthy" if is_healthy else candidate.tier)


def _is_held(candidate: Candidate) -> bool:
    return candidate.tier in ("limited", "due", "cooling")


def _soonest(candidate: Candidate) -> tuple[float]:
    """Among those that wait, the one that is back first."""
    return (candidate.until or 0.0 if candidate.tier == "cooling" else 0.0,)


def _named(candidate: Candidate) -> tuple[object, ...]:
    target = candidate.target
    return not candidate.is_own, candidate.priority, candidate.place, target.provider_id, target.model_id
