"""Candidates as a virtual model's targets stand, made from what is left of them."""

from typing import Any, Final

from sidecar.core.choose import Candidate, Stay, Strategy, Tier, rank, tier_of
from sidecar.protocol import Target

NOW: Final = 1_795_219_200.0
MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86400.0, 604800.0
ROUTED: Final[tuple[Strategy, ...]] = ("headroom", "cost", "latency")


def known(name: str, left: float | None, **more: Any) -> Candidate:
    """Return a target of which *left* is what lasts, if `steady` says nothing else."""
    lasting = more.pop("steady", left)
    tier: Tier = more.pop("tier", None) or tier_of(left, lasts=lasting is not None)
    return Candidate(Target(name, "m"), tier, headroom=left, steady=lasting, **more)


def order(strategy: Strategy, *candidates: Candidate, stay: Stay | None = None, now: float = NOW) -> str:
    return " ".join(row.target.provider_id for row in rank(candidates, strategy, stay, now))


def at(name: str, since_s: float = MINUTE) -> Stay:
    return Stay(Target(name, "m"), NOW - since_s)
