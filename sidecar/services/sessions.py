"""Where the requests of each session are served: since when, and whether they were ever served elsewhere.

The first decides whether a move is worth it; the second, whether what a provider signed for itself is still
understood where the next request goes.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from sidecar.adapters.store import State
from sidecar.bounded import put_last
from sidecar.core.account import Account
from sidecar.core.choose import Stay
from sidecar.core.decision import SessionRoute
from sidecar.protocol import ROUTER, ModelRequest, Target

MOST_SESSIONS: Final = 1000

NOT_THE_TALK: Final = ("title", "compaction", "summary")
"""Agents whose requests stand beside the conversation: where they go says nothing of its place."""


def model_of(request: ModelRequest, sessions: Mapping[str, SessionRoute]) -> Target:
    """Return the model that the user has chosen for *request*: the virtual one, where we moved its turn."""
    route = sessions.get(request.session_id)
    is_moved = route is not None and route.moved_to == request.target and route.chosen.provider_id == ROUTER
    return route.chosen if route and is_moved else request.target


class Sessions:
    """Knows of the newest sessions of this process; what it doesn't, the store may."""

    def __init__(self) -> None:
        """Start with none."""
        self._stays: dict[tuple[str, Target], Stay] = {}
        self._homes: dict[str, Account | None] = {}
        """The one account that a session has been at; None: several."""

    def stay(self, session_id: str, model: Target, state: State) -> Stay | None:
        """Return where the requests of *session_id* for *model* are served."""
        known = self._stays.get((session_id, model))
        route = state.sessions.get(session_id)
        return known or (route.stay if route and route.chosen == model else None)

    def went(self, request: ModelRequest, model: Target, target: Target, state: State, now: float) -> None:
        """Remember that *request* goes to *target*."""
        if request.agent not in NOT_THE_TALK:
            self._stay_at(target, request.session_id, model, state, now)

    def kept(self, session_id: str, model: Target, now: float, state: State) -> SessionRoute | None:
        """Return what *state* is yet to hold of where a session's requests for *model* go; None: nothing."""
        stay, route = self._stays.get((session_id, model)), state.sessions.get(session_id)
        if stay is None or (route and (route.chosen != model or route.stay == stay)):
            return None
        return replace(route or SessionRoute(session_id, model, now), stay=stay)

    def moved(self, session: SessionRoute, target: Target, state: State, now: float) -> Stay:
        """Remember that a turn of *session* goes to *target*, and return that."""
        put_last(self._homes, session.session_id, None, MOST_SESSIONS)  # by OpenCode's own way
        return self._stay_at(target, session.session_id, session.chosen, state, now)

    def _stay_at(self, target: Target, session_id: str, model: Target, state: State, now: float) -> Stay:
        """Remember that the session is at *target*: since it first was, if it has been there all the time."""
        old = self.stay(session_id, model, state)
        stay = old if old and old.target == target else Stay(target, now)
        put_last(self._stays, (session_id, model), stay, MOST_SESSIONS)
        return stay

    def is_at_home(self, request: ModelRequest, account: Account) -> bool:
        """Say whether all that *request* holds is of *account*, and note that it goes there."""
        session_id = request.session_id
        if request.agent in NOT_THE_TALK:
            return self._homes.get(session_id) == account
        is_new = session_id not in self._homes and not request.body.has_answers
        home = account if is_new or self._homes.get(session_id) == account else None
        put_last(self._homes, session_id, home, MOST_SESSIONS)
        return home is not None
