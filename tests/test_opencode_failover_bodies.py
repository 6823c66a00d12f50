"""What another target gets of a conversation in the real OpenCode: nothing that only the first can read."""

import json
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

from tests.bed import wires
from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import Serve
from tests.bed.replies import Reply, json_reply, says

KEY: Final = "key-of-{}-0123456789-0123456789"
Json = dict[str, Any]


def stream(*events: Json) -> Reply:
    lines = (f"event: {row['type']}\ndata: {json.dumps(row)}\n\n" for row in events if "type" in row)
    plain = (f"data: {json.dumps(row)}\n\n" for row in events if "type" not in row)
    return Reply(200, "".join([*lines, *plain]).encode(), {"content-type": "text/event-stream"})


def chat_thought() -> Reply:
    def chunk(delta: Json, finish: str | None = None) -> Json:
        return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    return stream(
        chunk({"role": "assistant", "reasoning_content": "Hm."}),
        chunk({"content": "First."}),
        chunk({}, "stop"),
    )


def messages_thought() -> Reply:
    message: Json = {
        "id": "m",
        "role": "assistant",
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    kinds: list[tuple[Json, list[Json]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "S1"}],
        ),
        ({"type": "redacted_thinking", "data": "R1"}, []),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "First."}]),
    ]
    events: list[Json] = [{"type": "message_start", "message": message}]
    for index, (block, deltas) in enumerate(kinds):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append(
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    )
    return stream(*events, {"type": "message_stop"})


def responses_thought() -> Reply:
    thought: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E1"}
    text = {"type": "message", "id": "msg_1", "role": "assistant"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return stream(
        {"type": "response.output_item.added", "output_index": 0, "item": thought},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_item.added", "output_index": 1, "item": text},
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "First."},
        {"type": "response.output_item.done", "output_index": 1, "item": text},
        {"type": "response.completed", "response": {"usage": usage}},
    )


THOUGHTS: Final[dict[wires.Wire, Callable[[], Reply]]] = {
    "openai-chat": chat_thought,
    "anthropic-messages": messages_thought,
    "openai-responses": responses_thought,
}


def entry(name: str, gateway: Gateway, wire: wires.Wire) -> Json:
    """Return a provider whose model thinks; the second one's is called otherwise there, and answers less."""
    made = provider(gateway.base_url, wire, key=KEY.format(name))
    model = made["models"][MODEL]
    model |= {"reasoning": True, "limit": {"context": 200_000, "output": 32_000}}
    if wire == "anthropic-messages":
        model["options"] = {"thinking": {"type": "enabled", "budgetTokens": 4000}}
    if wire == "openai-chat":
        model["interleaved"] = {"field": "reasoning_content"}
        model["options"] = {"thinking": {"type": "enabled"}}
    if name == "beta":
        model |= {"id": "theirs", "limit": {"context": 200_000, "output": 8000}}
    return made


Bodies = dict[wires.Wire, tuple[Json, Json]]


@pytest.fixture(scope="module")
def bodies() -> Generator[Bodies]:
    """Give what was refused at the first provider, and what the second one got of it, by wire."""
    with Home() as home:
        pairs: list[tuple[str, wires.Wire]] = [
            (name, wire) for wire in THOUGHTS for name in ("alpha", "beta")
        ]
        gateways = {pair: Gateway() for pair in pairs}
        refusal = json_reply({"error": {"message": "Rate limit reached"}}, 429, retry_after="3600")
        for wire, thought in THOUGHTS.items():
            gateways["alpha", wire].turns(thought(), refusal)
            gateways["beta", wire].turns(says("Second."))
        home.write_opencode(
            {f"{name}-{wire}": entry(name, at, wire) for (name, wire), at in gateways.items()}
        )
        found: Bodies = {}
        with Serve(home) as serve:
            for wire in THOUGHTS:
                session = serve.create_session(title="Named already")
                for text in ("one", "two"):
                    serve.send(session, text, f"alpha-{wire}")
                refused, (other,) = gateways["alpha", wire].turn_calls[-1], gateways["beta", wire].turn_calls
                found[wire] = refused.json(), other.json()
        yield found
        for gateway in gateways.values():
            gateway.close()


def test_a_chat_keeps_its_plain_reasoning_and_loses_the_switch_of_another_host(bodies: Bodies) -> None:
    refused, other = bodies["openai-chat"]
    assert refused.pop("thinking") == {"type": "enabled"}
    assert refused["messages"][2] == {"role": "assistant", "content": "First.", "reasoning_content": "Hm."}
    assert other == refused | {"model": "theirs", "max_tokens": 8000}


def test_signed_thoughts_stay_with_the_host_that_signed_them(bodies: Bodies) -> None:
    refused, other = bodies["anthropic-messages"]
    assert refused.pop("thinking") == {"type": "enabled", "budget_tokens": 4000}
    thoughts = refused["messages"][1]["content"]
    assert [block["type"] for block in thoughts] == ["thinking", "redacted_thinking", "text"]
    del thoughts[:2]
    assert other == refused | {"model": "theirs", "max_tokens": 8000}


def test_encrypted_thoughts_stay_with_the_account_that_they_are_for(bodies: Bodies) -> None:
    refused, other = bodies["openai-responses"]
    items = refused["input"]
    assert [item["encrypted_content"] for item in items if item.get("type") == "reasoning"] == ["E1"]
    refused["input"] = [item for item in items if item.get("type") != "reasoning"]
    assert other == refused | {"model": "theirs", "max_output_tokens": 8000}
