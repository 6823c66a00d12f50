"""What is kept of a decision about a request: who is asked and why, and who was considered."""

from typing import Final

from sidecar.core.choose import rank
from sidecar.core.decision import Decision, Reason, Refused
from sidecar.services.flights import Hit
from sidecar.services.look import Look
from sidecar.services.probes import is_due
from sidecar.services.standing import Standing

MOST_EXPLAINED: Final = 12


def decision_of(look: Look, first: Standing | None, reason: Reason, hit: Hit | None) -> Decision:
    """Return what is kept of a decision: that *first* is asked (None: nobody), after *hit*."""
    candidates = [row.candidate for row in look.standings]
    ranked = rank(candidates, look.route.strategy, look.stay, look.now, look.reserve)
    return Decision(
        at=look.now,
        session_id=look.request.session_id,
        agent=look.request.agent,
        own=look.request.target,
        reason=reason,
        taken=first.target if first else None,
        strategy=look.route.strategy,
        candidates=(*ranked, *(row for row in candidates if row.unfit))[:MOST_EXPLAINED],
        refused=_refused(hit) if hit else None,
        dry_run=look.config.settings.dry_run,
    )


def _refused(hit: Hit) -> Refused:
    until = hit.cooldown.until if hit.cooldown else None
    return Refused(hit.target, hit.failure.failure_class, hit.failure.evidence, until)


def reason_of(look: Look, first: Standing | None) -> Reason:
    """Return why *first* is asked before anybody has refused."""
    if first is None:
        return "own limit" if look.own else "nobody fits"
    if first.candidate.tier == "cooling":
        return "nobody is left"
    own = look.own
    if own is None:
        return _virtual_reason(look, first)
    if not first.candidate.is_own:
        return "own limit" if own.limit else "cooling" if own.is_waiting else "better"
    return "probe" if own.is_waiting else "as chosen"


def _virtual_reason(look: Look, first: Standing) -> Reason:
    if is_due(look.of(first.target)):
        return "probe"
    ranked = rank([row.candidate for row in look.standings], look.route.strategy, reserve=look.reserve)
    is_kept = look.stay is not None and look.stay.target == first.target != ranked[0].target
    return "stays" if is_kept else "routed"
