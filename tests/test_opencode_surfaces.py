"""`/quota_status` in the real OpenCode, on each surface: what is shown, and what must not happen besides."""

import json
import sys
from typing import Any

import pytest

from tests.bed import wires
from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import Serve, no_session_error, run, run_program, text_of
from tests.bed.processes import opencode_binary
from tests.bed.tui import Tui
from tests.bed.wiretap import Wiretap

SIDECAR = [sys.executable, "-I", "-m", "sidecar", "serve"]
REPLY = {"tokens": {"limit": 1000, "used": 360, "remaining": 640}}
NO_TOKENS = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}


@pytest.fixture
def configured(home: Home, gateway: Gateway) -> Home:
    """Give a home with one gateway that is asked for its quota, and a provider of each wire."""
    gateway.quota(REPLY).models("A fine answer.")
    home.write_opencode({wire: provider(gateway.base_url, wire) for wire in wires.WIRES})
    home.write_gateways(
        {"providerId": "openai-chat", "label": "Campus gateway", "quotaPath": "/quota", "preset": "neutral"}
    )
    return home


@pytest.fixture
def wiretap(configured: Home) -> Wiretap:
    return Wiretap(configured.path / "wire", configured.env, SIDECAR)


def tokens_of(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message["info"]["tokens"].items() if name != "total"}


def answers_to(wiretap: Wiretap) -> list[str]:
    return [result["text"] for result in wiretap.results_of("command/execute")]


def test_the_api_answers_on_every_wire_with_the_words_of_the_sidecar_and_calls_no_model(
    configured: Home, gateway: Gateway, wiretap: Wiretap
) -> None:
    with Serve(configured) as serve, no_session_error(serve):
        answers = [
            serve.command(serve.create_session(), "quota_status", provider=wire) for wire in wires.WIRES
        ]
    assert [text_of(answer) for answer in answers] == answers_to(wiretap)
    assert ["Campus gateway" in text_of(answer) for answer in answers] == [True] * len(wires.WIRES)
    assert [tokens_of(answer) for answer in answers] == [NO_TOKENS] * len(wires.WIRES)
    assert [answer["info"]["cost"] for answer in answers] == [0] * len(wires.WIRES)
    assert gateway.model_calls == []
    assert len(gateway.seen("/v1/quota")) == 1, "later answers come from the cache"


def test_no_later_turn_carries_the_question_or_the_answer_even_after_a_restart(
    configured: Home, gateway: Gateway
) -> None:
    said: dict[str, list[str]] = {}
    with Serve(configured) as serve, no_session_error(serve):
        sessions = {wire: serve.create_session() for wire in wires.WIRES}
        for wire, session in sessions.items():
            assert "Campus gateway" in text_of(serve.command(session, "quota_status", provider=wire))
            assert text_of(serve.send(session, "First question.", wire)) == "A fine answer."
    with Serve(configured) as serve, no_session_error(serve):
        for wire, session in sessions.items():
            assert text_of(serve.send(session, "Second question.", wire)) == "A fine answer."
            said[wire] = [text_of(message) for message in serve.messages(session)]
    for wire in wires.WIRES:
        assert [text for text in said[wire] if "Campus" not in text] == [
            "/quota_status",
            "First question.",
            "A fine answer.",
            "Second question.",
            "A fine answer.",
        ]
        sent = [request.text for request in gateway.seen("/v1" + wires.MODEL_PATHS[wire])]
        assert any("First question." in body and "Second question." in body for body in sent)
        assert [body for body in sent if "quota_status" in body or "Campus gateway" in body] == []


def test_a_summary_of_nothing_but_commands_is_asked_for_without_them(
    configured: Home, gateway: Gateway
) -> None:
    with Serve(configured) as serve, no_session_error(serve):
        session = serve.create_session()
        serve.command(session, "quota_status", provider="openai-chat")
        model = {"providerID": "openai-chat", "modelID": MODEL}
        assert serve.client.post(f"/session/{session}/summarize", json=model).is_success
        assert text_of(serve.messages(session)[-1]) == "A fine answer."
    sent = [request.text for request in gateway.model_calls]
    assert len(sent) == 1
    assert [body for body in sent if "quota_status" in body or "Campus gateway" in body] == []


def test_arguments_reach_the_sidecar_as_they_were_typed(configured: Home, wiretap: Wiretap) -> None:
    with Serve(configured) as serve:
        serve.command(serve.create_session(), "quota_status", "openai-chat refresh", "openai-chat")
    asked = [m["params"] for m in wiretap.sent("from-shim") if m.get("method") == "command/execute"]
    assert [(params["command"], params["arguments"]) for params in asked] == [
        ("quota_status", "openai-chat refresh")
    ]


def test_two_questions_in_one_session_are_two_answers(configured: Home, gateway: Gateway) -> None:
    with Serve(configured) as serve, no_session_error(serve):
        session = serve.create_session()
        serve.command(session, "quota_status", provider="openai-chat")
        assert "Campus gateway" in text_of(serve.command(session, "quota_status", provider="openai-chat"))
        assert len(serve.messages(session)) == 4
    assert gateway.model_calls == []
    assert len(gateway.seen("/v1/quota")) == 1, "the second answer comes from the cache"


def test_neither_key_nor_prompt_crosses_the_wire(configured: Home, wiretap: Wiretap) -> None:
    with Serve(configured) as serve:
        session = serve.create_session()
        serve.command(session, "quota_status", provider="openai-chat")
        serve.send(session, "Say a canary.", "openai-chat")
    sent = wiretap.sent("from-shim")
    frames = json.dumps([sent, wiretap.sent("from-sidecar")])
    assert "request/plan" in frames
    opened = [message["params"] for message in sent if message["method"] == "workspace/open"]
    model = {
        "id": MODEL, "name": "Bed model", "limits": {}, "inputModalities": ["text"], "takesTools": True,
        "takesTemperature": False, "reasons": False,
        "prices": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
    }  # fmt: skip
    providers = [
        {"id": wire, "name": wire, "source": "config", "models": [model | {"npm": wires.NPM[wire]}]}
        for wire in wires.WIRES
    ]
    version = run_program(configured, opencode_binary(), "--version").stdout.strip()
    directory = {"directory": str(configured.project)}
    assert opened[0] == directory
    assert directory | {"providers": providers} in opened
    assert directory | {"hostVersion": version} in opened
    assert len(opened) == 3
    assert [secret for secret in ("bed-key", "canary", "fine answer") if secret in frames] == []


def test_run_prints_the_report_and_ends_with_0(configured: Home, gateway: Gateway, wiretap: Wiretap) -> None:
    finished = run(configured, "--command", "quota_status")
    assert finished.exit_code == 0
    assert [finished.stdout.strip()] == [text.strip() for text in answers_to(wiretap)]
    assert "Campus gateway" in finished.stdout
    assert gateway.model_calls == []


def test_a_narrow_screen_shows_the_report_in_whole_lines_after_it_is_typed(
    configured: Home, gateway: Gateway
) -> None:
    with Tui(configured, columns=80, lines=24) as tui:
        tui.command("/quota_status")
        tui.wait_for_turns()
        tui.wait_for("Campus gateway (openai-chat)")
        tui.wait_for("  tokens     ■■■■■■■·····  64%  640 of 1,000 left")
        tui.wait_for("  key: opencode.json")
    assert gateway.model_calls == []
