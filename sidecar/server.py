"""`quota-sidecar serve`: binds the methods to the services and serves one host until EOF.

The handshake is answered before anything heavy is imported: a host that starts does not wait for us.
"""

import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.abc
import anyio.to_thread
from msgspec import Struct

from sidecar import __version__
from sidecar.adapters.paths import Places, find_places
from sidecar.protocol import (
    MAX_LINE_BYTES,
    METHODS,
    PROTOCOL_MAJOR,
    ROUTER,
    CatalogueProvider,
    CommandExecuteParams,
    CommandExecuteResult,
    EmptyParams,
    EmptyResult,
    ErrorCode,
    InitializeParams,
    InitializeResult,
    MessageFinishedParams,
    PassPlan,
    RequestFailedParams,
    RequestFailedResult,
    RequestFinishedParams,
    RequestPlanParams,
    RequestPlanResult,
    SessionErrorParams,
    SessionIdleParams,
    ToastShowParams,
    TurnRouteParams,
    TurnRouteResult,
    WorkspaceCloseParams,
    WorkspaceOpenParams,
    WorkspaceOpenResult,
)
from sidecar.rpc.dispatcher import Dispatcher, Handler
from sidecar.rpc.envelope import RpcError
from sidecar.rpc.framing import LineBuffer
from sidecar.rpc.stdio import Writer, read, take_stdout, wake_when_orphaned
from sidecar.services.errors import RelativeDirectoryError, UnknownCommandError, UnknownWorkspaceError

if TYPE_CHECKING:
    from sidecar.application import Application

RESPONSE_HEADER_PREFIXES: Final = [
    "retry-after",
    "llm_provider-retry-after",
    "ratelimit",
    "x-ratelimit-",
    "x-usage-ratelimit-",
    "x-quota-snapshot-",
    "anthropic-ratelimit-",
    "helicone-ratelimit-",
    "modelscope-ratelimit-",
    "x-codex-",
    "x-litellm-key-",
    "x-venice-balance-",
]
"""Everything that our presets read in ordinary answers, and when a refusal says to come back."""

CODES: Final[dict[type[Exception], ErrorCode]] = {
    RelativeDirectoryError: ErrorCode.INVALID_PARAMS,
    UnknownCommandError: ErrorCode.UNKNOWN_COMMAND,
    UnknownWorkspaceError: ErrorCode.UNKNOWN_WORKSPACE,
}
"""What a service's own errors are on the wire."""

END_S: Final = 0.8
"""After EOF the process is gone within this, whatever a disk, a name server or the event loop does."""


def serve(environ: Mapping[str, str]) -> int:
    """Serve the host at the other end of stdin and stdout until it goes away; return the exit code."""
    wire = take_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host's Ctrl-C is not for us: we end at EOF
    return anyio.run(_serve, wire, environ)


async def _serve(wire: int, environ: Mapping[str, str]) -> int:
    writer = Writer(wire)
    await writer.open()
    lines = LineBuffer(MAX_LINE_BYTES)
    tasks, reading = anyio.create_task_group(), anyio.CancelScope()
    dispatcher = Dispatcher(writer.write, tasks, _report, CODES)
    server = Server(find_places(environ), environ, dispatcher, tasks, stop=reading.cancel)

    def receive(chunk: bytes) -> None:
        with writer.together():
            for line in lines.feed(chunk):
                dispatcher.receive(line)

    async with tasks:
        with reading:
            await read(0, receive, _end_soon)
        _end_soon()
        tasks.cancel_scope.cancel()
    await server.aclose()  # now that nobody uses it: the last words to a webhook take a moment
    await writer.aclose()  # what was cancelled has answered too
    return server.exit_code


