"""Who is asked next; and where a wait is over, one request of all processes that finds out."""

from collections.abc import Collection
from hashlib import sha256
from typing import Final

import msgspec

from sidecar.adapters.store import Store
from sidecar.core.choose import rank
from sidecar.core.cooldown import Cooldown
from sidecar.protocol import Target
from sidecar.services.flights import Flight
from sidecar.services.look import DISK_S, Look
from sidecar.services.standing import Standing

PROBE_S: Final = 30.0
"""How long one request may be the only one to find out whether a target is back."""


def best_of(look: Look, probed: Collection[Target] = (), *, may_wait: bool) -> Standing | None:
    """Return who is asked next; None: nobody may be asked. Somebody else is looking at those of *probed*.

    With *may_wait* it is the one that is back soonest if all wait.
    """
    found = {row.target: row.after_probe(look.reserve) if is_due(row) else row for row in look.standings}
    found |= {row.target: row.probed_by_another() for row in look.standings if row.target in probed}
    ranked = rank(
        [row.candidate for row in found.values()], look.route.strategy, look.stay, look.now, look.reserve
    )
    first = found[ranked[0].target] if ranked else None
    return None if first and first.candidate.tier == "cooling" and not may_wait else first


def is_due(standing: Standing | None) -> bool:
    """Say whether a wait is over, and somebody has to find out whether it was long enough."""
    return standing is not None and standing.candidate.tier == "due"


async def first_of(look: Look, flight: Flight, store: Store, *, may_wait: bool) -> Standing | None:
    """Return the best of those that may be asked, and note in *flight* if it is a probe."""
    probed: set[Target] = set()
    while first := best_of(look, probed, may_wait=may_wait):
        if first.target in probed or not is_due(look.of(first.target)):
            return first
        if await _may_probe(first, look, flight, store):
            return first
        probed.add(first.target)
    return None


async def _may_probe(standing: Standing, look: Look, flight: Flight, store: Store) -> bool:
    claim = probe_claim(standing.rows)
    if not await store.claim(claim, look.request.request_id, PROBE_S, look.now, DISK_S):
        return False
    flight.probes[standing.target] = claim
    return True


def probe_claim(rows: tuple[Cooldown, ...]) -> str:
    """Name the claim on finding out whether what *rows* bind is back."""
    keys = [row.key for row in rows]
    return f"probe:{sha256(msgspec.json.encode(keys)).hexdigest()[:16]}"
