"""Refusals of our own, in the shape that each wire's errors have."""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.protocol import ReplyPlan, Wire

_TYPE: Final = "quota_sidecar"
"""Tells a log's reader who refused; the host shows only the message."""


def refusal(wire: Wire, status: int, message: str, headers: Mapping[str, str] = {}) -> ReplyPlan:
    """Return the response that tells *message* as an error of *wire*; *headers* go with it."""
    error = {"type": _TYPE, "message": message}
    # The host reads the message of an OpenAI-compatible error whatever its provider's SDK is.
    body = {"type": "error", "error": error} if wire == "anthropic-messages" else {"error": error}
    return ReplyPlan(
        status, {"content-type": "application/json", **headers}, msgspec.json.encode(body).decode()
    )
