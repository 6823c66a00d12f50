"""The other end of a dispatcher, with methods of every temper bound to it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
from msgspec import Meta, Struct

from sidecar.protocol import ErrorCode
from sidecar.rpc.dispatcher import Dispatcher
from tests.bed.gateways import DEADLINE_S


class Inner(Struct):
    count: Annotated[int, Meta(ge=0)]


class Params(Struct, rename="camel"):
    """Params that can be wrong at a depth."""

    some_items: list[Inner] = []
    text: str = ""


class Echo(Struct):
    text: str


class UnknownThingError(LookupError):
    """An error of a service, which knows no code."""


class Peer:
    """The other end of a dispatcher: what it said, what was reported, and gates for slow handlers."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        self.sent: list[Any] = []
        self.reports: list[tuple[str, Exception]] = []
        self.notified: list[str] = []
        self.gate = anyio.Event()
        self.entered = anyio.Event()
        self.answered = anyio.Event()
        self.dispatcher = Dispatcher(
            self._take,
            tasks,
            lambda what, error: self.reports.append((what, error)),
            {UnknownThingError: ErrorCode.UNKNOWN_COMMAND},
        )
        self.dispatcher.bind("echo", Params, lambda params: Echo(params.text))
        self.dispatcher.bind("note", Params, lambda params: self.notified.append(params.text))
        self.dispatcher.bind("break", Params, self._break)
        self.dispatcher.bind("refuse", Params, self._refuse)
        self.dispatcher.bind("surrogate", Params, lambda _: Echo("\ud800"))
        self.dispatcher.bind("wait", Params, self._wait)
        self.dispatcher.bind("breakLater", Params, self._break_later)
        self.dispatcher.bind("stubborn", Params, self._stubborn)

    def say(self, *lines: bytes) -> list[Any]:
        """Feed lines, and return what was answered meanwhile."""
        before = len(self.sent)
        for line in lines:
            self.dispatcher.receive(line)
        return self.sent[before:]

    def ask(self, request_id: object, method: str, params: object = None) -> list[Any]:
        message: dict[str, object] = {"jsonrpc": "2.0", "id": request_id, "method": method}
        return self.say(json.dumps(message | ({"params": params} if params is not None else {})).encode())

    async def until_answered(self, count: int) -> list[Any]:
        with anyio.fail_after(DEADLINE_S):
            while len(self.sent) < count:
                self.answered = anyio.Event()
                await self.answered.wait()
        return self.sent

    def _take(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.sent.append(json.loads(line))
        self.answered.set()

    def _break(self, _: Params) -> Echo:
        raise RuntimeError("sk-inside")

    def _refuse(self, _: Params) -> Echo:
        raise UnknownThingError("words for a user")

    async def _wait(self, params: Params) -> Echo:
        self.entered.set()
        await self.gate.wait()
        return Echo(params.text)

    async def _break_later(self, _: Params) -> Echo:
        await anyio.lowlevel.checkpoint()
        raise RuntimeError("sk-inside")

    async def _stubborn(self, params: Params) -> Echo:
        """Finish what was begun even when cancelled."""
        with anyio.CancelScope(shield=True):
            await self._wait(params)
        return Echo(params.text)


@asynccontextmanager
async def peer() -> AsyncGenerator[Peer]:
    async with anyio.create_task_group() as tasks:
        yield Peer(tasks)
        tasks.cancel_scope.cancel()
