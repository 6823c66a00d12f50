"""A store that forgets when the process ends: a double in tests, and what a process knows of a shared one."""

from collections import deque
from collections.abc import Sequence
from itertools import chain, islice
from math import inf
from typing import Final

import msgspec
from msgspec import Struct

from sidecar.adapters.store import (
    CLOCK_SLACK_S,
    LEASE_S,
    MOST_DECISIONS,
    USAGE_HOURS,
    ClearCooldown,
    CountRequest,
    CountTokens,
    DropLease,
    HourUsage,
    Lease,
    Mark,
    Mutation,
    PutCooldown,
    PutDecision,
    PutLease,
    PutQuota,
    PutSession,
    QuotaKey,
    QuotaSnapshot,
    ReleaseClaim,
    ResetProvider,
    RouteMutation,
    State,
)
from sidecar.bounded import put_last
from sidecar.core.cooldown import Cooldown, CooldownKey, merge
from sidecar.core.decision import Decision, SessionRoute

MOST_ROWS: Final = 1000
"""So many cooldowns, sessions and leases are kept, those that were put last."""

Hours = dict[int, dict[tuple[str, str], HourUsage]]
"""Usage by hour, and by the provider and its model."""


class Known(Struct, frozen=True):
    """What a store begins with, as read from somewhere durable; nobody changes these dictionaries."""

    quotas: dict[QuotaKey, QuotaSnapshot] = {}
    usage: Hours = {}
    marks: dict[str, Mark] = {}
    cooldowns: dict[CooldownKey, Cooldown] = {}
    sessions: dict[str, SessionRoute] = {}
    leases: dict[str, Lease] = {}


_NOTHING: Final = Known()


