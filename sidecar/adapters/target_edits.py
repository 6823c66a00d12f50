"""What has to change in a request's body so that another target understands it: one table per wire."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sidecar.protocol import Edit, Wire

OUTPUT_FIELDS: Final[dict[Wire, tuple[str, ...]]] = {
    "openai-chat": ("max_tokens", "max_completion_tokens"),
    "openai-responses": ("max_output_tokens",),
    "anthropic-messages": ("max_tokens",),
}
"""Where a request says how much it may be answered at most."""

BOUND: Final[dict[Wire, tuple[Edit, ...]]] = {
    "openai-responses": (
        Edit(["previous_response_id"]),
        Edit(["input", "*"], where={"type": "reasoning"}),
        Edit(["input", "*", "id"]),
    ),
    "anthropic-messages": (
        Edit(["messages", "*", "content", "*"], where={"type": "thinking"}),
        Edit(["messages", "*", "content", "*"], where={"type": "redacted_thinking"}),
    ),
}
"""What only the host that made it understands: it is left out where the host is another."""


def edits_for(wire: Wire, model: str, output: float | None, *, is_elsewhere: bool) -> tuple[Edit, ...]:
    """Return what makes a request of *wire* one for *model*; *is_elsewhere*: of another origin."""
    return (
        put(("model",), model),
        *((Edit([name], at_most=output) for name in OUTPUT_FIELDS.get(wire, ())) if output else ()),
        *(BOUND.get(wire, ()) if is_elsewhere else ()),
    )


def users(put_there: dict[str, Any], left_out: list[str]) -> Iterator[Edit]:
    """Yield what a user wants to be changed, by dotted paths."""
    yield from (put(path.split("."), value) for path, value in put_there.items())
    yield from (Edit(path.split(".")) for path in left_out)


def put(path: tuple[str, ...] | list[str], value: Any) -> Edit:
    """Return the edit that puts *value* at *path*."""
    return Edit(list(path), set=msgspec.Raw(msgspec.json.encode(value)))
