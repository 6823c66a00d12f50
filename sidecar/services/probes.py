"""Who is asked next; and where a wait is over, one request of all processes that finds out."""

from hashlib import sha256
from typing import Final

import msgspec

from sidecar.adapters.store import Store
from sidecar.core.choose import rank
from sidecar.core.cooldown import Cooldown
from sidecar.services.flights import Flight
from sidecar.services.look import DISK_S, Look
from sidecar.services.standing import Standing

PROBE_S: Final = 30.0
"""How long one request may be the only one to find out whether a target is back."""


async def first_of(look: Look, flight: Flight, store: Store, *, may_wait: bool) -> Standing | None:
    """Return who is asked next, and note in *flight* if it is a probe; None: nobody may be asked.

    With *may_wait* it is the one that is back soonest if all wait.
    """
    due = {row.target for row in look.standings if row.candidate.tier == "due"}
    found = {row.target: row.after_probe() if row.target in due else row for row in look.standings}
    while ranked := rank([row.candidate for row in found.values()], look.route.strategy):
        first = found[ranked[0].target]
        if first.candidate.tier == "cooling" and not may_wait:
            return None
        if first.target not in due or await _may_probe(first, look, flight, store):
            return first
        due.discard(first.target)
        found[first.target] = first.probed_by_another()
    return None


async def _may_probe(standing: Standing, look: Look, flight: Flight, store: Store) -> bool:
    claim = probe_claim(standing.rows)
    if not await store.claim(claim, look.request.request_id, PROBE_S, look.now, DISK_S):
        return False
    flight.probes[standing.target] = claim
    return True


def probe_claim(rows: tuple[Cooldown, ...]) -> str:
    """Name the claim on finding out whether what *rows* bind is back."""
    keys = sorted(row.key for row in rows)
    return f"probe:{sha256(msgspec.json.encode(keys)).hexdigest()[:16]}"
