"""Turns: moved to another model before they begin when the user's own waits and no request could go on.

A request can only go on at a target of its own wire, with a key that we may send. A turn can begin
anywhere: the host makes its requests, with its own logins.
"""

from collections.abc import Callable
from typing import Final

from sidecar.adapters.config import Config
from sidecar.adapters.store import Mutation, PutCooldown, PutDecision, PutSession, State, Store
from sidecar.adapters.targets import Route, TargetSpec
from sidecar.bounded import put_last
from sidecar.core.choose import Candidate, rank, tier_of
from sidecar.core.cooldown import Cooldown, binding, standing
from sidecar.core.decision import Decision, Reason, SessionRoute, follow
from sidecar.core.failure import Refusal, classify
from sidecar.protocol import SessionErrorParams, SessionResumeParams, Target, TurnRouteParams
from sidecar.services.look import DISK_S
from sidecar.services.standing import Knowledge
from sidecar.services.telling import Telling
from sidecar.services.workspaces import Workspace, Workspaces

MOST_RESUMED: Final = 1000


class Turns:
    """Answers `turn/route`, and does a turn again that ended with an error out of our sight."""

    def __init__(
        self, workspaces: Workspaces, telling: Telling, store: Store, clock: Callable[[], float]
    ) -> None:
        """Remember in *store* whose model a session uses; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._telling = telling
        self._store = store
        self._clock = clock
        self._resumed: dict[str, None] = {}
        """The messages whose turns were done again."""
        self._moved: dict[str, tuple[Workspace, Cooldown, SessionRoute]] = {}
        """By session: the move that is yet to be told."""

    async def route(self, params: TurnRouteParams) -> Target | None:
        """Return where the turn goes instead of where the host's picker shows; None: nowhere else."""
        place = await self._workspaces.looked_at(params.directory)
        if place is None or not place.config.settings.enabled:
            return None
        now = self._clock()
        state = await self._store.load(now, DISK_S)
        old = state.sessions.get(params.session_id)
        session = follow(old, params.session_id, params.target, now)
        target, reason, candidates = _destination(place, state, session, now)
        if place.config.settings.dry_run:
            target = params.target if old is None else session.chosen
        moved_to = None if target == session.chosen else target
        new = SessionRoute(params.session_id, session.chosen, now, moved_to)
        mutations = _changes(old, new)
        if target != params.target:
            decision = Decision(
                now, params.session_id, params.agent, session.chosen, reason, target, candidates=candidates
            )
            mutations.append(PutDecision(decision))
        if mutations:
            await self._store.apply(mutations, DISK_S)
        if moved_to and (row := _waits(place.config, state, session.chosen, now)):
            put_last(self._moved, params.session_id, (place, row, new), MOST_RESUMED)
        return None if target == params.target else target

    async def tell(self, session_id: str) -> None:
        """Tell of the last move of a session, once the host has its answer."""
        place, row, session = self._moved.pop(session_id, (None, None, None))
        if place and row and session and session.moved_to:
            await self._telling.moved(place, row, session.chosen, session.moved_to)

    async def failed(self, params: SessionErrorParams) -> SessionResumeParams | None:
        """Learn from a turn that ended with an error, and say what to do again with another model."""
        place = await self._workspaces.at_hand(params.directory)
        if place is None or not place.config.settings.enabled or params.went_by_us:
            return None
        now = self._clock()
        if not await self._learn(params, place, now):
            return None
        state = self._store.state(now)
        old = state.sessions.get(params.session_id)
        session = SessionRoute(params.session_id, old.chosen if old else params.target, now)
        target, _, _ = _destination(place, state, session, now, by_turn_only=True)
        may_resume = params.is_root and not place.config.settings.dry_run
        if not may_resume or target == params.target or params.message_id in self._resumed:
            return None
        put_last(self._resumed, params.message_id, None, MOST_RESUMED)
        moved = SessionRoute(params.session_id, session.chosen, now, target)
        await self._store.apply([PutSession(moved)], DISK_S)
        return SessionResumeParams(params.directory, params.session_id, params.message_id, target)

    async def _learn(self, params: SessionErrorParams, place: Workspace, now: float) -> bool:
        """Remember why a turn failed; False where that says nothing of its target."""
        refusal = Refusal(
            params.target.provider_id,
            params.status,
            message=params.error_message,
            error_name=params.error_name,
        )
        failure = classify(refusal, now, place.config.failure_patterns)
        account = place.config.targets.account(params.target, None)
        knowledge = Knowledge(self._store.state(now))
        row = knowledge.cooldown(failure, account, params.target.model_id, now)
        if row is None:
            return False
        await self._store.apply([PutCooldown(row)], DISK_S)
        return True


def _destination(
    place: Workspace, state: State, session: SessionRoute, now: float, *, by_turn_only: bool = False
) -> tuple[Target, Reason, tuple[Candidate, ...]]:
    """Return where a turn of *session* belongs: with what the user chose, unless that waits and must."""
    chosen = session.chosen
    route = place.config.targets.route(chosen, place.catalogue)
    if _waits(place.config, state, chosen, now) is None:
        return chosen, "back", ()
    free = [spec for spec in route.targets if _is_free(spec, state, now)]
    if any(spec.target == session.moved_to for spec in free if spec.by_turn) and session.moved_to:
        return session.moved_to, "cooling", ()
    if not by_turn_only and any(_is_request_target(spec, route) for spec in free):
        return chosen, "cooling", ()  # its requests will go on there, and the picker stays
    candidates = [
        Candidate(spec.target, tier_of(None), priority=spec.priority, place=spec.place)
        for spec in free
        if spec.by_turn
    ]
    ranked = rank(candidates, "priority")
    return (ranked[0].target if ranked else chosen), "cooling", tuple(ranked)


def _is_request_target(spec: TargetSpec, route: Route) -> bool:
    own = next((row for row in route.targets if row.target == route.own), None)
    return spec.why_not is None and own is not None and spec.wire == own.wire != "other"


def _is_free(spec: TargetSpec, state: State, now: float) -> bool:
    return standing(binding(state.cooldowns, spec.account, spec.target.model_id), now)[0] == "free"


def _waits(config: Config, state: State, target: Target, now: float) -> Cooldown | None:
    """Return what *target* waits for, as far as it is known where OpenCode calls it."""
    rows = binding(state.cooldowns, config.targets.account(target, None), target.model_id)
    active = [row for row in rows if row.is_active(now)]
    return max(active, key=lambda row: row.until, default=None)


def _changes(old: SessionRoute | None, new: SessionRoute) -> list[Mutation]:
    """Return what is to be remembered: nothing for a session that was never moved."""
    if old is None and new.moved_to is None:
        return []
    is_same = old is not None and (old.chosen, old.moved_to) == (new.chosen, new.moved_to)
    return [] if is_same else [PutSession(new)]
