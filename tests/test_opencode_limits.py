"""In the real OpenCode: commands tell a refusal, a webhook has heard of it, and it can be forgotten."""

from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import Json, Serve, no_session_error, text_of
from tests.bed.refusals import refusal
from tests.bed.replies import Reply, says

SLOWLY = refusal(429, "rate_limit_error", "Too many requests.", retry_after="590")


def told(answer: Json) -> list[str]:
    """Return the lines of a command's answer below its title."""
    return [line.removeprefix("    ") for line in text_of(answer).split("\n")[2:]]


def test_a_refusal_is_told_by_every_means_and_can_be_forgotten(home: Home, gateway: Gateway) -> None:
    with Gateway() as other:
        gateway.turns(SLOWLY, says("From the first."))
        other.turns(says("From the second.")).script("/hook", Reply(204), method="POST")
        providers = {
            "first": provider(gateway.base_url, name="The first"),
            "second": provider(other.base_url),
        }
        home.write_opencode(providers)
        home.write_gateways(webhooks=[{"url": f"{other.origin}/hook"}])
        with Serve(home) as serve, no_session_error(serve):
            session = serve.create_session()
            assert text_of(serve.send(session, "Hello.", "first")) == "From the second."
            report = told(serve.command(session, "rate_limit_status", provider="first"))
            assert report[0] == "The first (first)"
            assert report[1].startswith("  ! rate limit · 9 min left, until ")
            assert f"This session: first/{MODEL} · last answer from second/{MODEL}" in report
            assert any(f"first/{MODEL} → second/{MODEL}" in line for line in report)
            heard = other.wait_for_request(lambda request: request.path == "/hook").json()
            assert {key: heard[key] for key in ("event", "provider", "model", "class")} == {
                "event": "failover",
                "provider": "first",
                "model": MODEL,
                "class": "rate-limit-short",
            }
            forgotten = told(serve.command(session, "rate_limit_reset", "first", provider="first"))
            assert forgotten[:2] == ["These waits are forgotten:", "The first (first)"]
            assert text_of(serve.send(session, "Once more.", "first")) == "From the first."