class MemoryStore:
    """Implements `Store` in plain dictionaries."""

    trouble: str | None = None

    def __init__(self, known: Known = _NOTHING) -> None:
        """Begin with what is *known*."""
        self._quotas = known.quotas.copy()
        self._marks = known.marks.copy()
        self._cooldowns = known.cooldowns.copy()
        self._sessions = known.sessions.copy()
        self._leases = known.leases.copy()
        self._usage = known.usage.copy()
        self._own_hours: set[int] = set()
        """Those whose usage is no longer as it was known."""
        self._claims: dict[str, tuple[str, float]] = {}
        self._decisions: deque[Decision] = deque(maxlen=MOST_DECISIONS)
        self._state: State | None = None
        self._state_hour = 0
        self._state_holds = (0.0, 0.0)
        """From when on and until when its leases are those."""

    def inherit(self, older: "MemoryStore") -> None:
        """Take over from *older* what no `State` holds."""
        self._claims, self._decisions = older._claims, older._decisions

    def state(self, now: float) -> State:
        hour = int(now // 3600)
        since, until = self._state_holds
        if self._state is None or self._state_hour != hour or not since <= now < until:
            # Copied when somebody asks after a change, and in C: this is in the way of every request.
            recent = [rows.values() for at, rows in self._usage.items() if at > hour - USAGE_HOURS]
            self._state = State(
                self._quotas.copy(),
                tuple(chain.from_iterable(recent)),
                self._marks.copy(),
                self._cooldowns.copy(),
                self._sessions.copy(),
                {name: row for name, row in self._leases.items() if _begin(row) <= now < row.until},
            )
            self._state_hour = hour
            edges = [at for row in self._leases.values() for at in (_begin(row), row.until)]
            self._state_holds = (
                max((at for at in edges if at <= now), default=-inf),
                min((at for at in edges if at > now), default=inf),
            )
        return self._state

    def fresh(self, now: float) -> State | None:
        return self.state(now)

    async def load(self, now: float, within_s: float | None = None) -> State:
        del within_s
        return self.state(now)

    async def apply(self, mutations: Sequence[Mutation], within_s: float | None = None) -> None:
        del within_s
        self.remember(mutations)

    def remember(self, mutations: Sequence[Mutation]) -> None:
        """Do what `apply` does, without waiting."""
        self._state = None
        for mutation in mutations:
            match mutation:
                case PutQuota(key, snapshot):
                    self._quotas[key] = snapshot
                case CountRequest() | CountTokens():
                    self._count(_used(mutation))
                case ReleaseClaim(key, owner):
                    if self._claims.get(key, ("", 0.0))[0] == owner:
                        del self._claims[key]
                case PutLease(request_id, lease):
                    put_last(self._leases, request_id, lease, MOST_ROWS)
                case DropLease(request_id):
                    self._leases.pop(request_id, None)
                case _:
                    self._route(mutation)

    def _route(self, mutation: RouteMutation) -> None:
        match mutation:
            case PutCooldown(new):
                put_last(self._cooldowns, new.key, merge(self._cooldowns.get(new.key), new), MOST_ROWS)
            case ClearCooldown(key, began_at):
                if key in self._cooldowns and self._cooldowns[key].since <= began_at:
                    del self._cooldowns[key]
            case ResetProvider(provider_id, at):
                self._reset(provider_id, at)
            case PutSession(route):
                put_last(self._sessions, route.session_id, route, MOST_ROWS)
            case PutDecision(decision):
                self._decisions.append(decision)

    def _count(self, more: HourUsage) -> None:
        key = (more.provider_id, more.model_id)
        if more.hour not in self._own_hours:
            self._own_hours.add(more.hour)
            self._usage[more.hour] = self._usage.get(more.hour, {}).copy()
        rows = self._usage[more.hour]
        row = rows.get(key) or HourUsage(more.hour, *key, 0, 0)
        rows[key] = msgspec.structs.replace(
            row,
            requests=row.requests + more.requests,
            failures=row.failures + more.failures,
            tokens=row.tokens + more.tokens,
            cost=row.cost if more.cost is None else (row.cost or 0.0) + more.cost,
            ttfb_s=row.ttfb_s + more.ttfb_s,
            answered=row.answered + more.answered,
        )
        if len(self._usage) > 2 * USAGE_HOURS:  # more than is shown: a clock may be set back again
            oldest = min(self._usage)
            del self._usage[oldest]
            self._own_hours.discard(oldest)

    def _reset(self, provider_id: str | None, at: float) -> None:
        for key in [*self._cooldowns]:
            if provider_id in (None, key.provider_id) or not key.provider_id:
                del self._cooldowns[key]
        for hour, rows in self._usage.items():
            if hour > int(at // 3600) - USAGE_HOURS:
                kept = {key: row for key, row in rows.items() if provider_id not in (None, key[0])}
                self._usage[hour] = kept

    async def claim(
        self, key: str, owner: str, ttl_s: float, now: float, within_s: float | None = None
    ) -> bool:
        del within_s
        return self.try_claim(key, owner, ttl_s, now)

    def try_claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
        """Do what `claim` does, without waiting."""
        holder, expires_at = self._claims.get(key, ("", 0.0))
        if holder not in ("", owner) and now < expires_at <= now + ttl_s + CLOCK_SLACK_S:
            return False
        self._claims[key] = (owner, now + ttl_s)
        return True

    async def swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        return self.try_swap(key, old, new)

    def try_swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        """Do what `swap` does, without waiting."""
        if self._marks.get(key) != old:
            return False
        self.put_mark(key, new)
        return True

    def put_mark(self, key: str, mark: Mark | None) -> None:
        """Remember *mark*, whatever was there before."""
        self._state = None
        if mark is None:
            self._marks.pop(key, None)
        else:
            self._marks[key] = mark

    async def decisions(self, limit: int = MOST_DECISIONS) -> list[Decision]:
        return self.last_decisions(limit)

    def last_decisions(self, limit: int) -> list[Decision]:
        """Do what `decisions` does, without waiting."""
        return list(islice(reversed(self._decisions), limit))

    async def aclose(self) -> None:
        return None


def _used(mutation: CountRequest | CountTokens) -> HourUsage:
    hour = int(mutation.at // 3600)
    match mutation:
        case CountRequest(_, provider_id, model_id, failed, ttfb_s):
            row = HourUsage(hour, provider_id, model_id, 1, int(failed))
            return row if ttfb_s is None else msgspec.structs.replace(row, ttfb_s=ttfb_s, answered=1)
        case CountTokens(_, provider_id, model_id, tokens, cost):
            return HourUsage(hour, provider_id, model_id, 0, 0, tokens, cost)


def _begin(lease: Lease) -> float:
    """Return when *lease* can be true: one that ends absurdly late was left by a wrong clock."""
    return lease.until - LEASE_S - CLOCK_SLACK_S
