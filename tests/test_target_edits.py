"""What changes in a body for another target, by what OpenCode writes into it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.adapters.target_edits import edits_for
from sidecar.core.account import Account
from sidecar.protocol import CatalogueLimits, Edit
from tests.machine import Machine
from tests.offers import CHAT, catalogue, model, target

HERE, THERE = Account("a", "https://a.example", "one"), Account("b", "https://b.example", "two")
OTHER_KEY = Account("c", "https://a.example", "two")


def plain(edits: Any) -> list[dict[str, Any]]:
    return msgspec.json.decode(msgspec.json.encode(list(edits)))


def removed(*paths: str) -> list[dict[str, Any]]:
    return [{"path": path.split(".")} for path in paths]


MODEL = [{"path": ["model"], "set": "m2"}]
CHAT_OF_A_HOST = removed(
    "usage", "reasoning", "thinking", "enable_thinking", "chat_template_args", "prompt_cache_key",
    "messages.*.reasoning_details", "messages.*.reasoning_opaque",
)  # fmt: skip
BLOCK = ["messages", "*", "content", "*"]
MESSAGES_OF_A_HOST = [
    {"path": BLOCK, "where": {"type": "thinking"}},
    {"path": BLOCK, "where": {"type": "redacted_thinking"}},
    {"path": ["thinking"], "where": {"type": "enabled"}},
]
RESPONSES_OF_AN_ACCOUNT = [
    {"path": ["previous_response_id"]},
    {"path": ["input", "*"], "where": {"type": "reasoning"}},
    {"path": ["input", "*", "id"]},
]


@pytest.mark.parametrize(
    ("wire", "other", "expected"),
    [
        ("openai-chat", HERE, []),
        ("openai-chat", OTHER_KEY, []),
        ("openai-chat", THERE, CHAT_OF_A_HOST),
        ("anthropic-messages", OTHER_KEY, []),
        ("anthropic-messages", THERE, MESSAGES_OF_A_HOST),
        ("openai-responses", HERE, []),
        ("openai-responses", OTHER_KEY, RESPONSES_OF_AN_ACCOUNT),
        ("openai-responses", THERE, RESPONSES_OF_AN_ACCOUNT),
    ],
)
def test_what_is_bound_to_a_host_or_an_account_is_left_out_elsewhere(
    wire: Any, other: Account, expected: list[dict[str, Any]]
) -> None:
    assert plain(edits_for(wire, "m2", None, HERE, other)) == MODEL + expected


@pytest.mark.parametrize(
    ("wire", "fields"),
    [
        ("openai-chat", ["max_tokens", "max_completion_tokens"]),
        ("openai-responses", ["max_output_tokens"]),
        ("anthropic-messages", ["max_tokens"]),
    ],
)
def test_no_more_is_asked_for_than_a_model_can_answer(wire: Any, fields: list[str]) -> None:
    limits = [{"path": [field], "atMost": 8000.0} for field in fields]
    assert plain(edits_for(wire, "m2", 8000.0, HERE, HERE)) == MODEL + limits


@pytest.mark.parametrize("origin", ["https://api.groq.com", "https://api.cerebras.ai"])
def test_a_strict_host_gets_no_reasoning_back(origin: str) -> None:
    other = Account("b", origin, "two")
    expected = MODEL + CHAT_OF_A_HOST + removed("messages.*.reasoning_content")
    assert plain(edits_for("openai-chat", "m2", None, HERE, other)) == expected


def test_what_a_user_wants_comes_last_the_targets_own_after_its_providers(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    options = {"baseURL": "https://a.example/v1", "apiKey": "x"}
    row: dict[str, Any] = {"npm": CHAT, "options": options}
    machine.write(machine.host, {"provider": {"gw-a": row, "gw-b": row}})
    entry = {
        "target": "gw-b/m1",
        "model": "m2",
        "set": {"provider.order": ["x"], "service_tier": None},
        "remove": ["messages.*.name"],
        "outputLimit": 100,
    }
    ours = {
        "providers": {"gw-b": {"set": {"user": "me"}, "remove": ["metadata"]}},
        "routes": [{"targets": ["gw-a/m1", entry]}],
    }
    machine.write(machine.ours, ours)
    offered = catalogue(gw_a=[model("m1")], gw_b=[model("m1", limits=CatalogueLimits(None, 9000))])
    found = machine.load().targets.route(target("gw-a/m1"), offered).targets[1]
    assert plain(found.edits) == [
        *MODEL,
        {"path": ["max_tokens"], "atMost": 100.0},
        {"path": ["max_completion_tokens"], "atMost": 100.0},
        {"path": ["user"], "set": "me"},
        {"path": ["metadata"]},
        {"path": ["provider", "order"], "set": ["x"]},
        {"path": ["service_tier"], "set": None},
        {"path": ["messages", "*", "name"]},
    ]
    assert isinstance(found.edits[0], Edit)
