"""What is remembered beyond one request, and the contract that every store keeps.

`sqlite_store` shares it among all sidecars of a user; `memory_store` holds it for one process. The one
contract suite in `tests/test_store_contract.py` is run on both.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from sidecar.core.account import Account
from sidecar.core.alerts import Mark
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import Decision, SessionRoute
from sidecar.core.forecast import Trail, name_of, used_up_at
from sidecar.quota.windows import Window


class QuotaKey(Struct, frozen=True):
    """One quota URL of one account."""

    account: Account
    url: str
    """A digest of where it is asked and how it is read: a query may hold a secret."""

    def digest(self) -> str:
        """Return one short name for the whole key."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class QuotaError(Struct, frozen=True, omit_defaults=True):
    """Why a fetch gave nothing: a kind that the texts know, and the HTTP status if there was one."""

    kind: str
    status: int | None = None

    @property
    def is_refusal(self) -> bool:
        """Say whether it was the key, or the login, that was refused."""
        return self.status in (401, 403)


class QuotaSnapshot(Struct, frozen=True, omit_defaults=True):
    """The last good reading of a quota URL, and how the last attempt went."""

    windows: tuple[Window, ...] = ()
    account_name: str | None = None
    read_at: float | None = None
    """When the windows were read; absent when there was no good reply yet."""
    attempted_at: float = 0.0
    error: QuotaError | None = None
    """Of the last attempt."""
    failures: int = 0
    """Refusals with 429 or 5xx in a row."""
    retry_at: float | None = None
    trail: dict[str, Trail] = {}
    """What was read of the windows that tell a share, by `core.forecast.name_of`."""

    def used_up_at(self, window: Window, now: float) -> float | None:
        """Return when nothing will be left of *window* if it goes on like this, if that can be said."""
        trail = self.trail.get(name_of(window))
        return None if trail is None else used_up_at(trail, now, window.resets_at)


class HourUsage(Struct, frozen=True, array_like=True):
    """What went to a provider's model within one hour."""

    hour: int
    """Unix time // 3600."""
    provider_id: str
    model_id: str
    requests: int
    failures: int
    tokens: float = 0.0
    cost: float | None = None
    """The sum of what is known, in the currency of the price; absent when nothing is."""
    ttfb_s: float = 0.0
    """The sum over `answered` requests of the time to the first byte."""
    answered: int = 0
    """Requests that were answered and timed."""


class Lease(Struct, frozen=True):
    """A request under way, counted until it is over or nobody renews it."""

    provider_id: str
    until: float
    """Unix seconds."""


class State(Struct, frozen=True):
    """A snapshot of the store, as the services decide on it."""

    quotas: dict[QuotaKey, QuotaSnapshot]
    usage: tuple[HourUsage, ...]
    """Of the last 48 hours."""
    marks: dict[str, Mark]
    """By the name that whoever tells gives to a window."""
    cooldowns: dict[CooldownKey, Cooldown] = {}
    sessions: dict[str, SessionRoute] = {}
    """By the session's id."""
    leases: dict[str, Lease] = {}
    """By the request's id; those that have ended are nobody's."""


class PutQuota(Struct, frozen=True):
    """Remember how a fetch went."""

    key: QuotaKey
    snapshot: QuotaSnapshot


class CountRequest(Struct, frozen=True):
    """Add one finished request to its hour."""

    at: float
    provider_id: str
    model_id: str
    failed: bool
    ttfb_s: float | None = None
    """Of one that was answered."""


class CountTokens(Struct, frozen=True):
    """Add what a finished answer has used to its hour."""

    at: float
    provider_id: str
    model_id: str
    tokens: float
    cost: float | None
    """None: its price is not known, which leaves the hour's sum as it is."""


class ReleaseClaim(Struct, frozen=True):
    """Give a claim back before it ends by itself."""

    key: str
    owner: str


class PutCooldown(Struct, frozen=True):
    """Remember a cooldown, merged (`core.cooldown.merge`) with what is there when it is written."""

    cooldown: Cooldown


class ClearCooldown(Struct, frozen=True):
    """Forget a cooldown after a success, unless it began after the request did that succeeded."""

    key: CooldownKey
    began_at: float


class ResetProvider(Struct, frozen=True):
    """Forget the cooldowns of a provider (None: of all), and its usage of the last `USAGE_HOURS`.

    Cooldowns of origins go whichever it is: they bind everybody behind the origin, and are short. Sessions
    keep their moves: the host's picker still shows them, and must not be taken for the user's choice.
    """

    provider_id: str | None
    at: float


class PutSession(Struct, frozen=True):
    """Remember whose model a session uses; the last one wins."""

    route: SessionRoute


class PutDecision(Struct, frozen=True):
    """Add a decision to the `MOST_DECISIONS` newest."""

    decision: Decision


class PutLease(Struct, frozen=True):
    """Count a request as under way until *until*; again: until later."""

    request_id: str
    lease: Lease


class DropLease(Struct, frozen=True):
    """Count a request as over; one that isn't known is no error."""

    request_id: str


RouteMutation = PutCooldown | ClearCooldown | ResetProvider | PutSession | PutDecision
Mutation = PutQuota | CountRequest | CountTokens | ReleaseClaim | PutLease | DropLease | RouteMutation

LEASE_S = 15.0
"""How long a request counts as under way if nobody renews its lease."""

USAGE_HOURS = 48
"""How far back `State.usage` reaches."""

MOST_DECISIONS = 200

CLOCK_SLACK_S = 60.0
"""A claim may end this much later than a new one would: its owner may have read the clock after us."""


class Store(Protocol):
    """Keeps `State`. No method raises for a broken disk: it goes on in memory and `trouble` says so.

    `within_s` bounds how long a caller waits, and not what is done: that goes on beside it. So does what is
    under way for a caller who is cancelled.
    """

    @property
    def trouble(self) -> str | None:
        """Say in words why state is not kept on disk, or None."""
        ...

    def state(self, now: float) -> State:
        """Return what this process knows, without waiting: its own mutations, and what it has loaded."""
        ...

    def fresh(self, now: float) -> State | None:
        """Return what `load` would, if that can be said at once: nobody has written since it was read.

        None: ask `load`. It takes microseconds, and is for the event loop's thread.
        """
        ...

    async def load(self, now: float, within_s: float | None = None) -> State:
        """Return all that is remembered; after *within_s* seconds, what `state` knows by then."""
        ...

    async def apply(self, mutations: Sequence[Mutation], within_s: float | None = None) -> None:
        """Remember *mutations*, all or none, in the order of the calls.

        They are in `state` before the first await, and durable on return when there is no `trouble`; after
        *within_s* seconds they may still be on their way, at the latest until `aclose` returns.
        """
        ...

    async def claim(
        self, key: str, owner: str, ttl_s: float, now: float, within_s: float | None = None
    ) -> bool:
        """Return True for exactly one owner at a time, until *ttl_s* is over or the claim is released.

        After *within_s* seconds it is False: who can't be sure leaves the work to others. Should it be
        granted after all, then it is given back.
        """
        ...

    async def swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        """Replace *old* by *new* (None: no mark); False, and nothing changed, unless *old* is the mark now.

        Of several processes that saw the same mark, exactly one is told True, and acts. If the caller is
        cancelled, and so can't act, it is undone.
        """
        ...

    async def decisions(self, limit: int = MOST_DECISIONS) -> list[Decision]:
        """Return the last *limit* decisions, of all processes, the newest first."""
        ...

    async def aclose(self) -> None:
        """Write what is still on its way; let go of files and threads. A later call opens them again."""
        ...
