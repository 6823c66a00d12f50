"""Everything that is known at one instant of a request and of the targets that could take it."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.config import Config
from sidecar.adapters.store import State, Store
from sidecar.adapters.targets import Route
from sidecar.core.choose import Stay, Unfit
from sidecar.protocol import ModelRequest, Target
from sidecar.services.remaining import Remaining
from sidecar.services.sessions import Sessions, model_of
from sidecar.services.standing import Asking, Knowledge, Standing, standings
from sidecar.services.workspaces import Workspace, Workspaces

DISK_S: Final = 0.02
"""How long a decision waits for the disk."""

NEWS_S: Final = 1.0
"""How long what nobody waits for does, to know what others have written meanwhile."""


class Look(Struct, frozen=True):
    """Everything that a decision about one request is made from."""

    request: ModelRequest
    place: Workspace
    route: Route
    standings: list[Standing]
    knowledge: Knowledge
    now: float
    model: Target
    """What the user chose: the request's own target, or the virtual model whose turn was moved there."""
    stay: Stay | None = None
    """Where the session is, if its strategy asks for that."""

    @property
    def config(self) -> Config:
        return self.place.config

    @property
    def reserve(self) -> float:
        """Return what is kept of every target, in percent."""
        return self.config.settings.reserve

    @property
    def own(self) -> Standing | None:
        """The target that the host asks; None for a virtual model, which is nobody's own."""
        return next((row for row in self.standings if row.candidate.is_own), None)

    @property
    def is_alone(self) -> bool:
        """There is nothing to decide: the host's own target, at no limit."""
        return len(self.standings) == 1 and self.own is not None and self.own.limit is None

    @property
    def is_compared(self) -> bool:
        """Targets are compared by what changes with each request."""
        return self.route.strategy != "priority"

    def of(self, target: Target) -> Standing | None:
        """Return how *target* stands, if it is one of the route."""
        return next((row for row in self.standings if row.target == target), None)


class Looking:
    """Looks, from memory and from what other processes have written."""

    def __init__(self, workspaces: Workspaces, store: Store, clock: Callable[[], float]) -> None:
        """Share *store* with other processes; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._store = store
        self._clock = clock
        self._knowledge: Knowledge | None = None
        self._remaining = Remaining()
        self.sessions = Sessions()

    def knowledge(self, state: State) -> Knowledge:
        """Return what *state* says; the same of the same one."""
        if self._knowledge is None or self._knowledge.state is not state:
            self._knowledge = Knowledge(state, self._remaining)
        return self._knowledge

    async def look(
        self, request: ModelRequest, out: Mapping[Target, Unfit], *, is_fresh: bool = False
    ) -> Look | None:
        """Return all there is to know, or None where nothing may be done; *out* names targets that are out.

        With *is_fresh* the disk has just been asked.
        """
        place = await self._workspaces.at_hand(request.directory)
        if place is None or not place.config.settings.enabled:
            return None
        now = self._clock()
        state = self._store.state(now) if is_fresh else await self._store.load(now, DISK_S)
        return self._made(request, place, state, out, now)

    def at_once(self, request: ModelRequest, out: Mapping[Target, Unfit]) -> Look | None:
        """Return what `look` would, without waiting; None where that can't be."""
        place, now = self._workspaces.known(request.directory), self._clock()
        state = self._store.fresh(now)
        if place is None or state is None or not place.config.settings.enabled:
            return None
        return self._made(request, place, state, out, now)

    def _made(
        self, request: ModelRequest, place: Workspace, state: State, out: Mapping[Target, Unfit], now: float
    ) -> Look:
        knowledge = self.knowledge(state)
        model = model_of(request, state.sessions)
        route = place.config.targets.route(model, place.catalogue)
        if model != request.target and route.virtual is None:  # it is no more, or nobody has told of it yet
            model, route = request.target, place.config.targets.route(request.target, place.catalogue)
        if request.wire == "other":
            own = tuple(row for row in route.targets if row.target == request.target)
            route = replace(route, targets=own)
        found = standings(route, Asking(request, place.config, knowledge, now, out))
        is_kept = route.strategy != "priority"
        stay = self.sessions.stay(request.session_id, model, state) if is_kept else None
        return Look(request, place, route, found, knowledge, now, model, stay)
