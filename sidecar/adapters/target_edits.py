"""What has to change in a request's body so that another target understands it: one table per wire."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sidecar.adapters.wires import wires
from sidecar.core.account import Account
from sidecar.protocol import Edit, Wire

OUTPUT_FIELDS: Final[dict[Wire, tuple[str, ...]]] = {
    "openai-chat": ("max_tokens", "max_completion_tokens"),
    "openai-responses": ("max_output_tokens",),
    "anthropic-messages": ("max_tokens",),
}
"""Where a request says how much it may be answered at most."""

OF_A_HOST: Final[dict[Wire, tuple[Edit, ...]]] = {
    "openai-chat": (
        # OpenCode writes these for one host each, by its id; a strict one refuses what it does not know.
        Edit(["usage"]),
        Edit(["reasoning"]),
        Edit(["thinking"]),
        Edit(["enable_thinking"]),
        Edit(["chat_template_args"]),
        Edit(["prompt_cache_key"]),
        Edit(["messages", "*", "reasoning_details"]),
        Edit(["messages", "*", "reasoning_opaque"]),
    ),
    "anthropic-messages": (
        # Their signatures hold at the host that made them. With a budget for thinking the last turn would
        # have to begin with them, so that goes too; adaptive thinking does not ask for it.
        Edit(["messages", "*", "content", "*"], where={"type": "thinking"}),
        Edit(["messages", "*", "content", "*"], where={"type": "redacted_thinking"}),
        Edit(["thinking"], where={"type": "enabled"}),
    ),
}
"""What is left out where the host is another."""

OF_AN_ACCOUNT: Final[dict[Wire, tuple[Edit, ...]]] = {
    "openai-responses": (
        Edit(["previous_response_id"]),
        Edit(["input", "*"], where={"type": "reasoning"}),
        Edit(["input", "*", "id"]),
    ),
}
"""What is left out where the account is another: it is encrypted, or kept, for the one that it is of."""


def edits_for(wire: Wire, model: str, output: float | None, own: Account, other: Account) -> Iterator[Edit]:
    """Yield what makes a request of *own* in this wire one for *model* at *other*."""
    yield put(["model"], model)
    if output:
        yield from (Edit([name], at_most=output) for name in OUTPUT_FIELDS.get(wire, ()))
    if own.origin != other.origin:
        yield from OF_A_HOST.get(wire, ())
        yield from (Edit(path.split(".")) for path in wires().refused.get(other.origin, ()))
    if (own.origin, own.fingerprint) != (other.origin, other.fingerprint):
        yield from OF_AN_ACCOUNT.get(wire, ())


def users(put_there: dict[str, Any], left_out: list[str]) -> Iterator[Edit]:
    """Yield what a user wants to be changed, by dotted paths."""
    yield from (put(path.split("."), value) for path, value in put_there.items())
    yield from (Edit(path.split(".")) for path in left_out)


def put(path: list[str], value: Any) -> Edit:
    """Return the edit that puts *value* at *path*."""
    return Edit(path, set=msgspec.Raw(msgspec.json.encode(value)))
