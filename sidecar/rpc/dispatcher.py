"""Routes lines to handlers and answers every request that has an id.

It owns ids, cancellation, and the one place where exceptions become wire errors. It never sees a file
handle: lines come in through `receive`, bytes go out through the *send* that it was given.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

import anyio
import anyio.abc
import msgspec
import structlog
from msgspec import UNSET, Raw, Struct, UnsetType

from sidecar.protocol import CancelRequestParams, ErrorCode
from sidecar.rpc import envelope
from sidecar.rpc.envelope import Envelope, RequestId, RpcError
from sidecar.rpc.framing import Oversize

Handler = Callable[[Any], Struct | Awaitable[Struct | None] | None]
"""Takes the method's params; a plain function is run inline, a coroutine in a task of its own."""

CANCEL: Final = "$/cancelRequest"

log = structlog.get_logger()


class MethodTypes(Protocol):
    """What the dispatcher has to know of a method: a row of the protocol's table."""

    @property
    def params(self) -> type[Struct]:
        """The struct that decodes the params."""
        ...


class Dispatcher:
    """Serves one peer. `receive` is called in the task group's own event loop."""

    def __init__(self, send: Callable[[bytes], None], tasks: anyio.abc.TaskGroup) -> None:
        """Write through *send* and run what awaits in *tasks*."""
        self._send = send
        self._tasks = tasks
        self._bound: dict[str, tuple[msgspec.json.Decoder[Any], Handler]] = {}
        self._running: dict[RequestId, anyio.CancelScope] = {}
        self.bind(CANCEL, CancelRequestParams, self._cancel)

    def bind(self, method: str, params: type[Struct], handler: Handler) -> None:
        """Let *handler* answer *method*, whose params decode as *params*."""
        self._bound[method] = (msgspec.json.Decoder(params), handler)

    def notify(self, method: str, params: Struct) -> None:
        """Send a notification."""
        self._send(envelope.encode_notification(method, params))

    def receive(self, line: bytes | Oversize) -> None:
        """Take one line from the peer."""
        if isinstance(line, Oversize):
            self._refuse(None, RpcError(ErrorCode.PARSE_ERROR, "the line is longer than 4 MiB"))
            return
        try:
            message = envelope.decode(line)
        except RpcError as error:
            self._refuse(envelope.recover_id(line), error)
            return
        if isinstance(message.method, str):
            self._dispatch(message.method, message)

    def _dispatch(self, method: str, message: Envelope) -> None:
        wants_answer = message.id is not UNSET
        request_id = None if isinstance(message.id, UnsetType) else message.id
        try:
            outcome = self._call(method, message.params)
        except Exception as error:
            if wants_answer:
                self._refuse(request_id, as_wire_error(method, error))
            else:
                as_wire_error(method, error)
            return
        if isinstance(outcome, Awaitable):
            self._tasks.start_soon(self._finish, method, request_id, wants_answer, outcome)
        elif wants_answer:
            self._answer(request_id, outcome)

    def _call(self, method: str, params: Raw | UnsetType) -> Struct | Awaitable[Struct | None] | None:
        if method not in self._bound:
            raise RpcError(ErrorCode.METHOD_NOT_FOUND, f"there is no method {method!r}")
        decoder, handler = self._bound[method]
        try:
            decoded = decoder.decode(b"{}" if isinstance(params, UnsetType) else params)
        except envelope.UNDECODABLE as error:
            raise RpcError(ErrorCode.INVALID_PARAMS, f"params of {method}: {error}") from error
        return handler(decoded)

    async def _finish(
        self, method: str, request_id: RequestId | None, wants_answer: bool, outcome: Awaitable[Struct | None]
    ) -> None:
        with anyio.CancelScope() as scope:
            if request_id is not None:
                self._running[request_id] = scope
            try:
                result = await outcome
            except Exception as error:
                answer = as_wire_error(method, error)
                if wants_answer:
                    self._refuse(request_id, answer)
            else:
                if wants_answer:
                    self._answer(request_id, result)
            finally:
                if request_id is not None:
                    self._running.pop(request_id, None)
        if scope.cancelled_caught and wants_answer:
            self._refuse(request_id, RpcError(ErrorCode.REQUEST_CANCELLED, "the request was cancelled"))

    def _cancel(self, params: CancelRequestParams) -> None:
        if scope := self._running.get(params.id):
            scope.cancel()

    def _answer(self, request_id: RequestId | None, result: Struct | None) -> None:
        self._send(envelope.encode_result(request_id, cast("Struct", result)))

    def _refuse(self, request_id: RequestId | None, error: RpcError) -> None:
        self._send(envelope.encode_error(request_id, error))


def as_wire_error(method: str, error: Exception) -> RpcError:
    """Turn whatever a handler raised into what the peer may know of it; the rest goes to the log."""
    if isinstance(error, RpcError):
        return error
    log.error("rpc.handler_failed", method=method, error=type(error).__name__, exc_info=error)
    return RpcError(ErrorCode.INTERNAL_ERROR, "the sidecar made a mistake; its log says which")
