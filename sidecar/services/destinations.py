"""Where a turn belongs before it begins: with what the user chose, or where that has to give way to.

A virtual model's turn goes to the best of its targets, whatever their wires: where no request of ours can
reach it, the host makes its own.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.config import Config
from sidecar.adapters.store import State
from sidecar.adapters.targets import Route, TargetSpec
from sidecar.adapters.wires import wires
from sidecar.core.choose import Candidate, Stay, Strategy, rank, tier_of
from sidecar.core.cooldown import Cooldown, binding, standing
from sidecar.core.decision import Reason, SessionRoute
from sidecar.protocol import BodyShape, ModelRequest, Target, Wire
from sidecar.services.standing import Asking, Knowledge, Standing, standings
from sidecar.services.workspaces import Workspace

NO_BODY: Final = BodyShape(0, has_images=False, has_tools=False, stream=True)
"""Of a turn that is yet to begin."""


class Turn(Struct, frozen=True):
    """A turn that is about to begin, and all that is known of it."""

    place: Workspace
    session: SessionRoute
    knowledge: Knowledge
    now: float
    stay: Stay | None = None
    """Where the session's requests for its model are served."""

    @property
    def state(self) -> State:
        return self.knowledge.state


class Destination(Struct, frozen=True):
    """Where a turn goes, and why."""

    target: Target
    reason: Reason
    candidates: tuple[Candidate, ...] = ()
    strategy: Strategy = "priority"
    first: Candidate | None = None
    """Of a virtual model: who serves it, as the turn begins there."""


def destination(turn: Turn, *, by_turn_only: bool = False) -> Destination:
    """Return where *turn* belongs: with what the user chose, unless that waits and must.

    With *by_turn_only* a request of it can't go on by itself.
    """
    chosen, state, now = turn.session.chosen, turn.state, turn.now
    route = turn.place.config.targets.route(chosen, turn.place.catalogue)
    if route.virtual:
        return virtual_destination(turn, route)
    if waits(turn.place.config, state, chosen, now) is None:
        return Destination(chosen, "back")
    free = [spec for spec in route.targets if _is_free(spec, state, now)]
    moved_to = turn.session.moved_to
    if moved_to and any(spec.target == moved_to for spec in free if spec.by_turn):
        return Destination(moved_to, "cooling")
    if not by_turn_only and any(_is_request_target(spec, route) for spec in free):
        return Destination(chosen, "cooling")  # its requests will go on there, and the picker stays
    candidates = [
        Candidate(spec.target, tier_of(None), priority=spec.priority, place=spec.place)
        for spec in free
        if spec.by_turn
    ]
    ranked = rank(candidates, "priority")
    return Destination(ranked[0].target if ranked else chosen, "cooling", tuple(ranked))


def virtual_destination(turn: Turn, route: Route) -> Destination:
    """Return the best target of *route*, or the virtual model itself where its requests go there."""
    place, session, now = turn.place, turn.session, turn.now
    wire = _wire(place, route)
    request = ModelRequest("", place.directory, session.session_id, "", "", session.chosen, wire, NO_BODY)
    rows = standings(route, Asking(request, place.config, turn.knowledge, now, {}))
    reserve = place.config.settings.reserve
    candidates = [_for_a_turn(row, reserve) for row in rows]
    ranked = rank(candidates, route.strategy, turn.stay, now, reserve)
    if not ranked:
        return Destination(session.chosen, "nobody fits", tuple(candidates), route.strategy)
    first = ranked[0]
    is_kept = rank(candidates, route.strategy, reserve=reserve)[0].target != first.target
    is_ours = any(row.target == first.target and row.candidate.unfit is None for row in rows)
    target = session.chosen if is_ours else first.target
    reason = "nobody is left" if first.tier == "cooling" else "stays" if is_kept else "routed"
    considered = (*ranked, *(row for row in candidates if row.unfit))
    return Destination(target, reason, considered, route.strategy, first)


def default(place: Workspace, model: Target) -> Target | None:
    """Return where a turn goes that nobody routes: with a virtual model to the first that has it."""
    route = place.config.targets.route(model, place.catalogue)
    return next((spec.target for spec in route.targets if spec.by_turn), None) if route.virtual else None


def waits(config: Config, state: State, target: Target, now: float) -> Cooldown | None:
    """Return what *target* waits for, as far as it is known where OpenCode calls it."""
    rows = binding(state.cooldowns, config.targets.account(target, None), target.model_id)
    active = [row for row in rows if row.is_active(now)]
    return max(active, key=lambda row: row.until, default=None)


def _wire(place: Workspace, route: Route) -> Wire:
    """Return what OpenCode speaks for a virtual model: as it was told at its start, if it was."""
    offered = place.catalogue.find(route.own)
    return wires().of(offered.npm) if offered and offered.npm else route.wire


def _for_a_turn(row: Standing, reserve: float) -> Candidate:
    """Return a target as it stands for a turn: the host's own requests go where none of ours can."""
    candidate = row.after_probe(reserve).candidate if row.candidate.tier == "due" else row.candidate
    return replace(candidate, unfit=None) if row.is_by_turn else candidate


def _is_request_target(spec: TargetSpec, route: Route) -> bool:
    own = next((row for row in route.targets if row.target == route.own), None)
    return spec.why_not is None and own is not None and spec.wire == own.wire != "other"


def _is_free(spec: TargetSpec, state: State, now: float) -> bool:
    return standing(binding(state.cooldowns, spec.account, spec.target.model_id), now)[0] == "free"
