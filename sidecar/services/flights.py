"""Requests that are under way: what was decided about each, and who refused it, until its answer is there."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

from sidecar.adapters.store import Mutation, PutDecision, ReleaseClaim
from sidecar.core.choose import Unfit
from sidecar.core.cooldown import Cooldown
from sidecar.core.decision import Decision
from sidecar.core.failure import Failure
from sidecar.core.limits import Reached
from sidecar.protocol import Target
from sidecar.texts.failover import Waiting

MOST_FLIGHTS: Final = 1000
MOST_SESSIONS: Final = 1000

K = TypeVar("K")
V = TypeVar("V")


class Hit(Struct, frozen=True):
    """A refusal that a request has met."""

    target: Target
    failure: Failure
    cooldown: Cooldown | None = None
    """The episode that it began, or was part of."""


class Flight(Struct):
    """One request on its way."""

    own: Target | None = None
    """The target that the user chose."""
    asked_at: float = math.inf
    """When it was last said where it goes, in Unix seconds."""
    decisions: list[Callable[[], Decision]] = []
    """To be written down and kept when there is time."""
    hits: list[Hit] = []
    probes: dict[Target, str] = {}
    """The claims on being the one that finds out."""
    held: Cooldown | None = None
    """Why it didn't go to the user's own target in the first place."""
    limit: Reached | None = None
    """As `held`: a limit that the user has set."""
    gone: list[Waiting] | None = None
    """Whom everybody waits for: nobody was left."""

    def drain(self, request_id: str, refused: Target | None) -> list[Mutation]:
        """Return what is to be kept of it, and the claims to give back; once.

        After *refused* only the claim on that target, unless it is asked again: no hit is noted then.
        """
        answered = {hit.target for hit in self.hits if hit.target == refused}
        over = [target for target in self.probes if refused is None or target in answered]
        kept: list[Mutation] = [ReleaseClaim(self.probes.pop(target), request_id) for target in over]
        kept += [PutDecision(decided()) for decided in self.decisions]
        self.decisions = []
        return kept


class Flights:
    """All requests of this process that are under way; the oldest go when nobody ever ended them."""

    def __init__(self) -> None:
        """Start with none."""
        self._flights: OrderedDict[str, Flight] = OrderedDict()
        self._unfit: OrderedDict[str, dict[Target, Unfit]] = OrderedDict()
        self._said: OrderedDict[str, object] = OrderedDict()

    def of(self, request_id: str) -> Flight:
        """Return the flight of *request_id*, a new one if it isn't known."""
        return _kept(self._flights, request_id, Flight, MOST_FLIGHTS)

    def end(self, request_id: str) -> Flight | None:
        """Forget the flight and return it."""
        return self._flights.pop(request_id, None)

    def is_news(self, session_id: str, said: object) -> bool:
        """Say whether something else was decided for the session last; what is repeated isn't kept."""
        before = self._said.get(session_id)
        self._said[session_id] = said
        self._said.move_to_end(session_id)
        while len(self._said) > MOST_SESSIONS:
            self._said.popitem(last=False)
        return said != before

    def unfit(self, session_id: str) -> dict[Target, Unfit]:
        """Return the targets that can't take what this session sends; add to it what is found out."""
        return _kept(self._unfit, session_id, dict, MOST_SESSIONS)


def _kept(rows: OrderedDict[K, V], key: K, make: type[V], most: int) -> V:
    if key not in rows:
        rows[key] = make()
    rows.move_to_end(key)
    while len(rows) > most:
        rows.popitem(last=False)
    return rows[key]
