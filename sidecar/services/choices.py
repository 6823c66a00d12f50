"""Where the next turn of a model goes and why, found by what routes it; leaving a virtual model."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from sidecar.adapters.store import PutSession, Store
from sidecar.adapters.targets import Route
from sidecar.core.choose import Candidate, Strategy
from sidecar.core.decision import Decision, Reason, SessionRoute, follow
from sidecar.protocol import ROUTER, ModelRequest, Target
from sidecar.services.destinations import NO_BODY, Turn, destination, virtual_destination
from sidecar.services.look import Look, Looking
from sidecar.services.probes import best_of
from sidecar.services.quotas import Freshness, Quotas
from sidecar.services.reasons import decision_of, reason_of
from sidecar.services.sessions import NOT_THE_TALK
from sidecar.services.standing import Asking, standings
from sidecar.services.workspaces import Workspace
from sidecar.texts import route_words
from sidecar.texts.decisions import name
from sidecar.texts.route_report import Choice
from sidecar.texts.status_report import RouteReport

MOST_ROUTES: Final = 3
"""Of a report without a session."""

NOBODY: Final = ""
"""The session of whoever asks from outside."""


class Choices:
    """Tells what would be chosen, and lets a session leave its virtual model."""

    def __init__(
        self,
        store: Store,
        quotas: Quotas,
        looking: Looking,
        last_served: Callable[[str], Target | None],
        clock: Callable[[], float],
    ) -> None:
        """Choose by what *store* and *looking* know; *clock* gives Unix seconds."""
        self._store = store
        self._quotas = quotas
        self._looking = looking
        self._last_served = last_served
        self._clock = clock

    async def ask(self, place: Workspace, model: Target) -> None:
        """Ask what is left at everybody who could serve *model* and was not heard of lately."""
        settings = place.config.settings
        if not settings.enabled:
            return
        route = place.config.targets.route(model, place.catalogue)
        wanted = {row.target.provider_id for row in route.targets}
        gateways = [row for row in await self._quotas.gateways(place.config) if row.provider_id in wanted]
        await self._quotas.read(
            gateways, Freshness(settings.quota_cache_s, timeout_s=settings.quota_timeout_s)
        )

    async def choice(
        self,
        place: Workspace,
        model: Target,
        session: SessionRoute | None = None,
        strategy: Strategy | None = None,
        *,
        by_host: bool = False,
    ) -> Choice:
        """Return where the next turn of *model* goes, in *session* if there is one.

        *strategy* takes the place of what is configured. With *by_host* it goes to a model of the host's, not
        to one that only requests of ours can reach.
        """
        now = self._clock()
        state = await self._store.load(now)
        session = session or SessionRoute(NOBODY, model, now)
        stay = self._looking.sessions.stay(session.session_id, model, state)
        served = self._last_served(session.session_id)
        turn = Turn(place, replace(session, chosen=model), self._looking.knowledge(state), now, stay)
        route = place.config.targets.route(model, place.catalogue)
        if strategy:
            route = replace(route, strategy=strategy)
        if by_host and place.catalogue.providers():
            offered = tuple(row for row in route.targets if place.catalogue.find(row.target))
            route = replace(route, targets=offered)
        return Choice(
            _virtual(turn, route) if route.virtual else _real(turn, route),
            labels=_labels(place, route, model, served),
            stay=stay if route.strategy != "priority" else None,
            left=session.left,
            served=served,
            is_enabled=place.config.settings.enabled,
        )

    async def routes(self, place: Workspace, session: SessionRoute | None = None) -> tuple[RouteReport, ...]:
        """Return where the virtual model of *session* goes now; without one those that sessions used last."""
        if not place.config.settings.enabled:
            return ()
        if session:
            models = [session.chosen]
        else:
            state = await self._store.load(self._clock())
            newest = sorted(state.sessions.values(), key=lambda row: -row.at)
            models = list(dict.fromkeys(row.chosen for row in newest if _is_virtual(place, row.chosen)))
        rows: list[RouteReport] = []
        for model in [row for row in models if _is_virtual(place, row)][:MOST_ROUTES]:
            choice = await self.choice(place, model, session)
            if taken := choice.decision.taken:
                rows.append(RouteReport(model.model_id, name(taken), place.label(taken.provider_id)))
        return tuple(rows)

    async def session(self, session_id: str, shown: Target) -> SessionRoute:
        """Return whose model a session uses whose picker shows *shown*."""
        now = self._clock()
        old = (await self._store.load(now)).sessions.get(session_id)
        return follow(old, session_id, shown, now)

    async def last(self, session_id: str) -> Decision | None:
        """Return the last decision about the talk of a session, if it is one of those that are kept.

        Of a turn that was moved it is the one that moved it, whatever the picker shows since: its requests
        are just left where they are.
        """
        kept = await self._store.decisions()
        rows = [row for row in kept if row.session_id == session_id and row.agent not in NOT_THE_TALK]
        session = (await self._store.load(self._clock())).sessions.get(session_id)
        moved_to = session and session.moved_to
        told = (row for row in rows if moved_to is None or (row.own, row.reason) != (moved_to, "as chosen"))
        return next(told, None)

    async def leave(self, place: Workspace, session: SessionRoute, shown: Target) -> str:
        """Let *session* go on without its virtual model, and say where."""
        model = session.chosen
        if session.left:
            return route_words.already_left(session.left)
        if model.provider_id != ROUTER:
            return route_words.not_on(model)
        to = await self._own_way(place, session, shown)
        if to is None:
            return route_words.nowhere(model)
        await self._store.apply([PutSession(SessionRoute(session.session_id, to, self._clock(), left=model))])
        return route_words.left(model, to, place.label(to.provider_id))

    async def come_back(self, place: Workspace, session: SessionRoute, shown: Target) -> str:
        """Put *session* on the virtual model again that it has left."""
        if session.chosen.provider_id == ROUTER:
            return route_words.is_on(session.chosen)
        model = session.left or await self._last_virtual(place, session.session_id)
        if model is None:
            return route_words.not_left()
        moved_to = None if shown == model else shown
        back = SessionRoute(session.session_id, model, self._clock(), moved_to)
        await self._store.apply([PutSession(back)])
        return route_words.back(model)

    async def _own_way(self, place: Workspace, session: SessionRoute, shown: Target) -> Target | None:
        """Return where *session* goes on by itself: where the host shows it, where it was served, or best."""
        if shown.provider_id != ROUTER:
            return shown
        choice = await self.choice(place, session.chosen, session)
        candidates = choice.decision.candidates
        found = (choice.stay and choice.stay.target, choice.served, *(row.target for row in candidates))
        known = (target for target in found if target and place.catalogue.find(target))
        return next((target for target in known if target.provider_id != ROUTER), None)

    async def _last_virtual(self, place: Workspace, session_id: str) -> Target | None:
        rows = await self._store.decisions()
        models = (row.own for row in rows if row.session_id == session_id)
        return next((model for model in models if _is_virtual(place, model)), None)


def _is_virtual(place: Workspace, model: Target) -> bool:
    return model.provider_id == ROUTER and model.model_id in place.config.virtual_models


def _virtual(turn: Turn, route: Route) -> Decision:
    found = virtual_destination(turn, route)
    taken = found.first.target if found.first else None
    return _decision(turn, found.reason, taken, route.strategy, found.candidates)


def _real(turn: Turn, route: Route) -> Decision:
    """Decide as a turn and then a request of it are decided: both may go elsewhere."""
    own = next((row for row in route.targets if row.target == turn.session.chosen), None)
    if own is None:
        return _decision(turn, "nobody fits", None, route.strategy)
    if own.wire == "other":
        route = replace(route, targets=(own,))
    place, model, session_id = turn.place, own.target, turn.session.session_id
    request = ModelRequest("", place.directory, session_id, "", "", model, own.wire, NO_BODY)
    rows = standings(route, Asking(request, place.config, turn.knowledge, turn.now, {}))
    found = destination(turn)
    if found.target != model:
        waiting = (row.candidate for row in rows if row.candidate.is_own)
        return _decision(turn, found.reason, found.target, found.strategy, (*found.candidates, *waiting))
    stay = turn.stay if route.strategy != "priority" else None
    look = Look(request, place, route, rows, turn.knowledge, turn.now, model, stay)
    first = best_of(look, may_wait=True)
    return decision_of(look, first, reason_of(look, first), None)


def _decision(
    turn: Turn,
    reason: Reason,
    taken: Target | None,
    strategy: Strategy,
    candidates: tuple[Candidate, ...] = (),
) -> Decision:
    return Decision(
        turn.now,
        turn.session.session_id,
        "",
        turn.session.chosen,
        reason,
        taken,
        strategy,
        candidates,
        dry_run=turn.place.config.settings.dry_run,
    )


def _labels(place: Workspace, route: Route, *others: Target | None) -> dict[str, str]:
    targets = (*(row.target for row in route.targets), *others)
    return {row.provider_id: place.label(row.provider_id) for row in targets if row}