class Server:
    """Answers one host's methods."""

    def __init__(
        self,
        places: Places,
        environ: Mapping[str, str],
        dispatcher: Dispatcher,
        tasks: anyio.abc.TaskGroup,
        *,
        stop: Callable[[], None],
    ) -> None:
        """Bind every method that a shim may send to *dispatcher*; *stop* ends the serving."""
        self.exit_code = 0
        self._stop = stop
        self._places = places
        self._environ = environ
        self._tasks = tasks
        self._dispatcher = dispatcher
        self._is_initialized = False
        self._shows_toasts = True
        self._application: Application | None = None
        self._loaded = anyio.Event()
        handlers: dict[str, Handler] = {
            "initialize": self._initialize,
            "ping": self._acknowledge,
            "shutdown": self._shutdown,
            "workspace/open": self._when_initialized(self._workspace_open),
            "workspace/close": self._when_initialized(self._workspace_close),
            "command/execute": self._when_initialized(self._command_execute),
            "request/plan": self._when_initialized(self._request_plan),
            "request/failed": self._when_initialized(self._request_failed),
            "request/finished": self._when_initialized(self._request_finished),
            "turn/route": self._when_initialized(self._turn_route),
            "message/finished": self._when_initialized(self._message_finished),
            "session/idle": self._when_initialized(self._session_idle),
            "session/error": self._when_initialized(self._session_error),
        }
        for method, handler in handlers.items():
            dispatcher.bind(method, METHODS[method].params, handler)

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._application is not None:
            await self._application.aclose()

    def _initialize(self, params: InitializeParams) -> InitializeResult:
        if params.protocol_major != PROTOCOL_MAJOR:
            raise RpcError(
                ErrorCode.PROTOCOL_MISMATCH,
                f"the sidecar speaks protocol {PROTOCOL_MAJOR}, the plugin {params.protocol_major}; "
                "update both together",
            )
        self._shows_toasts = params.shows_toasts
        if not self._is_initialized:
            self._is_initialized = True
            self._tasks.start_soon(self._in_background, self._load)
        return InitializeResult(PROTOCOL_MAJOR, __version__, RESPONSE_HEADER_PREFIXES)

    async def _in_background(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run what nobody waits for: its mistakes are logged and end nothing."""
        try:
            await work(*args)
        except Exception as error:
            _report(work.__name__, error)

    async def _load(self) -> None:
        wake_when_orphaned()
        try:
            self._application = await anyio.to_thread.run_sync(_build, self._places, self._environ)
            self._application.telling.show = self._show if self._shows_toasts else None
            for work in (self._application.webhooks.run, self._application.leases.run):
                self._tasks.start_soon(self._in_background, work)
        except Exception:  # of files that were replaced, say: the next process may have what this one lacks
            self._loaded.set()  # those who wait are told
            self.exit_code = 3  # as of every command that could not be done
            self._stop()
            raise
        self._loaded.set()
        await self._application.prepare()
        await anyio.to_thread.run_sync(self._application.write_host_file)

    async def _ready(self) -> "Application":
        await self._loaded.wait()
        if self._application is None:
            raise RpcError(ErrorCode.INTERNAL_ERROR, "the sidecar could not start; its log says why")
        return self._application

    def _when_initialized(self, handler: Callable[[Any], Any]) -> Handler:
        def guarded(params: Struct) -> Any:
            if not self._is_initialized:
                raise RpcError(ErrorCode.NOT_INITIALIZED, "the first request must be initialize")
            return handler(params)

        return guarded

    def _acknowledge(self, _: EmptyParams) -> EmptyResult:
        return EmptyResult()

    def _shutdown(self, _: EmptyParams) -> EmptyResult:
        self._stop()
        return EmptyResult()

    async def _workspace_open(self, params: WorkspaceOpenParams) -> WorkspaceOpenResult:
        application = await self._ready()
        if application.workspaces.open(params) and self._shows_toasts:
            opened = application.alerts.opened
            self._tasks.start_soon(self._in_background, opened, params.directory, self._show)
        if params.providers is not None:
            self._tasks.start_soon(self._in_background, self._keep_catalogue, params.providers)
            self._tasks.start_soon(self._in_background, application.lookout.opened, params.directory)
        return WorkspaceOpenResult(await application.answers.headers(params.directory))

    async def _keep_catalogue(self, providers: Sequence[CatalogueProvider]) -> None:
        await anyio.to_thread.run_sync((await self._ready()).keep_catalogue, providers)

    async def _workspace_close(self, params: WorkspaceCloseParams) -> EmptyResult:
        (await self._ready()).workspaces.close(params)
        return EmptyResult()

    async def _command_execute(self, params: CommandExecuteParams) -> CommandExecuteResult:
        return await (await self._ready()).commands.execute(params)

    def _request_plan(self, params: RequestPlanParams) -> RequestPlanResult | Awaitable[RequestPlanResult]:
        if self._application is None:  # still loading: who can go without us doesn't wait for that
            is_virtual = params.target.provider_id == ROUTER
            return self._plan(params) if is_virtual else RequestPlanResult(PassPlan())
        plan = self._application.routing.plan_at_once(params)
        return RequestPlanResult(plan) if plan else self._plan(params)

    async def _plan(self, params: RequestPlanParams) -> RequestPlanResult:
        return RequestPlanResult(await (await self._ready()).routing.plan(params))

    async def _request_failed(self, params: RequestFailedParams) -> RequestFailedResult:
        return RequestFailedResult(await (await self._ready()).routing.failed(params))

    async def _request_finished(self, params: RequestFinishedParams) -> None:
        await (await self._ready()).requests.finished(params)

    async def _turn_route(self, params: TurnRouteParams) -> TurnRouteResult:
        application = await self._ready()
        target = await application.turns.route(params)
        self._tasks.start_soon(self._in_background, application.turns.tell, params.session_id)
        self._tasks.start_soon(self._in_background, application.lookout.turn, params)
        return TurnRouteResult(target)

    async def _message_finished(self, params: MessageFinishedParams) -> None:
        await (await self._ready()).requests.message_finished(params)

    async def _session_error(self, params: SessionErrorParams) -> None:
        if resume := await (await self._ready()).turns.failed(params):
            self._dispatcher.notify("session/resume", resume)
            await (await self._ready()).turns.tell(params.session_id)

    async def _session_idle(self, params: SessionIdleParams) -> None:
        application = await self._ready()
        self._tasks.start_soon(self._in_background, application.keep_models, params.directory)
        if self._shows_toasts:
            await application.alerts.idle(params, self._show)

    def _show(self, toast: ToastShowParams) -> None:
        self._dispatcher.notify("toast/show", toast)


def _build(places: Places, environ: Mapping[str, str]) -> "Application":
    from sidecar.application import Application  # heavy: only now, and in a thread
    from sidecar.logs import configure_logging

    configure_logging()
    return Application(places, environ, started_at=time.time())


def _report(what: str, error: Exception) -> None:
    from sidecar.logs import configure_logging, log_mistake

    configure_logging()
    log_mistake(what, error)


def _end_soon() -> None:
    """End the process even if a thread hangs."""
    watchdog = threading.Timer(END_S, os._exit, [0])
    watchdog.daemon = True
    watchdog.start()
