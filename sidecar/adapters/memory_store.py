"""A store that forgets when the process ends: the double in tests, and the refuge when a disk fails."""

from collections.abc import Sequence

import msgspec

from sidecar.adapters.store import (
    CLOCK_SLACK_S,
    USAGE_HOURS,
    CountRequest,
    HourUsage,
    Mark,
    Mutation,
    PutQuota,
    QuotaKey,
    QuotaSnapshot,
    ReleaseClaim,
    State,
)


class MemoryStore:
    """Implements `Store` in plain dictionaries."""

    trouble: str | None = None

    def __init__(self) -> None:
        """Start empty."""
        self._quotas: dict[QuotaKey, QuotaSnapshot] = {}
        self._usage: dict[tuple[int, str, str], HourUsage] = {}
        self._claims: dict[str, tuple[str, float]] = {}
        self._marks: dict[str, Mark] = {}

    async def load(self, now: float) -> State:
        return self.state(now)

    def state(self, now: float) -> State:
        """Return what is remembered, without waiting."""
        oldest = now // 3600 - USAGE_HOURS
        self._usage = {key: row for key, row in self._usage.items() if row.hour > oldest}
        return State(dict(self._quotas), tuple(self._usage.values()), dict(self._marks))

    def replace(self, state: State) -> None:
        """Take over *state*, as read from somewhere durable."""
        self._quotas = dict(state.quotas)
        self._usage = {(row.hour, row.provider_id, row.model_id): row for row in state.usage}
        self._marks = dict(state.marks)

    async def apply(self, mutations: Sequence[Mutation]) -> None:
        self.remember(mutations)

    def remember(self, mutations: Sequence[Mutation]) -> None:
        """Do what `apply` does, without waiting."""
        for mutation in mutations:
            match mutation:
                case PutQuota(key, snapshot):
                    self._quotas[key] = snapshot
                case CountRequest():
                    self._count(mutation)
                case ReleaseClaim(key, owner):
                    if self._claims.get(key, ("", 0.0))[0] == owner:
                        del self._claims[key]

    async def claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
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
        if mark is None:
            self._marks.pop(key, None)
        else:
            self._marks[key] = mark

    async def aclose(self) -> None:
        return None

    def _count(self, request: CountRequest) -> None:
        hour = int(request.at // 3600)
        key = (hour, request.provider_id, request.model_id)
        row = self._usage.get(key) or HourUsage(hour, request.provider_id, request.model_id, 0, 0)
        self._usage[key] = msgspec.structs.replace(
            row, requests=row.requests + 1, failures=row.failures + request.failed
        )
