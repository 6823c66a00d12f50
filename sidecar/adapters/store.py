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


class HourUsage(Struct, frozen=True):
    """Requests to a provider's model within one hour."""

    hour: int
    """Unix time // 3600."""
    provider_id: str
    model_id: str
    requests: int
    failures: int


class State(Struct, frozen=True):
    """A snapshot of the store, as the services decide on it."""

    quotas: dict[QuotaKey, QuotaSnapshot]
    usage: tuple[HourUsage, ...]
    """Of the last 48 hours."""
    marks: dict[str, Mark]
    """By the name that whoever tells gives to a window."""


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


class ReleaseClaim(Struct, frozen=True):
    """Give a claim back before it ends by itself."""

    key: str
    owner: str


Mutation = PutQuota | CountRequest | ReleaseClaim

USAGE_HOURS = 48
"""How far back `State.usage` reaches."""


CLOCK_SLACK_S = 60.0
"""A claim may end this much later than a new one would: its owner may have read the clock after us."""


class Store(Protocol):
    """Keeps `State`. No method raises for a broken disk: it goes on in memory and `trouble` says so."""

    @property
    def trouble(self) -> str | None:
        """Say in words why state is not kept on disk, or None."""
        ...

    async def load(self, now: float) -> State:
        """Return all that is remembered."""
        ...

    async def apply(self, mutations: Sequence[Mutation]) -> None:
        """Remember *mutations*, all or none; they are durable on return when there is no `trouble`."""
        ...

    async def claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
        """Return True for exactly one owner at a time, until *ttl_s* is over or the claim is released."""
        ...

    async def swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        """Replace *old* by *new* (None: no mark); False, and nothing changed, unless *old* is the mark now.

        Of several processes that saw the same mark, exactly one is told True, and acts.
        """
        ...

    async def aclose(self) -> None:
        """Let go of files and threads."""
        ...
