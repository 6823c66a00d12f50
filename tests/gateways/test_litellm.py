"""A real LiteLLM proxy behind the real OpenCode: chats, its errors by name, and what its headers tell."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import Serve, no_session_error, text_of
from tests.bed.processes import PLUGIN, wait_until
from tests.bed.replies import json_reply, model_answer
from tests.gateways.keys import BUDGETED, FREE, HURRIED, KEYS, SPENT, UNKNOWN
from tests.gateways.proxy import PRICED, LiteLlm

CHAT: Final = "/v1/chat/completions"
ANSWER: Final = "A fine answer: naïve, 好, 🙂."


@pytest.fixture(scope="module")
def started() -> Iterator[LiteLlm]:
    """Start one proxy for all tests: it takes seconds and 335 MB."""
    with Home() as home, Gateway() as upstream, LiteLlm(home, upstream, KEYS) as proxy:
        yield proxy


@pytest.fixture
def litellm(started: LiteLlm) -> LiteLlm:
    """Make it as it was at its start, but for what it has counted."""
    started.hand_out(KEYS)
    started.upstream.models(ANSWER)
    started.upstream.requests.clear()
    return started


def at(litellm: LiteLlm, key: str, name: str = "Team LiteLLM") -> dict[str, Any]:
    return provider(litellm.base_url, name=name, key=key)


def priced(litellm: LiteLlm, key: str) -> dict[str, Any]:
    return at(litellm, key) | {"models": {MODEL: {"id": PRICED, "name": "Priced"}}}


def chat(serve: Serve, name: str) -> str:
    return text_of(serve.send(serve.create_session(), "Say something fine.", name))


def status(serve: Serve, arguments: str = "") -> str:
    return text_of(serve.command(serve.create_session(), "quota_status", arguments))


def chats_upstream(litellm: LiteLlm) -> list[Any]:
    """Return the bodies of the chats that arrived behind the proxy, without the ones that make titles."""
    bodies = [request.json() for request in litellm.upstream.seen(CHAT, "POST")]
    return [body for body in bodies if "tools" in body]


def test_a_chat_goes_through_as_without_the_plugin(home: Home, litellm: LiteLlm) -> None:
    said: list[str] = []
    for plugin in (None, PLUGIN):
        home.write_opencode({"litellm": at(litellm, FREE)}, plugin=plugin)
        with Serve(home) as serve, no_session_error(serve):
            said.append(chat(serve, "litellm"))
    bare, ours = chats_upstream(litellm)
    assert said == [ANSWER, ANSWER]
    assert ours == bare
    assert ours["stream"] is True


def test_a_quota_without_a_database_and_a_wrong_key_are_named_with_their_status(
    home: Home, litellm: LiteLlm
) -> None:
    home.write_opencode({"litellm": at(litellm, BUDGETED), "other": at(litellm, UNKNOWN, "Other")})
    home.write_gateways(
        {"providerId": "litellm", "preset": "litellm"}, {"providerId": "other", "preset": "litellm"}
    )
    with Serve(home) as serve:
        text = status(serve)
    assert "! HTTP 500: the gateway has a fault" in text
    assert "! HTTP 401: the gateway refuses the key; check where it is from" in text


def test_a_chat_tells_what_is_left_of_its_keys_budget_without_any_configuration(
    home: Home, litellm: LiteLlm
) -> None:
    home.write_opencode({"litellm": at(litellm, BUDGETED)})
    with Serve(home) as serve, no_session_error(serve):
        chat(serve, "litellm")
        wait_until(lambda: "75%  $7.50 of $10.00 left" in status(serve), "the first answer's figures")
        litellm.hand_out(KEYS | {BUDGETED: {"spend": 9.7, "max_budget": 10.0}})
        chat(serve, "litellm")
        wait_until(lambda: "3%  $0.30 of $10.00 left" in status(serve), "the second answer's figures")
        chat(serve, "litellm")
        toast = serve.events.wait_for("tui.toast.show")
    assert (toast["variant"], "Team LiteLLM" in toast["message"]) == ("error", True)


def test_a_key_without_a_budget_is_unlimited(home: Home, litellm: LiteLlm) -> None:
    home.write_opencode({"litellm": at(litellm, FREE)})
    with Serve(home) as serve, no_session_error(serve):
        chat(serve, "litellm")
        wait_until(lambda: "unlimited, $0.00 used" in status(serve), "the answer's figures")


def test_a_refusal_upstream_keeps_its_status_and_its_wait_under_another_name(litellm: LiteLlm) -> None:
    error = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}
    limits = {"x_ratelimit_limit_requests": "60", "x_ratelimit_remaining_requests": "0"}
    litellm.upstream.script(CHAT, json_reply(error, 429, retry_after="7", **limits), method="POST")
    for stream in (False, True):
        reply = litellm.ask(BUDGETED, stream=stream)
        assert reply.status_code == 429
        assert reply.json() == {
            "error": {
                "message": "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached\n\n"
                f"LiteLLM: model group '{MODEL}' failed with the error above. No fallback was attempted.",
                "type": "throttling_error",
                "param": None,
                "code": "429",
            }
        }
        assert "retry-after" not in reply.headers
        assert reply.headers["llm_provider-retry-after"] == "7"
        assert reply.headers["x-ratelimit-remaining-requests"] == "0"
        assert reply.headers["x-litellm-key-spend"] == "2.5"


def test_a_refusal_of_its_own_states_its_wait(litellm: LiteLlm) -> None:
    assert litellm.ask(HURRIED).status_code == 200
    refused = litellm.ask(HURRIED, stream=True)
    assert refused.status_code == 429
    assert refused.json()["error"]["message"].startswith("Rate limit exceeded for api_key: ")
    assert refused.json()["error"]["type"] == "throttling_error"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert refused.headers["rate_limit_type"] == "requests"


def test_a_turn_survives_a_refusal_upstream(home: Home, litellm: LiteLlm) -> None:
    error = {"error": {"message": "Rate limit reached", "type": "requests"}}
    home.write_opencode({"litellm": at(litellm, FREE)})
    with Serve(home) as serve, no_session_error(serve):
        session = serve.create_session(title="Named already")
        answers = [json_reply(error, 429, retry_after="7"), model_answer("openai-chat", ANSWER)]
        litellm.upstream.script(CHAT, *answers, method="POST")
        assert text_of(serve.send(session, "Say something fine.", "litellm")) == ANSWER
        [retry] = [
            row["status"] for row in serve.events.of("session.status") if row["status"]["type"] == "retry"
        ]
    assert retry["attempt"] == 1


def test_a_spent_budget_ends_the_turn_with_its_own_words(home: Home, litellm: LiteLlm) -> None:
    litellm.ask(SPENT, PRICED)  # a budget is only looked at once something was spent
    refused = litellm.ask(SPENT, PRICED)
    assert refused.status_code == 422
    assert refused.json()["error"]["type"] == "budget_exceeded"
    home.write_opencode({"litellm": priced(litellm, SPENT)})
    with Serve(home) as serve, pytest.raises(RuntimeError, match="Budget has been exceeded!"):
        chat(serve, "litellm")
