"""OpenCodes that tell without being asked, on one machine with one clock, as the tests of it need them."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from sidecar.adapters.config import Config
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import PutQuota, QuotaSnapshot
from sidecar.adapters.webhooks import Event, Hook, Webhooks
from sidecar.protocol import SessionIdleParams, ToastShowParams, WorkspaceOpenParams
from sidecar.quota.windows import Window, complete
from sidecar.services.alerts import Alerts
from sidecar.services.quotas import Quotas
from sidecar.services.workspaces import Workspaces
from tests.bed.gateways import Gateway
from tests.machine import Machine

NOW = 1_795_219_200.0
CACHE_S = 60.0


class Watched(Workspaces):
    """Counts how often somebody looks, and fails when it is told to."""

    looks = 0
    failure: Exception | None = None

    async def config(self, directory: str) -> Config:
        self.looks += 1
        if self.failure:
            raise self.failure
        return await super().config(directory)


class Recorder(Webhooks):
    """Keeps what would be sent, and to whom."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[list[str], Event]] = []

    def send(self, hooks: Iterable[Hook], event: Event) -> None:
        self.sent.append(([hook.place for hook in hooks], event))


class Opencode:
    """The part of one OpenCode's sidecar that tells; store and clock are shared with the others."""

    def __init__(self, bed: "Bed") -> None:
        self.bed = bed
        self.shown: list[ToastShowParams] = []
        self.directory = str(bed.machine.project)
        self.workspaces = Watched(bed.machine.loader)
        self.workspaces.open(WorkspaceOpenParams(self.directory))
        self.store = SqliteStore(bed.state, bed.clock)
        self.http = QuotaHttp()
        quotas = Quotas(self.store, self.http, bed.clock)
        self.webhooks = Recorder()
        self.alerts = Alerts(self.workspaces, quotas, self.store, self.webhooks, bed.clock)

    async def opened(self) -> list[str]:
        return await self._told(self.alerts.opened(self.directory, self.shown.append))

    async def idle(self, parent: str | None = None) -> list[str]:
        """Let a session come to rest, and return what is told because of it."""
        params = SessionIdleParams(self.directory, "ses_1", parent)
        return await self._told(self.alerts.idle(params, self.shown.append))

    async def later(self) -> list[str]:
        """Do the same when the cache has grown old."""
        self.bed.now += CACHE_S
        return await self.idle()

    async def remember(self, read_at: float, resets_at: float | None = None) -> None:
        """Let 4 % be what was read of the gateway then."""
        low = complete(Window("cost", "cost", limit=50, remaining=2, currency="USD", resets_at=resets_at))
        gateway = await anyio.to_thread.run_sync(self.bed.machine.only)
        snapshot = QuotaSnapshot((low,), read_at=read_at, attempted_at=read_at)
        await self.store.apply([PutQuota(gateway.key(), snapshot)])

    async def aclose(self) -> None:
        await self.http.aclose()
        await self.store.aclose()

    async def _told(self, look: Any) -> list[str]:
        before = len(self.shown)
        await look
        return [toast.message for toast in self.shown[before:]]


class Bed:
    """One machine, its clock, and as many OpenCodes as a test needs."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.machine = Machine(folder)
        self.state = folder / "state"
        self.now = NOW
        self._stack = stack

    def clock(self) -> float:
        self.now += 1e-4  # a hair with every look, as it does
        return self.now

    def opencode(self) -> Opencode:
        one = Opencode(self)
        self._stack.push_async_callback(one.aclose)
        return one

    def configure(self, *gateways: Gateway, **more: object) -> None:
        """Name these gateways in the configuration: the first is Campus, then Lab, Team ..."""
        names = ("Campus gateway", "Robotics lab", "Team LiteLLM", "OpenRouter", "Old mirror")
        entries = [
            {"providerId": f"p{index}", "label": label, "baseURL": gateway.base_url}
            for index, (label, gateway) in enumerate(zip(names, gateways, strict=False))
        ]
        self.machine.write(self.machine.ours, {"gateways": entries, "quotaCacheS": CACHE_S} | more)


def left(percent: float, **reset: object) -> dict[str, Any]:
    return {"cost": {"currency": "USD", "limit": 50, "remaining": percent / 2} | reset}
