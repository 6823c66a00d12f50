"""The README's ready pieces in the real OpenCode, with gateways on loopback in the places of the services."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.opencode import Serve, text_of
from tests.bed.processes import PLUGIN
from tests.bed.refusals import REFUSALS
from tests.bed.replies import Received, says
from tests.failover import TITLED
from tests.test_readme import CLAUDE, KEYS, LLAMA, block, pieces

LLAMA_ID: Final = "llama-3.3-70b"
CLAUDE_ID: Final = "claude-sonnet-4-5"

Services = dict[str, Gateway]


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Serve, Services]]:
    with ExitStack() as stack:
        services = {name: stack.enter_context(Gateway()) for name in (*CLAUDE, *LLAMA)}
        home = stack.enter_context(Home())
        home.like_a_users()
        providers: dict[str, Any] = pieces()
        for name, gateway in services.items():
            gateway.turns(says(f"This is {name}.")).asides(says("A title."))
            providers[name]["options"]["baseURL"] = gateway.base_url
        content = {"plugin": [PLUGIN], "autoupdate": False, "provider": providers}
        (home.config / "opencode.json").write_text(json.dumps(content))
        (home.config / "quota-sidecar.jsonc").write_text(block('"routes"'))
        home.env.update(KEYS)
        yield stack.enter_context(Serve(home)), services


def answer(serve: Serve, provider_id: str, model_id: str) -> str:
    session = serve.create_session(title=TITLED)
    model = {"providerID": provider_id, "modelID": model_id}
    return text_of(serve.send(session, "Say something fine.", provider_id, model=model))


def only(gateway: Gateway) -> Received:
    (request,) = gateway.turn_calls
    return request


def test_llama_goes_on_from_service_to_service(opened: tuple[Serve, Services]) -> None:
    serve, services = opened
    services["openrouter"].turns(REFUSALS["429 for an hour"])
    services["litellm"].turns(REFUSALS["402"])
    assert answer(serve, "openrouter", LLAMA_ID) == "This is local."
    assert "authorization" not in only(services["local"]).headers
    services["local"].turns(REFUSALS["503"])
    assert answer(serve, "openrouter", LLAMA_ID) == "This is togetherai."
    asked = {name: [request.json()["model"] for request in services[name].turn_calls] for name in LLAMA}
    assert asked == {
        "openrouter": ["meta-llama/llama-3.3-70b-instruct"],
        "litellm": [LLAMA_ID],
        "local": ["llama3.3:70b"] * 2,
        "togetherai": ["meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    }


def test_claude_goes_on_by_helicone_with_its_headers(opened: tuple[Serve, Services]) -> None:
    serve, services = opened
    services["anthropic"].turns(REFUSALS["529"])
    assert answer(serve, "anthropic", CLAUDE_ID) == "This is anthropic-helicone."
    ours = ("x-api-key", "helicone-auth", "helicone-cache-enabled")
    sent = [[only(services[name]).headers.get(header) for header in ours] for name in CLAUDE]
    key, helicone = KEYS["ANTHROPIC_API_KEY"], f"Bearer {KEYS['HELICONE_API_KEY']}"
    assert sent == [[key, None, None], [key, helicone, "true"]]
