"""Gateways that are asked what is left: the service on a real store and a real client, and what it asks."""

from pathlib import Path
from typing import Self

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential, KeySource
from sidecar.adapters.gateway import Gateway as Configured
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.secrets import Secret
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import QuotaSnapshot
from sidecar.core.account import account_of
from sidecar.quota import presets
from sidecar.services.quotas import Freshness, Quotas
from tests.bed.gateways import Gateway
from tests.bed.replies import Received, Reply, json_reply

NOW = 1_790_000_000.0
NEUTRAL = presets.load("neutral")
CACHED = Freshness(cache_s=60, timeout_s=10)
REFRESH = Freshness(cache_s=60, timeout_s=10, refresh=True)


class Clock:
    """Time that passes when a test says so, and a hair with every look, as it does."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        self.now += 1e-4
        return self.now


class Bench:
    """The service on a real store and a real client, with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = SqliteStore(folder, self.clock)
        self.http = QuotaHttp()
        self.quotas = Quotas(self.store, self.http, self.clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.store.aclose()

    async def read(self, *gateways: Configured, how: Freshness = CACHED) -> QuotaSnapshot:
        """Return the first gateway's snapshot, without the hairs of its times."""
        found = await self.quotas.read(gateways, how)
        return found.get(gateways[0].key(), NOTHING)

    async def left(self, gateway: Configured, how: Freshness = CACHED) -> object:
        snapshot = await self.read(gateway, how=how)
        return snapshot.windows[0].remaining if snapshot.windows else None


NOTHING = QuotaSnapshot()


def configured(gateway: Gateway, key: str | None = None, name: str = "campus") -> Configured:
    base = urls.parse(gateway.base_url)
    return Configured(
        provider_id=name,
        label=name,
        base=base,
        mapping=NEUTRAL,
        account=account_of(name, base.origin, key),
        credential=Credential(KeySource("environment K", Secret(key))) if key else None,
    )


def arrived(gateway: Gateway) -> Received:
    return gateway.wait_for_request(lambda _: True)


def left(remaining: int) -> Reply:
    return json_reply({"tokens": {"limit": 100, "remaining": remaining}})
