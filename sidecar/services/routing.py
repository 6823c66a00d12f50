"""The request path: where a request to a model goes, and where it goes on when somebody refuses it.

Both questions are answered from memory. The disk is asked what other processes have learnt, and told what
we have, for `DISK_S` at most; what takes longer goes on beside the answer.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.config import Config
from sidecar.adapters.store import ClearCooldown, PutCooldown, Store
from sidecar.adapters.targets import Route
from sidecar.core.choose import Unfit, rank
from sidecar.core.cooldown import Cooldown, CooldownKey, begin, is_offline
from sidecar.core.decision import Decision, Reason, Refused
from sidecar.core.failure import Failure, FailureClass, Refusal, classify
from sidecar.protocol import (
    AgainPlan,
    ModelRequest,
    PassPlan,
    Plan,
    RequestFailedParams,
    RequestPlanParams,
    SendPlan,
    Target,
)
from sidecar.services import refusals
from sidecar.services.flights import Flight, Flights, Hit
from sidecar.services.standing import Knowledge, Standing, soonest, standings
from sidecar.services.workspaces import Workspace, Workspaces
from sidecar.texts import failover

DISK_S: Final = 0.02
PROBE_S: Final = 30.0
"""How long one request may be the only one to find out whether a target is back."""

CATALOGUE_S: Final = 0.7
"""A refusal right after the start waits so long for the host to say which models there are."""

WAITED_OUT_S: Final = 2.0
"""A wait that a provider states is sat out if it is no longer."""

COUNTED_DOWN_S: Final = 60.0
"""When somebody is back within this, the host waits and shows it; else the turn ends."""

NOT_MENDED: Final[frozenset[FailureClass]] = frozenset({"bad-request", "context-length"})
"""What the request itself is to blame for: another target would refuse it as well."""

MENDED_BY_WAITING: Final[frozenset[FailureClass]] = frozenset(
    {"rate-limit-short", "quota-exhausted-long", "overloaded"}
)


class Look(Struct, frozen=True):
    """Everything that a decision about one request is made from."""

    request: ModelRequest
    place: Workspace
    route: Route
    standings: list[Standing]
    now: float

    @property
    def config(self) -> Config:
        return self.place.config

    @property
    def own(self) -> Standing:
        """The target that the user chose."""
        return next(row for row in self.standings if row.candidate.is_own)

    def of(self, target: Target) -> Standing | None:
        """Return how *target* stands, if it is one of the route."""
        return next((row for row in self.standings if row.target == target), None)


class Routing:
    """Answers `request/plan` and `request/failed`."""

    def __init__(
        self, workspaces: Workspaces, store: Store, flights: Flights, clock: Callable[[], float]
    ) -> None:
        """Share *store* with other processes; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._store = store
        self._flights = flights
        self._clock = clock
        self._knowledge: Knowledge | None = None
        self._unreached: dict[str, float] = {}

    async def plan(self, request: RequestPlanParams) -> Plan:
        """Say where *request* goes. Never to nobody: that everybody waits is only what we remember."""
        look = await self._look(request, self._flights.unfit(request.session_id))
        if look is None or (len(look.standings) == 1 and look.own.limit is None):
            return PassPlan()
        first = await self._first(look, may_wait=True)
        flight = self._flights.of(request.request_id)
        reason = _reason(look, first)
        self._note(flight, look, first, reason)
        if look.config.settings.dry_run:
            return PassPlan()
        if first is None:
            return _at_hard_limit(look)
        if first.target != request.target:
            flight.held = max(look.own.rows, key=lambda row: row.until, default=None)
            flight.limit = look.own.limit
        return _plan_to(first, look)

    async def failed(self, params: RequestFailedParams) -> Plan:
        """Remember the failure of the last attempt, and say where the request goes on."""
        await self._workspaces.told(params.directory, CATALOGUE_S)
        look = await self._look(params, self._out(params))
        if look is None:
            return PassPlan()
        target = params.tried[-1] if params.tried else params.target
        failure = classify(_refusal(params, target), look.now, look.config.failure_patterns)
        if failure.failure_class == "aborted":
            return PassPlan()
        if _is_waited_out(failure, params, target) and not look.config.settings.dry_run:
            return AgainPlan(failure.retry_after_s or 0.0, _timeout(look, target))
        flight = self._flights.of(params.request_id)
        if await self._is_offline(failure, params, look):
            return PassPlan()
        await self._remember(flight, look, target, failure)
        return await self._next(flight, params, target, failure)

    async def _next(
        self, flight: Flight, params: RequestFailedParams, target: Target, failure: Failure
    ) -> Plan:
        look = await self._look(params, self._out(params), is_fresh=True)
        is_own = target == params.target
        if look is None or (is_own and failure.failure_class in NOT_MENDED):
            return PassPlan()
        settings = look.config.settings
        is_late = params.elapsed_s >= settings.wall_budget_s
        is_spent = is_late or len(set(params.tried)) >= look.route.max_attempts
        first = None if is_spent else await self._first(look, may_wait=False)
        if first is not None:
            self._note(flight, look, first, "refused")
            return PassPlan() if settings.dry_run else _plan_to(first, look)
        if look.own.candidate.unfit is None:  # what we remember of it may be old: it is asked once
            self._note(flight, look, look.own, "nobody is left")
            return PassPlan()
        is_left = any(row.candidate.unfit is None and not row.is_waiting for row in look.standings)
        return self._gone(flight, look) if is_late or not is_left else self._enough(flight, look)

    def _enough(self, flight: Flight, look: Look) -> Plan:
        """As many as one request may ask have refused; somebody is left, for the host's next request."""
        self._note(flight, look, None, "enough asked")
        if look.config.settings.dry_run or look.request.wire == "other":
            return PassPlan()
        return refusals.refusal(look.request.wire, 429, failover.next_one(), {"retry-after-ms": "1"})

    def _gone(self, flight: Flight, look: Look) -> Plan:
        """Everybody has refused, or waits: say so where that tells more than the user's own target did."""
        own = next((hit for hit in reversed(flight.hits) if hit.target == look.request.target), None)
        waiting = [row for row in look.standings if row.rows]
        first = soonest(waiting)
        self._note(flight, look, None, "all gone")
        if own is None or first is None or own.failure.failure_class not in MENDED_BY_WAITING:
            return PassPlan()
        wait_s = (first.candidate.until or look.now) - look.now
        is_alone = all(row.candidate.is_own for row in waiting)
        if is_alone and (own.failure.reset_at is None or wait_s <= COUNTED_DOWN_S):
            return PassPlan()  # the host's own way with a refusal is as good
        if look.config.settings.dry_run or look.request.wire == "other":
            return PassPlan()
        rows = [_waiting(row, look) for row in waiting]
        flight.gone = rows
        wire, now = look.request.wire, look.now
        if wait_s <= COUNTED_DOWN_S:
            countdown = {"retry-after-ms": f"{max(1, round(wait_s * 1000))}"}
            return refusals.refusal(wire, 429, failover.busy(rows, now), countdown)
        return refusals.refusal(wire, 403, failover.gone(rows, now))

    async def _look(
        self, request: ModelRequest, out: dict[Target, Unfit], *, is_fresh: bool = False
    ) -> Look | None:
        """Gather what there is to know, or None where nothing may be done.

        With *is_fresh* the disk has just been asked.
        """
        place = await self._workspaces.at_hand(request.directory)
        if place is None or not place.config.settings.enabled:
            return None
        now = self._clock()
        state = self._store.state(now) if is_fresh else await self._store.load(now, DISK_S)
        if self._knowledge is None or self._knowledge.state is not state:
            self._knowledge = Knowledge(state)
        route = place.config.targets.route(request.target, place.catalogue)
        if request.wire == "other":
            route = replace(
                route, targets=tuple(row for row in route.targets if row.target == request.target)
            )
        found = standings(route, request, place.config, self._knowledge, now, out)
        return Look(request, place, route, found, now)

    def _out(self, params: RequestFailedParams) -> dict[Target, Unfit]:
        tried: dict[Target, Unfit] = dict.fromkeys(params.tried, "tried")
        return self._flights.unfit(params.session_id) | tried

    async def _first(self, look: Look, *, may_wait: bool) -> Standing | None:
        """Return who is asked next. A target whose wait is over is asked by one request of all processes.

        With *may_wait* it is the one that is back soonest if all wait.
        """
        due = {row.target for row in look.standings if row.candidate.tier == "due"}
        found = {row.target: row.after_probe() if row.target in due else row for row in look.standings}
        while ranked := rank([row.candidate for row in found.values()], look.route.strategy):
            first = found[ranked[0].target]
            if first.candidate.tier == "cooling" and not may_wait:
                return None
            if first.target not in due or await self._may_probe(first, look):
                return first
            due.discard(first.target)
            found[first.target] = first.probed_by_another()
        return None

    async def _may_probe(self, standing: Standing, look: Look) -> bool:
        claim = probe_claim(standing.rows)
        owner = look.request.request_id
        if not await self._store.claim(claim, owner, PROBE_S, look.now, DISK_S):
            return False
        self._flights.of(owner).probes[standing.target] = claim
        return True

    async def _is_offline(self, failure: Failure, params: RequestFailedParams, look: Look) -> bool:
        """Say whether it is us who can't be reached; then what was held against others is forgotten."""
        if failure.scope != "origin":
            return False
        origin = params.failed_origin or params.origin or ""
        self._unreached[origin] = look.now
        if not is_offline(self._unreached, look.now):
            return False
        keys = [CooldownKey("origin", origin) for origin in self._unreached]
        await self._store.apply([ClearCooldown(key, look.now) for key in keys], DISK_S)
        return True

    async def _remember(self, flight: Flight, look: Look, target: Target, failure: Failure) -> None:
        standing = look.of(target)
        if standing is None:
            return
        cooldown = self._cooldown(standing, failure, look.now)
        flight.hits.append(Hit(target, failure, cooldown))
        if cooldown is not None:
            await self._store.apply([PutCooldown(cooldown)], DISK_S)
        elif not standing.candidate.is_own:
            self._flights.unfit(look.request.session_id)[target] = "refused this session"

    def _cooldown(self, standing: Standing, failure: Failure, now: float) -> Cooldown | None:
        account, model_id = standing.account, standing.target.model_id
        if failure.failure_class == "quota-exhausted-long" and failure.reset_at is None and self._knowledge:
            # It doesn't say until when: what is known of the account may.
            failure = replace(failure, reset_at=self._knowledge.used_up_until(account, model_id, now))
        rows = {row.key.scope: row for row in standing.rows}
        old = rows.get(failure.scope) if failure.scope else None
        return begin(failure, account, model_id, now, old)

    def reached(self, origin: str | None) -> None:
        """Learn that *origin* answers."""
        self._unreached.pop(origin or "", None)

    def _note(self, flight: Flight, look: Look, first: Standing | None, reason: Reason) -> None:
        flight.own = look.request.target
        hit = flight.hits[-1] if flight.hits else None
        flight.decisions.append(partial(_decision, look, first, reason, hit))


