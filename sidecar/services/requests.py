"""What is learnt when an attempt of a request is over: who served, what was used, who is back."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import anyio

from sidecar.adapters.store import (
    ClearCooldown,
    CountRequest,
    CountTokens,
    DropLease,
    PutQuota,
    Store,
)
from sidecar.bounded import put_last
from sidecar.core.cooldown import Cooldown, binding
from sidecar.core.price import cost_of
from sidecar.protocol import ROUTER, MessageFinishedParams, RequestFinishedParams, Target
from sidecar.services.answers import Answers
from sidecar.services.flights import Flight, Flights
from sidecar.services.look import NEWS_S
from sidecar.services.routing import Routing
from sidecar.services.sessions import NOT_THE_TALK
from sidecar.services.telling import Telling
from sidecar.services.workspaces import Workspace, Workspaces

MOST_SERVED: Final = 1000
MOST_OF_A_TURN: Final = 100

Turn = tuple[str, str, str]
"""A session, the user's message, and the agent that works on it."""

Served = tuple[str, Target]
"""A request's id, and who answered it."""


class Requests:
    """Counts requests, remembers what their answers told, and ends the episodes of targets that answer."""

    def __init__(
        self,
        workspaces: Workspaces,
        answers: Answers,
        routing: Routing,
        flights: Flights,
        telling: Telling,
        store: Store,
        clock: Callable[[], float],
    ) -> None:
        """Count into *store* what *answers* read; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._answers = answers
        self._routing = routing
        self._flights = flights
        self._telling = telling
        self._store = store
        self._clock = clock
        self._served: dict[Turn, deque[Served]] = {}
        """Who answered, until the message that it made is complete."""
        self._last_served: dict[str, Target] = {}
        """By session."""

    async def finished(self, params: RequestFinishedParams) -> None:
        """Learn from an attempt; one that the user gave up says nothing but that nobody probes any more."""
        is_served = not params.refused and not params.aborted and params.status is not None
        flight = self._flights.of(params.request_id)
        if not params.refused:
            self._flights.end(params.request_id)
        if is_served:  # before anything is waited for: a short answer may be complete by then
            self._remember_served(params, flight)
        place, heard = None, list[PutQuota]()
        with anyio.CancelScope(shield=True):  # a host often ends right after its last request
            place = await self._workspaces.at_hand(params.directory)
            heard = [] if params.aborted else await self._answers.heard(params)
        refused = params.target if params.refused else None
        mutations = flight.drain(params.request_id, refused, self._store.state(self._clock()))
        if not params.aborted:
            target = params.target
            ttfb_s = params.ttfb_s if is_served else None
            mutations.append(
                CountRequest(self._clock(), target.provider_id, target.model_id, not is_served, ttfb_s)
            )
            mutations += heard
        if flight.leased and not params.refused:
            is_answering = is_served and self._flights.is_answering(params.request_id)
            there = params.target.provider_id if is_answering else None
            mutations += flight.lease(params.request_id, there, self._clock())
        ended: tuple[Cooldown, ...] = ()
        if is_served and place:
            self._routing.reached(params.origin)
            # What only opens a stream is held back, for minutes perhaps: the head may be long past.
            began_at = min(self._clock() - params.ttfb_s, flight.asked_at)
            ended = self._ended(params, place, began_at)
            mutations += [ClearCooldown(row.key, max(began_at, row.since)) for row in ended]
        with anyio.CancelScope(shield=True):
            await self._store.apply(mutations)
        if place and is_served:
            await self._tell(place, params, flight, ended)
        hit = flight.told_hit()
        if place and flight.gone and hit and hit.cooldown:
            row = await self._merged(hit.cooldown)
            await self._telling.all_gone(place, row, hit.target, flight.gone)

    async def message_finished(self, params: MessageFinishedParams) -> None:
        """Count the tokens of an assistant's message for the target that served it."""
        queue = self._served.get((params.session_id, params.parent_id, params.agent))
        if not queue:
            return  # it didn't come by us
        request_id, target = queue.popleft()
        place = None
        with anyio.CancelScope(shield=True):
            place = await self._workspaces.at_hand(params.directory)
        model = place.catalogue.find(target) if place else None
        tokens = (
            params.input_tokens + params.output_tokens + params.cache_read_tokens + params.cache_write_tokens
        )
        count = CountTokens(
            self._clock(),
            target.provider_id,
            target.model_id,
            tokens,
            cost_of(params, model.prices if model else None),
        )
        is_leased = self._flights.answered(request_id)
        with anyio.CancelScope(shield=True):
            await self._store.apply([count, DropLease(request_id)] if is_leased else [count])

    def last_served(self, session_id: str) -> Target | None:
        """Return the target that said the last thing in this session, if this process knows."""
        return self._last_served.get(session_id)

    def _remember_served(self, params: RequestFinishedParams, flight: Flight) -> None:
        if flight.leased:
            self._flights.answering(params.request_id, params.target.provider_id, self._clock())
        turn = (params.session_id, params.message_id, params.agent)
        served = self._served.get(turn) or deque[Served](maxlen=MOST_OF_A_TURN)
        served.append((params.request_id, params.target))
        put_last(self._served, turn, served, MOST_SERVED)
        if params.agent not in NOT_THE_TALK:
            put_last(self._last_served, params.session_id, params.target, MOST_SERVED)

    def _ended(
        self, params: RequestFinishedParams, place: Workspace, began_at: float
    ) -> tuple[Cooldown, ...]:
        """Return the episodes that this answer ends: those that had begun before it was asked for."""
        now, model_id = self._clock(), params.target.model_id
        account = place.config.targets.account(params.target, params.origin)
        rows = binding(self._store.state(now).cooldowns, account, model_id)
        return tuple(row for row in rows if row.ends_with(model_id, began_at, now))

    async def _tell(
        self,
        place: Workspace,
        params: RequestFinishedParams,
        flight: Flight,
        ended: Sequence[Cooldown],
    ) -> None:
        own, hit = flight.own, flight.told_hit()
        if own is None:
            return
        if ended and own.provider_id == ROUTER:
            await self._telling.is_back(place, ended, params.target)
            self._telling.follows(flight.virtual, params.target)
        elif flight.virtual and flight.moved and flight.moved.to.target == params.target:
            await self._telling.routed(place, flight.virtual, flight.moved)
        if own == params.target:  # of any other nobody was told that it refused
            if ended:
                await self._telling.is_back(place, ended, own)
            return
        if flight.limit:
            await self._telling.own_limit(place, flight.limit, own, params.target)
        row = hit.cooldown if hit else flight.held
        if row is not None:
            refused = hit.target if hit else own
            merged = await self._merged(row)
            await self._telling.went_on(place, merged, refused, params.target)
            self._telling.follows(flight.virtual, params.target)

    async def _merged(self, row: Cooldown) -> Cooldown:
        """Return the episode as all processes know it: another may have begun it a moment before."""
        state = await self._store.load(self._clock(), NEWS_S)
        return state.cooldowns.get(row.key, row)
