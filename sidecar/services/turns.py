"""Turns: moved to another model before they begin when the user's own waits and no request could go on.

A request can only go on at a target of its own wire, with a key that we may send. A turn can begin
anywhere: the host makes its requests, with its own logins.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from msgspec.structs import replace

from sidecar.adapters.store import Mutation, PutCooldown, PutDecision, PutSession, State, Store
from sidecar.bounded import put_last
from sidecar.core.choose import Stay
from sidecar.core.decision import Decision, SessionRoute, follow
from sidecar.core.failure import Refusal, classify
from sidecar.protocol import ROUTER, SessionErrorParams, SessionResumeParams, Target, TurnRouteParams
from sidecar.services.destinations import Destination, Turn, default, destination, waits
from sidecar.services.flights import Moved
from sidecar.services.look import DISK_S, Looking
from sidecar.services.telling import Telling
from sidecar.services.workspaces import Workspace, Workspaces

FIRST_TOLD_S: Final = 1.5
"""So long waits a turn right after the start to hear what the host offers; the shim waits 2 s for it."""

MOST_RESUMED: Final = 1000


class Turns:
    """Answers `turn/route`, and does a turn again that ended with an error out of our sight."""

    def __init__(
        self,
        workspaces: Workspaces,
        telling: Telling,
        store: Store,
        looking: Looking,
        clock: Callable[[], float],
    ) -> None:
        """Remember in *store* whose model a session uses; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._telling = telling
        self._store = store
        self._looking = looking
        self._sessions = looking.sessions
        self._clock = clock
        self._resumed: dict[str, None] = {}
        """The messages whose turns were done again."""
        self._untold: dict[str, Callable[[], Awaitable[None]]] = {}
        """By session: the move that is yet to be told."""

    async def route(self, params: TurnRouteParams) -> Target | None:
        """Return where the turn goes instead of where the host's picker shows; None: nowhere else."""
        now = self._clock()
        state = await self._store.load(now, DISK_S)
        old = state.sessions.get(params.session_id)
        session = follow(old or _of_parent(params, state), params.session_id, params.target, now)
        place = await self._place(params.directory, session)
        if place is None or not place.config.settings.enabled:
            return place and default(place, params.target)
        if not place.has(session.chosen) and session.chosen != params.target:
            session = SessionRoute(params.session_id, params.target, now)  # there is nothing to go back to
        found = destination(self._turn(place, session, state, now))
        target = found.target
        if place.config.settings.dry_run and not found.first:  # a virtual model is nobody's own
            target = params.target if old is None else session.chosen
        moved_to = None if target == session.chosen else target
        shown = session.shown if params.target in (session.chosen, moved_to) else params.target
        new = replace(session, at=now, moved_to=moved_to, shown=shown)
        if found.first and moved_to:
            new = replace(new, stay=self._went(place, new, moved_to, state, found))
        mutations = _changes(old, new)
        if target != params.target:
            mutations.append(PutDecision(_decision(params, session, found, now)))
        if mutations:
            await self._store.apply(mutations, DISK_S)
        if moved_to and not found.first and (row := waits(place.config, state, session.chosen, now)):
            self._note(params.session_id, partial(self._telling.moved, place, row, session.chosen, moved_to))
        return None if target == params.target else target

    async def _place(self, directory: str, session: SessionRoute) -> Workspace | None:
        """Return the workspace; of a virtual model, not before the host has said who stands behind it."""
        if session.chosen.provider_id == ROUTER:
            await self._workspaces.told(directory, FIRST_TOLD_S)
        return await self._workspaces.looked_at(directory)

    def _turn(self, place: Workspace, session: SessionRoute, state: State, now: float) -> Turn:
        stay = self._sessions.stay(session.session_id, session.chosen, state)
        return Turn(place, session, self._looking.knowledge(state), now, stay)

    def _went(
        self, place: Workspace, session: SessionRoute, to: Target, state: State, found: Destination
    ) -> Stay:
        """Remember that a turn goes *to* another place, and what to tell of it; return the stay there."""
        was = self._sessions.stay(session.session_id, session.chosen, state)
        stay = self._sessions.moved(session, to, state, session.at)
        if found.first and was and was.target != to:
            like = next((row for row in found.candidates if row.target == was.target), None)
            moved = Moved(was.target, like, found.first, found.strategy)
            self._note(session.session_id, partial(self._telling.routed, place, session.chosen, moved))
        return stay

    def _note(self, session_id: str, tell: Callable[[], Awaitable[None]]) -> None:
        put_last(self._untold, session_id, tell, MOST_RESUMED)

    async def tell(self, session_id: str) -> None:
        """Tell of the last move of a session, once the host has its answer."""
        if tell := self._untold.pop(session_id, None):
            await tell()

    async def failed(self, params: SessionErrorParams) -> SessionResumeParams | None:
        """Learn from a turn that ended with an error, and say what to do again with another model."""
        place = await self._workspaces.at_hand(params.directory)
        if place is None or not place.config.settings.enabled:
            return None
        now = self._clock()
        state = self._store.state(now)
        old = state.sessions.get(params.session_id)
        chosen = old.chosen if old and place.has(old.chosen) else params.target
        if params.went_by_us and chosen.provider_id != ROUTER:
            return None  # nothing more can be done for it
        if not params.went_by_us and not await self._learn(params, place, now):
            return None
        kept = old if old and old.chosen == chosen else SessionRoute(params.session_id, chosen, now)
        session = replace(kept, at=now, moved_to=None)
        state = self._store.state(now)
        found = destination(self._turn(place, session, state, now), by_turn_only=True)
        target = found.target
        may_resume = params.is_root and not place.config.settings.dry_run
        if not may_resume or target == params.target or params.message_id in self._resumed:
            return None
        put_last(self._resumed, params.message_id, None, MOST_RESUMED)
        moved_to = None if target == session.chosen else target
        new = replace(session, moved_to=moved_to, shown=kept.moved_to or kept.shown)
        if found.first and moved_to:
            new = replace(new, stay=self._went(place, new, moved_to, state, found))
        await self._store.apply([PutSession(new)], DISK_S)
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
        knowledge = self._looking.knowledge(self._store.state(now))
        row = knowledge.cooldown(failure, account, params.target.model_id, now)
        if row is None:
            return False
        await self._store.apply([PutCooldown(row)], DISK_S)
        return True


def _of_parent(params: TurnRouteParams, state: State) -> SessionRoute | None:
    """Return the virtual model of a subagent that begins where its parent's turn was moved, if it was."""
    parent = state.sessions.get(params.parent_id or "")
    if parent is None or parent.chosen.provider_id != ROUTER:
        return None
    if params.target not in (parent.chosen, parent.moved_to):
        return None
    return replace(parent, session_id=params.session_id)


def _decision(params: TurnRouteParams, session: SessionRoute, found: Destination, now: float) -> Decision:
    return Decision(
        now,
        params.session_id,
        params.agent,
        session.chosen,
        found.reason,
        found.target,
        found.strategy,
        found.candidates,
    )


def _changes(old: SessionRoute | None, new: SessionRoute) -> list[Mutation]:
    """Return what is to be remembered: nothing for a session that was never moved."""
    if old is None and new.moved_to is None:
        return []
    return [] if old is not None and replace(old, at=new.at) == new else [PutSession(new)]