MOST_EXPLAINED: Final = 12


def _decision(look: Look, first: Standing | None, reason: Reason, hit: Hit | None) -> Decision:
    candidates = [row.candidate for row in look.standings]
    ranked = rank(candidates, look.route.strategy)
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


def probe_claim(rows: tuple[Cooldown, ...]) -> str:
    """Name the claim on finding out whether what *rows* bind is back."""
    keys = sorted(row.key for row in rows)
    return f"probe:{sha256(msgspec.json.encode(keys)).hexdigest()[:16]}"


def _refusal(params: RequestFailedParams, target: Target) -> Refusal:
    return Refusal(
        target.provider_id,
        params.status,
        params.headers,
        params.text,
        params.error_message,
        params.error_name,
    )


def _refused(hit: Hit) -> Refused:
    until = hit.cooldown.until if hit.cooldown else None
    return Refused(hit.target, hit.failure.failure_class, hit.failure.evidence, until)


def _is_waited_out(failure: Failure, params: RequestFailedParams, target: Target) -> bool:
    """Say whether the same target is asked again, once, after a wait that is hardly noticed."""
    wait_s = failure.retry_after_s
    return wait_s is not None and wait_s <= WAITED_OUT_S and params.tried.count(target) <= 1


def _reason(look: Look, first: Standing | None) -> Reason:
    if first is None:
        return "own limit"
    if first.candidate.tier == "cooling":
        return "nobody is left"
    if not first.candidate.is_own:
        return "own limit" if look.own.limit else "cooling" if look.own.is_waiting else "better"
    return "probe" if look.own.is_waiting else "as chosen"


def _at_hard_limit(look: Look) -> Plan:
    limit, label = look.own.limit, look.place.label(look.request.target.provider_id)
    if limit is None or look.request.wire == "other":
        return PassPlan()
    return refusals.refusal(look.request.wire, 403, failover.hard_limit(label, limit, look.now))


def _waiting(standing: Standing, look: Look) -> failover.Waiting:
    row = max(standing.rows, key=lambda row: row.until)
    label = look.place.label(standing.target.provider_id)
    return failover.Waiting(label, row.failure_class, row.until, row.stated)


def _plan_to(first: Standing, look: Look) -> Plan:
    timeout_s = _timeout(look, first.target)
    if first.candidate.is_own or first.spec.url is None:
        return PassPlan(timeout_s)
    headers = {name: value.reveal() for name, value in first.spec.headers.items()}
    return SendPlan(first.target, first.spec.url, headers, list(first.spec.edits), timeout_s)


def _timeout(look: Look, target: Target) -> float | None:
    """Return the silence that ends an attempt at *target*: none where nobody else could be asked."""
    others = (row for row in look.standings if row.target != target and not row.is_waiting)
    if any(row.candidate.unfit is None for row in others):
        return look.config.settings.headers_timeout_s or None
    return None
