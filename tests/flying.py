"""OpenCodes whose requests are planned, refused and served, on one machine with one clock."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from msgspec.structs import asdict, replace

from sidecar.adapters.paths import find_places
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import Mutation, PutQuota, QuotaKey, QuotaSnapshot, State, Store
from sidecar.application import Application
from sidecar.core.decision import Decision
from sidecar.protocol import (
    ROUTER,
    BodyShape,
    CatalogueModel,
    CatalogueProvider,
    MessageFinishedParams,
    PassPlan,
    Plan,
    ReplyPlan,
    RequestFailedParams,
    RequestFinishedParams,
    RequestPlanParams,
    SendPlan,
    Target,
    ToastShowParams,
    TurnRouteParams,
    Wire,
    WorkspaceOpenParams,
)
from sidecar.quota.windows import Window
from tests.bed.gateways import DEADLINE_S
from tests.machine import Machine

NOW: Final = 1_795_219_200.0
MODEL: Final = "qwen3-coder"
CHAT: Final = "@ai-sdk/openai-compatible"
DAY_S: Final = 86400.0
BODY: Final = BodyShape(size_bytes=4000, has_images=False, has_tools=True, stream=True)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def target(provider_id: str, model_id: str = MODEL) -> Target:
    return Target(provider_id, model_id)


def origin(provider_id: str) -> str:
    return f"https://{provider_id}.example"


class PatientStore(SqliteStore):
    """The one on disk, for which whoever waits at all waits as long as it takes: disks are not the test."""

    async def load(self, now: float, within_s: float | None = None) -> State:
        return await super().load(now, _patiently(within_s))

    async def apply(self, mutations: Sequence[Mutation], within_s: float | None = None) -> None:
        await super().apply(mutations, _patiently(within_s))

    async def claim(
        self, key: str, owner: str, ttl_s: float, now: float, within_s: float | None = None
    ) -> bool:
        return await super().claim(key, owner, ttl_s, now, _patiently(within_s))


def _patiently(within_s: float | None) -> float | None:
    return within_s and DEADLINE_S


class Flying:
    """A machine with providers `a`, `b`, ... of one wire, all with a key and the same model."""

    def __init__(self, folder: Path, *providers: str, **ours: Any) -> None:
        self.machine = Machine(folder)
        self.clock = Clock()
        self.store: Store | None = None
        """For all who open after it is set; else each has its own on disk."""
        self.kind_of_store: type[SqliteStore] = PatientStore
        """For all who open after it is set: whoever measures takes the real one."""
        self.providers = providers or ("a", "b")
        self.offers_router = True
        """For all who open after it is set: the host has the virtual model."""
        entries: dict[str, Any] = {
            name: {
                "npm": CHAT,
                "options": {"baseURL": f"{origin(name)}/v1", "apiKey": f"key-of-{name}-0123456789"},
                "models": {MODEL: {}},
            }
            for name in self.providers
        }
        self.machine.write(self.machine.host, {"provider": entries})
        self.machine.write(self.machine.ours, ours)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def opencode(self, npm: Mapping[str, str] = {}) -> "Opencode":
        """Open another OpenCode on the machine; *npm* has the packages of providers of other wires."""
        one = Opencode(self)
        self._stack.push_async_callback(one.application.aclose)
        await one.open(npm)
        return one


class Opencode:
    """The sidecar of one OpenCode, asked as a shim asks."""

    def __init__(self, bed: Flying) -> None:
        self.bed = bed
        environ = bed.machine.environ
        places = find_places(environ)
        store = bed.store or bed.kind_of_store(places.state, bed.clock)
        self.application = Application(places, environ, bed.clock, store=store)
        self.directory = str(bed.machine.project)
        self.toasts: list[str] = []
        self.application.telling.show = self._show

    def _show(self, toast: ToastShowParams) -> None:
        self.toasts.append(toast.message)

    async def open(self, npm: Mapping[str, str] = {}) -> None:
        offered = [
            CatalogueProvider(name, [CatalogueModel(MODEL, npm=npm.get(name, CHAT))], name.upper())
            for name in self.bed.providers
        ]
        if self.bed.offers_router:
            offered.append(CatalogueProvider(ROUTER, [CatalogueModel(MODEL)]))
        self.application.workspaces.open(WorkspaceOpenParams(self.directory, offered))
        await self.application.workspaces.looked_at(self.directory)

    def request(self, own: str = "a", **more: Any) -> "Request":
        return Request(self, own, **more)

    async def turn(self, shown: str, session: str = "ses_1", parent_id: str | None = None) -> str | None:
        params = TurnRouteParams(self.directory, session, "build", target(shown), parent_id)
        found = await self.application.turns.route(params)
        await self.application.turns.tell(session)
        return found.provider_id if found else None

    async def decisions(self) -> Sequence[Decision]:
        return await self.application.store.decisions()


class Request:
    """One request of a session, from its plan to its answer."""

    def __init__(
        self,
        opencode: Opencode,
        own: str,
        session: str = "ses_1",
        wire: Wire = "openai-chat",
        agent: str = "build",
        **body: Any,
    ) -> None:
        self.opencode = opencode
        self.params = RequestPlanParams(
            request_id=uuid4().hex,
            directory=opencode.directory,
            session_id=session,
            message_id="msg_1",
            agent=agent,
            target=target(own),
            wire=wire,
            body=replace(BODY, **body),
            origin=origin(own),
        )
        self.tried: list[Target] = []
        self.seconds = 0.0
        self.ttfb_s = 0.0

    async def plan(self) -> str:
        """Return where it goes: a provider's id, or the kind of any other plan."""
        return self._sent(await self._routing.plan(self.params))

    async def refused(self, status: int | None = 429, **how: Any) -> str:
        """Let the last attempt fail, and return where it goes on; `given up`: as the own said."""
        plan = await self.failure(status, **how)
        is_own_known = self.params.target in self.tried
        await self.finished(status, refused=True)
        return "given up" if isinstance(plan, PassPlan) and is_own_known else self._sent(plan)

    async def failure(self, status: int | None = 429, **how: Any) -> Plan:
        """Put the failure of the last attempt to the sidecar."""
        params = RequestFailedParams(
            **asdict(self.params),
            tried=self.tried,
            elapsed_s=self.seconds,
            failed_origin=origin(self.tried[-1].provider_id),
            status=status,
            **how,
        )
        return await self._routing.failed(params)

    async def served(self, **headers: str) -> None:
        """Let the last attempt succeed."""
        await self.finished(200, headers=headers)

    async def aborted(self) -> None:
        await self.finished(None, aborted=True)

    async def used(self, **tokens: float) -> None:
        """Let the assistant's message be complete."""
        params = MessageFinishedParams(
            self.params.directory, self.params.session_id, uuid4().hex, "msg_1", "build", **tokens
        )
        await self.opencode.application.requests.message_finished(params)

    @property
    def _routing(self) -> Any:
        return self.opencode.application.routing

    def _sent(self, plan: Plan) -> str:
        if isinstance(plan, ReplyPlan):
            return f"reply {plan.status}"
        if isinstance(plan, SendPlan):
            self.tried.append(plan.target)
            return plan.target.provider_id
        if isinstance(plan, PassPlan):
            self.tried.append(self.params.target)
            return self.params.target.provider_id
        self.tried.append(self.tried[-1])
        return f"again after {plan.after_s:g} s"

    async def finished(self, status: int | None, headers: dict[str, str] | None = None, **more: Any) -> None:
        """Let the last attempt be over."""
        called = self.tried[-1]
        params = RequestFinishedParams(
            self.params.request_id,
            self.params.directory,
            self.params.session_id,
            self.params.message_id,
            self.params.agent,
            called,
            ttfb_s=self.ttfb_s,
            status=status,
            origin=origin(called.provider_id),
            headers=headers or {},
            **more,
        )
        await self.opencode.application.requests.finished(params)


async def leave(one: Opencode, left: Mapping[str, float | None]) -> None:
    """Let it be known what is left at providers, in percent of a week; None: nobody knows."""
    place = await one.application.workspaces.looked_at(one.directory)
    assert place is not None
    now = one.bed.clock()
    rows = list[PutQuota]()
    for name, percent in left.items():
        key = QuotaKey(place.config.targets.account(target(name), origin(name)), "url")
        week = Window(
            "weekly", "percent", percent_remaining=percent, resets_at=now + 3 * DAY_S, period_s=7 * DAY_S
        )
        windows = () if percent is None else (week,)
        rows.append(PutQuota(key, QuotaSnapshot(windows, read_at=now, attempted_at=now)))
    await one.application.store.apply(rows)
