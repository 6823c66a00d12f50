"""The request path: where a request to a model goes, and where it goes on when somebody refuses it.

Both questions are answered from memory. The disk is asked what other processes have learnt, and told what
we have, for `DISK_S` at most; what takes longer goes on beside the answer.
"""

from collections.abc import Collection
from functools import partial
from typing import Final

from msgspec.structs import replace

from sidecar.adapters.store import ClearCooldown, PutCooldown, Store
from sidecar.core.choose import Unfit
from sidecar.core.cooldown import CooldownKey, is_offline
from sidecar.core.decision import Reason
from sidecar.core.failure import Failure, Refusal, classify
from sidecar.protocol import (
    ROUTER,
    AgainPlan,
    ModelRequest,
    PassPlan,
    Plan,
    ReplyPlan,
    RequestFailedParams,
    RequestPlanParams,
    SendPlan,
    Target,
)
from sidecar.services import refusals
from sidecar.services.flights import Flight, Flights, Hit, Moved
from sidecar.services.look import DISK_S, Look, Looking
from sidecar.services.probes import best_of, first_of, is_due
from sidecar.services.reasons import decision_of, reason_of
from sidecar.services.sessions import NOT_THE_TALK
from sidecar.services.standing import Standing
from sidecar.services.workspaces import Workspaces

CATALOGUE_S: Final = 1.5
"""A refusal right after the start waits so long for the host to say which models there are."""

FIRST_TOLD_S: Final = 5.0
"""As `CATALOGUE_S`, for a request of a virtual model: who stands behind it is in what the host says."""

WAITED_OUT_S: Final = 2.0
"""A wait that a provider states is sat out if it is no longer."""


