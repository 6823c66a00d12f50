"""Answers of a model in the three wires, streamed or whole, complete enough for the real OpenCode.

It owns the shapes of replies only: what a request asks for is read in `gateways.py`.
"""

import json
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, Final, Literal

Wire = Literal["openai-chat", "anthropic-messages", "openai-responses"]

WIRES: Final[tuple[Wire, ...]] = ("openai-chat", "anthropic-messages", "openai-responses")

NPM: Final[dict[Wire, str]] = {
    "openai-chat": "@ai-sdk/openai-compatible",
    "anthropic-messages": "@ai-sdk/anthropic",
    "openai-responses": "@ai-sdk/openai",
}
"""The package that speaks each wire; OpenCode bundles all three."""

MODEL_PATHS: Final[dict[Wire, str]] = {
    "openai-chat": "/chat/completions",
    "anthropic-messages": "/messages",
    "openai-responses": "/responses",
}
"""Where a request of each wire goes, below the base URL."""

INPUT_TOKENS: Final = 11
OUTPUT_TOKENS: Final = 7
"""What every answer claims to have used: small, odd and never 0, so that a real call is told from none."""

Event = dict[str, Any]


def _pieces(text: str) -> list[str]:
    """Split into words that join to the text again, as a model would stream it."""
    return [word for word in text.replace(" ", " \0").split("\0") if word]


def _chat_chunk(choices: list[Event], **more: object) -> Event:
    head: Event = {"id": "chatcmpl-bed", "object": "chat.completion.chunk", "created": 1, "model": "bed"}
    return head | {"choices": choices} | more


def _chat_stream(text: str) -> Iterator[Event]:
    def delta(content: Event, finish: str | None = None) -> Event:
        return _chat_chunk([{"index": 0, "delta": content, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for piece in _pieces(text):
        yield delta({"content": piece})
    yield delta({}, "stop")
    yield _chat_chunk([], usage=_chat_usage())


def _chat_usage() -> Event:
    total = INPUT_TOKENS + OUTPUT_TOKENS
    return {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": total}


def _chat_whole(text: str) -> Event:
    message = {"role": "assistant", "content": text}
    return _chat_chunk([{"index": 0, "message": message, "finish_reason": "stop"}], usage=_chat_usage()) | {
        "object": "chat.completion"
    }


def _anthropic_message(content: list[Event], stop: str | None) -> Event:
    return {
        "id": "msg_bed",
        "type": "message",
        "role": "assistant",
        "model": "bed",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }


def _anthropic_stream(text: str) -> Iterator[Event]:
    yield {"type": "message_start", "message": _anthropic_message([], None)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in _pieces(text):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def _anthropic_whole(text: str) -> Event:
    return _anthropic_message([{"type": "text", "text": text}], "end_turn")


def _responses_item(text: str | None) -> Event:
    content: list[Event] = [] if text is None else [{"type": "output_text", "text": text, "annotations": []}]
    status = "in_progress" if text is None else "completed"
    return {"type": "message", "id": "item_bed", "role": "assistant", "status": status, "content": content}


def _responses_whole(text: str | None) -> Event:
    done = text is not None
    total = INPUT_TOKENS + OUTPUT_TOKENS
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS, "total_tokens": total}
    return {
        "id": "resp_bed",
        "object": "response",
        "created_at": 1,
        "model": "bed",
        "status": "completed" if done else "in_progress",
        "output": [_responses_item(text)] if done else [],
        "usage": usage if done else None,
    }


def _responses_stream(text: str) -> Iterator[Event]:
    at = {"item_id": "item_bed", "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": _responses_whole(None)}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _responses_item(None)}
    for piece in _pieces(text):
        yield {"type": "response.output_text.delta", "delta": piece} | at
    yield {"type": "response.output_text.done", "text": text} | at
    yield {"type": "response.output_item.done", "output_index": 0, "item": _responses_item(text)}
    yield {"type": "response.completed", "response": _responses_whole(text)}


def _chat_tool(name: str, arguments: str, call: str) -> Iterator[Event]:
    function = {"name": name, "arguments": arguments}
    calls = [{"index": 0, "id": call, "type": "function", "function": function}]
    yield _chat_chunk([{"index": 0, "delta": {"role": "assistant", "tool_calls": calls}}])
    yield _chat_chunk([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    yield _chat_chunk([], usage=_chat_usage())


def _anthropic_tool(name: str, arguments: str, call: str) -> Iterator[Event]:
    block: Event = {"type": "tool_use", "id": call, "name": name, "input": {}}
    yield {"type": "message_start", "message": _anthropic_message([], None)}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    delta = {"type": "input_json_delta", "partial_json": arguments}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


def _responses_tool(name: str, arguments: str, call: str) -> Iterator[Event]:
    item: Event = {"type": "function_call", "id": f"fc_{call}", "call_id": call, "name": name}
    at = {"item_id": item["id"], "output_index": 0}
    begun, done = {"arguments": "", "status": "in_progress"}, {"arguments": arguments, "status": "completed"}
    yield {"type": "response.created", "response": _responses_whole(None)}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item | begun}
    yield {"type": "response.function_call_arguments.delta", "delta": arguments} | at
    yield {"type": "response.function_call_arguments.done", "arguments": arguments} | at
    yield {"type": "response.output_item.done", "output_index": 0, "item": item | done}
    yield {"type": "response.completed", "response": _responses_whole("") | {"output": [item | done]}}


_STREAMS: Final[dict[Wire, Callable[[str], Iterator[Event]]]] = {
    "openai-chat": _chat_stream,
    "anthropic-messages": _anthropic_stream,
    "openai-responses": _responses_stream,
}
_WHOLES: Final[dict[Wire, Callable[[str], Event]]] = {
    "openai-chat": _chat_whole,
    "anthropic-messages": _anthropic_whole,
    "openai-responses": _responses_whole,
}
_TOOLS: Final[dict[Wire, Callable[[str, str, str], Iterator[Event]]]] = {
    "openai-chat": _chat_tool,
    "anthropic-messages": _anthropic_tool,
    "openai-responses": _responses_tool,
}
_calls = count(1)


def whole(wire: Wire, text: str) -> bytes:
    """One JSON reply that holds the whole answer."""
    return json.dumps(_WHOLES[wire](text)).encode()


def stream(wire: Wire, text: str) -> tuple[bytes, ...]:
    """Give the answer as server-sent events, one chunk of bytes each."""
    chunks = [_sse(wire, event) for event in _STREAMS[wire](text)]
    return (*chunks, b"data: [DONE]\n\n") if wire == "openai-chat" else tuple(chunks)


def tool_stream(wire: Wire, name: str, arguments: Event) -> tuple[bytes, ...]:
    """Give one call of a tool as server-sent events, with an id of its own."""
    events = _TOOLS[wire](name, json.dumps(arguments), f"call_{next(_calls)}")
    return tuple(_sse(wire, event) for event in events)


def preamble(wire: Wire) -> tuple[bytes, ...]:
    """Give all that a stream says before its first content."""
    return tuple(_sse(wire, event) for event in islice(_STREAMS[wire](""), 1))


def event_stream(wire: Wire, *events: Event) -> tuple[bytes, ...]:
    """Give any events in the framing of the wire."""
    return tuple(_sse(wire, event) for event in events)


def _sse(wire: Wire, event: Event) -> bytes:
    name = "" if wire == "openai-chat" else f"event: {event['type']}\n"
    return f"{name}data: {json.dumps(event)}\n\n".encode()
