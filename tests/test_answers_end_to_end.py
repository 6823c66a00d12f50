"""What ordinary answers tell, over the pipe of the real child and in the real OpenCode."""

import json
from typing import Any, Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import Serve, no_session_error, text_of
from tests.bed.processes import wait_until
from tests.bed.sidecar import Sidecar

KEY: Final = "test-key-" + "q" * 24
OWN: Final = {
    "requests": [],
    "account": 'headers."x-team"',
    "windows": [{"name": "calls", "unit": "calls", "limit": "`10`", "remaining": 'headers."x-calls-left"'}],
}


def finished(home: Home, provider_id: str, **headers: str) -> bytes:
    params = {
        "requestId": "r",
        "directory": str(home.project),
        "sessionId": "ses_1",
        "messageId": "msg_1",
        "agent": "build",
        "target": {"providerId": provider_id, "modelId": MODEL},
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "ttfbS": 0.1,
        "status": 200,
    }
    return json.dumps({"jsonrpc": "2.0", "method": "request/finished", "params": params}).encode() + b"\n"


def says(child: Sidecar, home: Home, *texts: str) -> bool:
    shown = child.command(home.project)["text"]
    return all(text in shown for text in texts)


def test_a_request_that_finished_shows_in_the_next_report(home: Home) -> None:
    home.write_opencode({"groq": provider("http://127.0.0.1:9/v1", key=KEY)})
    with Sidecar(home.env, home.path) as child:
        child.open(home.project)
        assert says(child, home, "No gateway is configured yet")
        limits = {"x_ratelimit_limit_requests": "200", "x_ratelimit_remaining_requests": "150"}
        child.send(finished(home, "groq", **limits, x_ratelimit_reset_requests="2h"))
        wait_until(lambda: says(child, home, f"groq · {MODEL} "), "the next report")
        assert says(child, home, "75%  150 of 200 left · resets in 1h 59m", "key: opencode.json")
        child.end()


def test_a_users_own_headers_are_asked_for_and_a_key_in_one_is_never_kept(home: Home) -> None:
    home.write_opencode({"team": provider("http://127.0.0.1:9/v1", key=KEY)})
    home.write_gateways({"providerId": "team", "label": "Team", "mapping": OWN})
    with Sidecar(home.env, home.path) as child:
        child.initialize()
        opened = child.ask("workspace/open", directory=str(home.project))
        assert opened == {"responseHeaderPrefixes": ["x-calls-left", "x-team"]}
        assert says(child, home, "Team", "nothing heard yet: the next answer tells")
        child.send(finished(home, "team", x_calls_left="7", x_team=f"of {KEY}"))
        wait_until(lambda: says(child, home, "70%  7 of 10 left"), "the next report")
        child.end()
        assert KEY not in child.received.decode() + child.log
    kept = b"".join(file.read_bytes() for file in home.state.rglob("*") if file.is_file())
    assert b"calls" in kept
    assert KEY.encode() not in kept


@pytest.mark.parametrize("configured", [False, True])
def test_in_opencode_a_chat_tells_what_is_left(home: Home, gateway: Gateway, configured: bool) -> None:
    left = {"x-ratelimit-limit-requests": "200", "x-ratelimit-remaining-requests": "150"}
    gateway.models("A fine answer.", headers=left | {"x-calls-left": "7", "x-team": "us"})
    home.write_opencode({"groq": provider(gateway.base_url, name="Groq", key=KEY)})
    entries: list[dict[str, Any]] = [{"providerId": "groq", "mapping": OWN}] if configured else []
    home.write_gateways(*entries)
    with Serve(home) as serve, no_session_error(serve):

        def status() -> str:
            return text_of(serve.command(serve.create_session(), "quota_status"))

        assert ("nothing heard yet: the next answer tells" in status()) is configured
        assert text_of(serve.send(serve.create_session(), "Say something.", "groq")) == "A fine answer."
        expected = "70%  7 of 10 left" if configured else "75%  150 of 200 left"
        wait_until(lambda: expected in status(), "the next report")
        assert gateway.seen(method="GET") == []
