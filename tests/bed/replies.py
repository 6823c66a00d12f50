"""What a gateway is told to answer: whole replies, replies in steps, faults, and the answers of a model.

Data only, and functions that make it; sending it is the business of `gateways.py`.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tests.bed import wires


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def wire(self) -> wires.Wire:
        """The wire of a request to a model, by its path."""
        return next(wire for wire, path in wires.MODEL_PATHS.items() if self.path.endswith(path))

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Fault(Enum):
    """A step of a body that is not bytes."""

    STALL = "send nothing more, keep the connection until the gateway closes"
    CUT = "reset the connection"


Step = bytes | threading.Event | float | Fault
"""Bytes are sent, an event is waited for, a number is a pause in seconds (for benchmarks only)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `hold` and every step of the body are worked off in order."""

    status: int = 200
    body: bytes | Sequence[Step] = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hold: Sequence[Step] = ()
    """Steps before the head of the response is sent."""
    chunked: bool = False
    """Without it `content-length` is the sum of all bytes, or what `headers` say."""

    @property
    def steps(self) -> Sequence[Step]:
        return (self.body,) if isinstance(self.body, bytes) else self.body


Answer = Reply | Callable[[Received], Reply]


def made(answer: Answer, request: Received) -> Reply:
    return answer if isinstance(answer, Reply) else answer(request)


def held(answer: Answer, until: threading.Event) -> Answer:
    """Answer so, but not before the event."""
    return lambda request: replace(made(answer, request), hold=(until,))


def is_turn(request: Received) -> bool:
    """Tell an agent's turn, which has tools, from what the host asks a model besides."""
    return bool(request.json().get("tools"))


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json"} | named)


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, headers={"location": location})


def sized_json(size: int) -> Reply:
    """Reply with valid JSON of exactly so many bytes."""
    frame = b'{"filler": ""}'
    body = b'{"filler": "' + b"x" * (size - len(frame)) + b'"}'
    return Reply(200, body, {"content-type": "application/json"})


def model_answer(
    wire: wires.Wire, text: str | Callable[[Received], str], headers: Mapping[str, str] = {}
) -> Answer:
    """Answer as a model in this wire, streamed when the request asks for it; *headers* come on top."""

    def answer(request: Received) -> Reply:
        said = text if isinstance(text, str) else text(request)
        if not request.json().get("stream"):
            return Reply(200, wires.whole(wire, said), {"content-type": "application/json", **headers})
        return streamed(wires.stream(wire, said), headers)

    return answer


def streamed(steps: Sequence[Step], headers: Mapping[str, str] = {}) -> Reply:
    """Reply with server-sent events, one chunk for each step of bytes."""
    kind = {"content-type": "text/event-stream", "cache-control": "no-cache"}
    return Reply(200, steps, {**kind, **headers}, chunked=True)


def says(text: str) -> Answer:
    """Answer with this text in the wire of the request."""
    return lambda request: made(model_answer(request.wire, text), request)


def uses_tool(name: str, arguments: Mapping[str, object]) -> Answer:
    """Call one tool, as a stream in the wire of the request."""
    return lambda request: streamed(wires.tool_stream(request.wire, name, dict(arguments)))
