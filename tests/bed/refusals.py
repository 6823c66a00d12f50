"""How providers refuse: a table of answers that fail, each in the shape of the wire that it was asked in.

Data only. Bodies are as real services write them, with all names made up.
"""

import threading
from collections.abc import Mapping
from typing import Any, Final

from tests.bed import wires
from tests.bed.replies import Answer, Fault, Received, Reply, json_reply, streamed

Body = dict[str, Any]


def refusal(status: int, kind: str, message: str, code: str | None = None, **headers: str) -> Answer:
    """Refuse with this status and an error of the wire; `_` in a header's name stands for `-`."""
    return lambda request: json_reply(_body(request.wire, kind, message, code), status, **headers)


def _body(wire: wires.Wire, kind: str, message: str, code: str | None = None) -> Body:
    error: Body = {"type": kind, "message": message}
    if wire == "anthropic-messages":
        return {"type": "error", "error": error, "request_id": "req_bed"}
    return {"error": error | {"param": None, "code": code}}


def error_event(kind: str, message: str, code: str) -> Answer:
    """Say 200, begin as every stream does, and have an error where the answer should be."""

    def answer(request: Received) -> Reply:
        event = _body(request.wire, kind, message, code)
        if request.wire == "openai-responses":
            event = {"type": "error", "sequence_number": 1, "code": code, "message": message, "param": None}
        steps = (*wires.preamble(request.wire), *wires.event_stream(request.wire, event))
        return streamed(steps)

    return answer


def silence(*begun: bytes, head: bool = True) -> Reply:
    """Say nothing after these bytes, or not even that there is an answer, and keep the connection."""
    kind = {"content-type": "text/event-stream"}
    hold = () if head else (Fault.STALL,)
    return Reply(200, (*begun, Fault.STALL), kind, hold=hold, chunked=True)


def stalled_preamble(request: Received) -> Reply:
    """Begin as every stream does, and say nothing after it."""
    return silence(*wires.preamble(request.wire))


def broken(text: str, seen: threading.Event) -> Answer:
    """Stream all but the last word of this text, and reset the connection once that was seen.

    A reset overtakes what was sent before it.
    """

    def answer(request: Received) -> Reply:
        chunks = wires.stream(request.wire, text)
        last = max(at for at, chunk in enumerate(chunks) if text.split(" ")[-1].encode() in chunk)
        return streamed((*chunks[:last], seen, Fault.CUT))

    return answer


PLAIN_429: Final = refusal(429, "rate_limit_error", "Too many requests.")

REFUSALS: Final[Mapping[str, Answer]] = {
    "429": PLAIN_429,
    "429 for an hour": refusal(
        429, "rate_limit_error", "Too many requests, please wait.", retry_after="3600"
    ),
    "429 in milliseconds": refusal(429, "rate_limit_error", "Too many requests.", retry_after_ms="90000"),
    "429 without a body": Reply(429),
    "429 of a quota": refusal(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan.",
        "insufficient_quota",
    ),
    "402": refusal(402, "billing_error", "Insufficient credits. Add more to continue.", "402"),
    "403 of a quota": refusal(
        403, "permission_error", "Monthly usage limit exceeded for this key.", "quota_exceeded"
    ),
    "401": refusal(401, "authentication_error", "invalid api key", "invalid_api_key"),
    "500": refusal(500, "api_error", "Internal server error"),
    "503": refusal(503, "server_error", "The engine is currently overloaded", "overloaded"),
    "529": refusal(529, "overloaded_error", "Overloaded"),
    "an error in the stream": error_event("overloaded_error", "Overloaded", "server_is_overloaded"),
    "a limit in the stream": error_event("rate_limit_error", "Rate limit reached.", "rate_limit_exceeded"),
}
"""What another provider can mend."""

TWO_SECONDS: Final = refusal(429, "rate_limit_error", "Too many requests.", retry_after="2")
"""Shorter than anything that is worth a move."""

BAD_REQUEST: Final = refusal(
    400, "invalid_request_error", "tools.0.name: is not allowed here", "invalid_value"
)
OVERFLOW: Final = refusal(
    400,
    "invalid_request_error",
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    "context_length_exceeded",
)
NOT_THERE: Final = refusal(404, "not_found_error", "The model `nowhere` does not exist", "model_not_found")
TOO_LARGE: Final = refusal(413, "request_too_large", "Request exceeds the maximum size")
