"""Routes lines to handlers and answers every request that has an id.

It owns ids, cancellation, and the one place where exceptions become wire errors. It never sees a file
handle: lines come in through `receive`, bytes go out through the *send* that it was given.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import anyio
import anyio.abc
import msgspec
from msgspec import Raw, Struct, UnsetType

from sidecar.protocol import CancelRequestParams, ErrorCode
from sidecar.rpc import envelope
from sidecar.rpc.envelope import RequestId, RpcError
from sidecar.rpc.framing import Oversize

Handler = Callable[[Any], Struct | Awaitable[Struct | None] | None]
"""Takes the method's params; a plain function is run inline, a coroutine in a task of its own."""

CANCEL: Final = "$/cancelRequest"


class _Call(Struct, frozen=True):
    """A request or a notification that is being handled."""

    method: str
    id: RequestId | UnsetType | None
    """Unset for a notification: whatever happens, it is not answered."""


class Dispatcher:
    """Serves one peer. `receive` is called in the task group's own event loop."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        tasks: anyio.abc.TaskGroup,
        report: Callable[[str, Exception], None],
        codes: Mapping[type[Exception], ErrorCode],
    ) -> None:
        """Write through *send*, run what awaits in *tasks*, and *report* a method's own mistakes.

        *codes* names the exceptions whose message the peer is told, and the code of each.
        """
        self._send = send
        self._report = report
        self._codes = codes
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
            error = RpcError(ErrorCode.PARSE_ERROR, "the line is longer than 4 MiB")
            self._send(envelope.encode_error(None, error))
            return
        try:
            message = envelope.decode(line)
        except RpcError as error:
            self._send(envelope.encode_error(envelope.recover_id(line), error))
            return
        if isinstance(message.method, str):
            self._dispatch(_Call(message.method, message.id), message.params)

    def _dispatch(self, call: _Call, params: Raw | UnsetType) -> None:
        try:
            outcome = self._run(call.method, params)
            if not isinstance(outcome, Awaitable):
                self._answer(call, outcome)
                return
        except Exception as error:
            self._refuse(call, error)
            return
        scope = anyio.CancelScope()
        if isinstance(call.id, int | str):
            self._running[call.id] = scope
        self._tasks.start_soon(self._finish, call, outcome, scope)

    def _run(self, method: str, params: Raw | UnsetType) -> Struct | Awaitable[Struct | None] | None:
        if method not in self._bound:
            raise RpcError(ErrorCode.METHOD_NOT_FOUND, f"there is no method {method!r}")
        decoder, handler = self._bound[method]
        try:
            decoded = decoder.decode(b"{}" if isinstance(params, UnsetType) else params)
        except envelope.UNDECODABLE as error:
            raise RpcError(ErrorCode.INVALID_PARAMS, f"params of {method}: {error}") from error
        return handler(decoded)

    async def _finish(self, call: _Call, outcome: Awaitable[Struct | None], scope: anyio.CancelScope) -> None:
        with scope:
            try:
                self._answer(call, await outcome)
            except Exception as error:
                self._refuse(call, error)
            except anyio.get_cancelled_exc_class():
                if not scope.cancel_called:
                    self._refuse(call, RpcError(ErrorCode.SHUTTING_DOWN, "the sidecar is ending"))
                raise
        if isinstance(call.id, int | str):
            self._running.pop(call.id, None)
        if scope.cancelled_caught:
            self._refuse(call, RpcError(ErrorCode.REQUEST_CANCELLED, "the request was cancelled"))

    def _cancel(self, params: CancelRequestParams) -> None:
        if scope := self._running.get(params.id):
            scope.cancel()

    def _answer(self, call: _Call, result: Struct | None) -> None:
        if not isinstance(call.id, UnsetType):
            self._send(envelope.encode_result(call.id, cast("Struct", result)))

    def _refuse(self, call: _Call, error: Exception) -> None:
        """Tell the peer what it may know of *error*: the one place where exceptions become wire errors."""
        if code := self._codes.get(type(error)):
            error = RpcError(code, str(error))
        elif not isinstance(error, RpcError):
            self._report(call.method, error)
            error = RpcError(ErrorCode.INTERNAL_ERROR, "the sidecar made a mistake; its log says which")
        if not isinstance(call.id, UnsetType):
            self._send(envelope.encode_error(call.id, error))
