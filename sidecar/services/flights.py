"""Requests that are under way: what was decided about each, and who refused it, until its answer is there."""

import math
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

from sidecar.adapters.store import (
    LEASE_S,
    DropLease,
    Lease,
    Mutation,
    PutDecision,
    PutLease,
    PutSession,
    ReleaseClaim,
    State,
)
from sidecar.bounded import put_last
from sidecar.core.choose import Candidate, Strategy, Unfit
from sidecar.core.cooldown import Cooldown
from sidecar.core.decision import Decision, SessionRoute
from sidecar.core.failure import Failure
from sidecar.core.limits import Reached
from sidecar.protocol import ROUTER, Target
from sidecar.texts.failover import Waiting

MOST_FLIGHTS: Final = 1000
MOST_SESSIONS: Final = 1000

LONGEST_S: Final = 300.0
"""No request is under way for longer than its host waits for an answer to begin."""

V = TypeVar("V")


class Hit(Struct, frozen=True):
    """A refusal that a request has met."""

    target: Target
    failure: Failure
    cooldown: Cooldown | None = None
    """The episode that it began, or was part of."""


class Moved(Struct, frozen=True):
    """How the two places of a session's move stood when it was decided."""

    was: Target
    was_like: Candidate | None
    to: Candidate
    strategy: Strategy


class Flight(Struct):
    """One request on its way."""

    own: Target | None = None
    """The target that the user chose."""
    virtual: Target | None = None
    """The virtual model that the session is on, though the host may show where its turn was moved to."""
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
    session: Callable[[State], SessionRoute | None] | None = None
    """What is to be kept of where its session is, when there is time: a turn may begin in it meanwhile."""
    moved: Moved | None = None
    """It goes elsewhere than its session's last request, though nobody refused."""
    leased: str | None = None
    """The provider where it is counted as under way."""

    def drain(self, request_id: str, refused: Target | None, state: State) -> list[Mutation]:
        """Return what is to be kept of it beside *state*, and the claims to give back; once.

        After *refused* only the claim on that target, unless it is asked again: no hit is noted then.
        """
        answered = {hit.target for hit in self.hits if hit.target == refused}
        over = [target for target in self.probes if refused is None or target in answered]
        kept: list[Mutation] = [ReleaseClaim(self.probes.pop(target), request_id) for target in over]
        kept += [PutDecision(decided()) for decided in self.decisions]
        self.decisions = []
        if self.session and (route := self.session(state)):
            kept.append(PutSession(route))
        self.session = None
        return kept

    def lease(self, request_id: str, provider_id: str | None, now: float) -> list[Mutation]:
        """Return what counts it as under way at *provider_id*; None: nowhere any more."""
        was, self.leased = self.leased, provider_id
        if provider_id:
            return [PutLease(request_id, Lease(provider_id, now + LEASE_S))]
        return [DropLease(request_id)] if was else []

    def told_hit(self) -> Hit | None:
        """Return the refusal that a user is told of: of the chosen target, or of the one we chose first."""
        if self.own is not None and self.own.provider_id == ROUTER:
            return next(iter(self.hits), None)
        return next((hit for hit in reversed(self.hits) if hit.target == self.own), None)


class Flights:
    """All requests of this process that are under way; the oldest go when nobody ever ended them."""

    def __init__(self) -> None:
        """Start with none."""
        self._flights: dict[str, Flight] = {}
        self._unfit: dict[str, dict[Target, int]] = {}
        """By session, who refused what it sends, and from how many bytes on."""
        self._said: dict[str, object] = {}
        self._answering: dict[str, tuple[str, float]] = {}
        """By request: the provider that is writing its answer, and since when."""

    def of(self, request_id: str) -> Flight:
        """Return the flight of *request_id*, a new one if it isn't known."""
        return _kept(self._flights, request_id, Flight, MOST_FLIGHTS)

    def end(self, request_id: str) -> Flight | None:
        """Forget the flight and return it."""
        return self._flights.pop(request_id, None)

    def leases(self, now: float) -> list[Mutation]:
        """Return what counts those that are under way for another while."""
        asked = [(name, row.leased, row.asked_at) for name, row in self._flights.items() if row.leased]
        answering = [(name, *row) for name, row in self._answering.items()]
        return [
            PutLease(request_id, Lease(provider_id, now + LEASE_S))
            for request_id, provider_id, since in (*asked, *answering)
            if since > now - LONGEST_S
        ]

    def answering(self, request_id: str, provider_id: str, now: float) -> None:
        """Remember that a provider writes the answer to a request that counts as under way."""
        put_last(self._answering, request_id, (provider_id, now), MOST_FLIGHTS)

    def is_answering(self, request_id: str) -> bool:
        """Say whether its answer is still being written."""
        return request_id in self._answering

    def answered(self, request_id: str) -> bool:
        """Forget that its answer is being written; return whether it was."""
        return self._answering.pop(request_id, None) is not None

    def is_news(self, session_id: str, said: object) -> bool:
        """Say whether something else was decided for the session last; what is repeated isn't kept."""
        before = self._said.get(session_id)
        put_last(self._said, session_id, said, MOST_SESSIONS)
        return said != before

    def unfit(self, session_id: str, size_bytes: int) -> dict[Target, Unfit]:
        """Return the targets that can't take a body of *size_bytes* of this session."""
        found = self._unfit.get(session_id, {})
        return {target: "refused this session" for target, least in found.items() if size_bytes >= least}

    def refuse(self, session_id: str, target: Target, from_bytes: int) -> None:
        """Remember that *target* can't take what this session sends, if it has *from_bytes* or more."""
        found = _kept(self._unfit, session_id, dict[Target, int], MOST_SESSIONS)
        found[target] = min(from_bytes, found.get(target, from_bytes))

    def forget(self, provider_id: str | None) -> None:
        """Forget what was found out about a provider's targets; None: about all."""
        for found in self._unfit.values():
            for target in [*found]:
                if provider_id in (None, target.provider_id):
                    del found[target]


def _kept(rows: dict[str, V], key: str, make: type[V], most: int) -> V:
    row = rows[key] if key in rows else make()
    put_last(rows, key, row, most)
    return row
