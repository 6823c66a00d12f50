"""Refusals of our own: when the host is told one instead of what a target said, in its wire's own shape."""

from collections.abc import Mapping
from math import inf
from typing import Final

import msgspec

from sidecar.core.choose import Unfit
from sidecar.core.cooldown import Cooldown
from sidecar.core.failure import FailureClass
from sidecar.protocol import ROUTER, PassPlan, Plan, ReplyPlan, Target, Wire
from sidecar.services.flights import Flight
from sidecar.services.look import Look
from sidecar.services.standing import Standing
from sidecar.texts import failover

COUNTED_DOWN_S: Final = 60.0
"""When somebody is back within this, the host waits and shows it; else the turn ends."""

PROBED_S: Final = 5.0
"""Whether somebody whose wait is over is back, another request is finding out: it is soon known."""

MENDED_BY_WAITING: Final[frozenset[FailureClass]] = frozenset(
    {"rate-limit-short", "quota-exhausted-long", "overloaded"}
)

_TYPE: Final = "quota_sidecar"
"""Tells a log's reader who refused; the host shows only the message."""


def refusal(wire: Wire, status: int, message: str, headers: Mapping[str, str] = {}) -> ReplyPlan:
    """Return the response that tells *message* as an error of *wire*; *headers* go with it."""
    error = {"type": _TYPE, "message": message}
    # The host reads the message of an OpenAI-compatible error whatever its provider's SDK is.
    body = {"type": "error", "error": error} if wire == "anthropic-messages" else {"error": error}
    return ReplyPlan(
        status, {"content-type": "application/json", **headers}, msgspec.json.encode(body).decode()
    )


def enough_asked(look: Look) -> Plan:
    """Let the host ask again: as many as one request may ask have refused, and somebody is left."""
    return _told(look, 429, failover.next_one(), {"retry-after-ms": "1"})


def at_hard_limit(look: Look) -> Plan:
    """Say that the user's own target is at a hard limit, and nobody else is left."""
    limit, label = look.own and look.own.limit, look.place.label(look.request.target.provider_id)
    return _told(look, 403, failover.hard_limit(label, limit, look.now)) if limit else PassPlan()


def given_up(look: Look) -> Plan:
    """Let the host have what its own target says, which is asked for it yet, unless that must not be."""
    is_barred = look.own is not None and look.own.candidate.unfit == "hard limit"
    return at_hard_limit(look) if is_barred else PassPlan()


def nobody_fits(look: Look) -> Plan:
    """Say why no target of a virtual model can take the request: there is nobody else whom to leave it to."""
    rows: list[tuple[str, Unfit]] = [
        (look.place.label(row.target.provider_id), unfit)
        for row in look.standings
        if (unfit := row.candidate.unfit)
    ]
    return refusal(look.request.wire, 403, failover.nobody_fits(look.model.model_id, rows))


def all_gone(look: Look, flight: Flight) -> Plan:
    """Say that everybody has refused, or waits, where that tells more than the user's own target did."""
    own = flight.told_hit()
    waiting = [row for row in look.standings if row.rows and row.candidate.unfit in (None, "tried")]
    if own is None or not waiting or own.failure.failure_class not in MENDED_BY_WAITING:
        return given_up(look)
    wait_s = min((_until(row, look) for row in waiting if not _is_used_up(row)), default=inf) - look.now
    is_alone = all(row.candidate.is_own for row in waiting)
    if is_alone and (own.failure.reset_at is None or wait_s <= COUNTED_DOWN_S):
        return PassPlan()  # the host's own way with a refusal is as good
    rows = [_waiting(row, look) for row in waiting]
    if wait_s <= COUNTED_DOWN_S:
        flight.gone = rows
        countdown = {"retry-after-ms": f"{max(1, round(wait_s * 1000))}"}
        return _told(look, 429, failover.busy(rows, look.now), countdown)
    if other := _elsewhere(look):
        return _told(look, 403, failover.elsewhere(rows, look.place.label(other.provider_id), look.now))
    flight.gone = rows
    return _told(look, 403, failover.gone(rows, look.now))


def _elsewhere(look: Look) -> Target | None:
    """Return where a virtual model's turn is done again, as no request of it can go on."""
    free = (row.target for row in look.standings if row.is_by_turn and not row.is_waiting)
    return next(free, None) if look.model.provider_id == ROUTER else None


def _is_used_up(standing: Standing) -> bool:
    """Say whether a quota is used up until nobody knows when: counting down to a guess would be in vain."""
    row = _last(standing)
    return row.failure_class == "quota-exhausted-long" and not row.stated


def _last(standing: Standing) -> Cooldown:
    return max(standing.rows, key=lambda row: row.until)


def _told(look: Look, status: int, message: str, headers: Mapping[str, str] = {}) -> Plan:
    if look.config.settings.dry_run or look.request.wire == "other":
        return PassPlan()
    return refusal(look.request.wire, status, message, headers)


def _waiting(standing: Standing, look: Look) -> failover.Waiting:
    row = _last(standing)
    label = look.place.label(standing.target.provider_id)
    return failover.Waiting(label, row.failure_class, _until(standing, look), row.stated)


def _until(standing: Standing, look: Look) -> float:
    return standing.candidate.until or look.now + PROBED_S
