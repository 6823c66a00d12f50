"""Who is asked what is left before anybody wants to know: those that turns of open folders may go to."""

from collections.abc import Callable, Iterable
from typing import Final

from sidecar.adapters.store import Store
from sidecar.protocol import ROUTER, Target, TurnRouteParams
from sidecar.services.polling import Polling
from sidecar.services.workspaces import Workspaces

LATELY_S: Final = 3 * 86400.0
"""A virtual model that no session has used for so long is not prepared for."""


class Lookout:
    """Nobody waits for it."""

    def __init__(
        self, workspaces: Workspaces, store: Store, polling: Polling, clock: Callable[[], float]
    ) -> None:
        """Ask by *polling*; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._store = store
        self._polling = polling
        self._clock = clock

    async def opened(self, directory: str) -> None:
        """Look for the first turn in a folder whose models are known now."""
        now = self._clock()
        sessions = (await self._store.load(now)).sessions.values()
        used = {row.chosen for row in sessions if row.at > now - LATELY_S}
        await self._workspaces.looked_at(directory)
        await self._look(directory, [model for model in used if model.provider_id == ROUTER])

    async def turn(self, params: TurnRouteParams) -> None:
        """Look for the turns after this one."""
        session = self._store.state(self._clock()).sessions.get(params.session_id)
        is_moved = session is not None and session.moved_to == params.target
        await self._look(params.directory, [session.chosen if session and is_moved else params.target])

    async def _look(self, directory: str, models: Iterable[Target]) -> None:
        place = self._workspaces.known(directory)
        if place is None:
            return
        names: set[str] = set()
        for model in models:
            route = place.config.targets.route(model, place.catalogue)
            if len(route.targets) > 1:  # else there is nothing to choose
                names |= {row.target.provider_id for row in route.targets}
        if names:
            await self._polling.nudge(place, names)