class Routing:
    """Answers `request/plan` and `request/failed`."""

    def __init__(self, workspaces: Workspaces, store: Store, flights: Flights, looking: Looking) -> None:
        """Share *store* with other processes, and *looking* with turns."""
        self._workspaces = workspaces
        self._store = store
        self._flights = flights
        self._looking = looking
        self._sessions = looking.sessions
        self._unreached: dict[str, float] = {}

    def plan_at_once(self, request: RequestPlanParams) -> Plan | None:
        """Answer as `plan` does, without waiting; None where the disk, or another process, must be asked."""
        look = self._looking.at_once(request, self._unfit(request))
        if look is None or look.is_compared:  # others are to see at once that it is under way
            return None
        first = best_of(look, may_wait=True)  # nobody: who stands behind a model may be told yet
        if first is None or (is_due(look.of(first.target)) and not look.is_alone):
            return None
        return self._planned(look, first)

    async def plan(self, request: ModelRequest) -> Plan:
        """Say where *request* goes. Never to nobody: that everybody waits is only what we remember."""
        if request.target.provider_id == ROUTER:
            await self._workspaces.told(request.directory, FIRST_TOLD_S)
        unfit = self._unfit(request)
        look = self._looking.at_once(request, unfit) or await self._looking.look(request, unfit)
        if look is None:
            return PassPlan()
        if look.is_alone:
            return self._planned(look, look.own)
        flight = self._flights.of(request.request_id)
        first = await first_of(look, flight, self._store, may_wait=True)
        if first is None and look.own is None and unfit:
            # Who refused what this session sent may take it by now, and there is nobody else to ask.
            look = await self._looking.look(request, {}) or look
            first = await first_of(look, flight, self._store, may_wait=True)
        plan = self._planned(look, first)
        await self._lease(flight, look, plan)
        if isinstance(plan, ReplyPlan):  # nothing is sent, so nobody will tell that it is finished
            self._flights.end(request.request_id)
            await self._store.apply(flight.drain(request.request_id, None, look.knowledge.state), DISK_S)
        return plan

    def _planned(self, look: Look, first: Standing | None) -> Plan:
        flight = self._flights.of(look.request.request_id)
        flight.asked_at = look.now
        if look.is_alone:
            return PassPlan()
        self._note(flight, look, first, reason_of(look, first))
        if look.config.settings.dry_run and look.own:
            return PassPlan()
        if first is None:
            return refusals.at_hard_limit(look) if look.own else refusals.nobody_fits(look)
        if look.own and first.target != look.request.target:
            flight.held = max(look.own.rows, key=lambda row: row.until, default=None)
            flight.limit = look.own.limit
        return self._plan_to(first, look)

    async def failed(self, params: RequestFailedParams) -> Plan:
        """Remember the failure of the last attempt, and say where the request goes on."""
        await self._workspaces.told(params.directory, CATALOGUE_S)
        out = self._out(params)
        look = self._looking.at_once(params, out) or await self._looking.look(params, out)
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
            plan = refusals.given_up(look)
        else:
            await self._remember(flight, look, target, failure)
            plan = await self._next(flight, params, target, failure)
        await self._lease(flight, look, plan, params.tried)
        return plan

    async def _lease(self, flight: Flight, look: Look, plan: Plan, tried: Collection[Target] = ()) -> None:
        """Count the request as under way where it goes, if that matters to anybody's choice.

        Left to the host's own target it goes there, unless that is one of those *tried*: then it is over.
        """
        # A title is soon written, and its own session would be driven away from where that was.
        if look.is_compared and look.request.agent not in NOT_THE_TALK:
            is_sent = isinstance(plan, SendPlan)
            there = plan.target if is_sent else look.request.target
            ended = (
                isinstance(plan, ReplyPlan) or there.provider_id == ROUTER or (not is_sent and there in tried)
            )
            rows = flight.lease(look.request.request_id, None if ended else there.provider_id, look.now)
            await self._store.apply(rows, 0.0)

    async def _next(
        self, flight: Flight, params: RequestFailedParams, target: Target, failure: Failure
    ) -> Plan:
        look = await self._looking.look(params, self._out(params), is_fresh=True)
        is_own = target == params.target
        if look is None or (is_own and failure.scope is None):
            return PassPlan()  # the request itself is to blame: another target would refuse it as well
        flight.asked_at = look.now
        settings = look.config.settings
        is_late = params.elapsed_s >= settings.wall_budget_s
        is_spent = is_late or len(set(params.tried)) >= look.route.max_attempts
        first = None if is_spent else await first_of(look, flight, self._store, may_wait=False)
        if first is not None:
            self._note(flight, look, first, "refused")
            return PassPlan() if settings.dry_run else self._plan_to(first, look)
        if look.own and look.own.candidate.unfit is None:
            # What we remember of it may be old: it is asked once.
            self._note(flight, look, look.own, "nobody is left")
            return PassPlan()
        if not look.own and (hit := flight.told_hit()) and hit.failure.scope is None:
            return PassPlan()  # it is the request: the host has to know what the first one said of it
        is_left = any(row.candidate.unfit is None and not row.is_waiting for row in look.standings)
        self._note(flight, look, None, "enough asked" if is_left and not is_late else "all gone")
        return refusals.enough_asked(look) if is_left and not is_late else refusals.all_gone(look, flight)

    def _out(self, params: RequestFailedParams) -> dict[Target, Unfit]:
        tried: dict[Target, Unfit] = dict.fromkeys(params.tried, "tried")
        return self._unfit(params) | tried

    def _unfit(self, request: ModelRequest) -> dict[Target, Unfit]:
        return self._flights.unfit(request.session_id, request.body.size_bytes)

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
        cooldown = look.knowledge.cooldown(failure, standing.account, target.model_id, look.now)
        flight.hits.append(Hit(target, failure, cooldown))
        if cooldown is not None:
            await self._store.apply([PutCooldown(cooldown)], DISK_S)
        elif not standing.candidate.is_own:
            # Once the host has made it shorter, a session may fit again.
            is_length, size = failure.failure_class == "context-length", look.request.body.size_bytes
            self._flights.refuse(look.request.session_id, target, size if is_length else 0)

    def reached(self, origin: str | None) -> None:
        """Learn that *origin* answers: when others were not reached, it was not us who were cut off."""
        if origin:
            self._unreached.clear()

    def _note(self, flight: Flight, look: Look, first: Standing | None, reason: Reason) -> None:
        flight.own = look.request.target
        flight.virtual = look.model if look.route.virtual else None
        if first is not None and (look.is_compared or flight.virtual):
            self._went(flight, look, first, reason)
        hit = flight.hits[-1] if flight.hits else None
        said = (look.request.agent, look.request.target, first.target if first else None, reason)
        if self._flights.is_news(look.request.session_id, said) or reason == "refused":
            flight.decisions.append(partial(decision_of, look, first, reason, hit))

    def _went(self, flight: Flight, look: Look, first: Standing, reason: Reason) -> None:
        """Remember where the session is now, and what to tell if that is elsewhere by choice."""
        state = look.knowledge.state
        was = self._sessions.stay(look.request.session_id, look.model, state)
        self._sessions.went(look.request, look.model, first.target, state, look.now)
        flight.session = partial(self._sessions.kept, look.request.session_id, look.model, look.now)
        is_told = flight.virtual is not None and look.request.agent not in NOT_THE_TALK
        if reason in ("routed", "better") and was and was.target != first.target and is_told:
            there = look.of(was.target)
            like = replace(there.candidate, unfit=None) if there else None  # it served, if not this request
            flight.moved = Moved(was.target, like, first.candidate, look.route.strategy)

    def _plan_to(self, first: Standing, look: Look) -> Plan:
        timeout_s, spec = _timeout(look, first.target), first.spec
        if first.candidate.is_own or spec.url is None:
            return PassPlan(timeout_s)
        is_virtual = look.route.virtual is not None
        is_home = is_virtual and self._sessions.is_at_home(look.request, first.account)
        headers = {name: value.reveal() for name, value in spec.headers.items()}
        edits = spec.edits_at_home if is_home else spec.edits
        return SendPlan(first.target, spec.url, headers, list(edits), timeout_s)


def _refusal(params: RequestFailedParams, target: Target) -> Refusal:
    return Refusal(
        target.provider_id,
        params.status,
        params.headers,
        params.text,
        params.error_message,
        params.error_name,
    )


def _is_waited_out(failure: Failure, params: RequestFailedParams, target: Target) -> bool:
    """Say whether the same target is asked again, once, after a wait that is hardly noticed."""
    wait_s = failure.retry_after_s
    return wait_s is not None and wait_s <= WAITED_OUT_S and params.tried.count(target) <= 1


def _timeout(look: Look, target: Target) -> float | None:
    """Return the silence that ends an attempt at *target*: none where nobody else could be asked."""
    others = (row for row in look.standings if row.target != target and not row.is_waiting)
    if any(row.candidate.unfit is None for row in others):
        return look.config.settings.headers_timeout_s or None
    return None
