"""A real LiteLLM proxy refuses as its upstream does, and the request goes on elsewhere until it says."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.refusals import PLAIN_429, REFUSALS, refusal
from tests.bed.replies import Answer, says
from tests.failover import ALPHA, ANSWERS, BETA, Scene, Turn, entries, scene, stored
from tests.gateways.keys import FREE, HURRIED, KEYS, SPENT
from tests.gateways.proxy import PRICED, LiteLlm

UPSTREAM: Final = "This came through the proxy."
WAIT_S: Final = 7200.0

REFUSED_UPSTREAM: Final[dict[str, Answer]] = {
    "429": PLAIN_429,
    "429 with a wait": refusal(429, "rate_limit_error", "Too many requests.", retry_after="7200"),
    "429 of a quota": REFUSALS["429 of a quota"],
    "500": REFUSALS["500"],
    "503": REFUSALS["503"],
    "a limit in the stream": REFUSALS["a limit in the stream"],
}


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[LiteLlm, Scene]]:
    """Start one proxy and one OpenCode for all tests."""
    with Home() as home, Gateway() as upstream, LiteLlm(home, upstream, KEYS) as proxy:

        def write(one: Scene) -> None:
            priced = {"models": {MODEL: {"id": PRICED, "name": "Priced"}}}
            one.home.write_opencode(
                {
                    ALPHA: provider(proxy.base_url, name="Team LiteLLM", key=FREE),
                    "spent": provider(proxy.base_url, name="Spent LiteLLM", key=SPENT) | priced,
                    "hurried": provider(proxy.base_url, name="Hurried LiteLLM", key=HURRIED),
                }
                | entries({BETA: one.beta})
            )
            routes = [
                {"targets": [f"{name}/{MODEL}", f"{BETA}/{MODEL}"]} for name in (ALPHA, "spent", "hurried")
            ]
            one.home.write_gateways(routes=routes, autoRoute=False)

        with scene(write) as one:
            yield proxy, one


@pytest.fixture
def litellm(started: tuple[LiteLlm, Scene]) -> LiteLlm:
    proxy, one = started
    one.reset()
    proxy.upstream.turns(says(UPSTREAM)).asides(says("A title."))
    proxy.upstream.requests.clear()
    return proxy


@pytest.fixture
def one(started: tuple[LiteLlm, Scene]) -> Scene:
    return started[1]


@pytest.mark.parametrize("what", REFUSED_UPSTREAM)
def test_what_the_upstream_refuses_is_answered_elsewhere(litellm: LiteLlm, one: Scene, what: str) -> None:
    litellm.upstream.turns(REFUSED_UPSTREAM[what])
    assert one.turn() == Turn(ANSWERS[BETA])
    assert len(litellm.upstream.turn_calls) == 1
    assert len(one.beta.turn_calls) == 1
    [toast] = one.wait_for_toasts(1)
    assert toast.startswith("Team LiteLLM refuses")


def test_the_wait_is_the_upstreams_own_to_the_second_and_then_the_proxy_is_asked_again(
    litellm: LiteLlm, one: Scene
) -> None:
    litellm.upstream.turns(REFUSED_UPSTREAM["429 with a wait"], says(UPSTREAM))
    assert one.turn() == Turn(ANSWERS[BETA])
    [row] = stored(one.home).cooldowns.values()
    assert (row.until - row.since, row.stated) == (WAIT_S, True)
    assert one.turn() == Turn(ANSWERS[BETA])
    assert len(litellm.upstream.turn_calls) == 1
    one.let_waits_end()
    assert one.turn() == Turn(UPSTREAM)
    assert one.turn() == Turn(UPSTREAM)
    assert len(one.beta.turn_calls) == 2
    assert one.wait_for_toasts(2)[1] == "Team LiteLLM is back · going on there"


def test_a_spent_budget_is_somebody_elses_turn(litellm: LiteLlm, one: Scene) -> None:
    litellm.ask(SPENT, PRICED)  # a budget is only looked at once something was spent
    assert litellm.ask(SPENT, PRICED).status_code == 422
    assert one.turn("spent") == Turn(ANSWERS[BETA])
    assert one.turn("spent") == Turn(ANSWERS[BETA])
    assert litellm.upstream.turn_calls == []


def test_a_limit_of_the_proxy_itself_is_kept_until_it_says(litellm: LiteLlm, one: Scene) -> None:
    while litellm.ask(HURRIED).status_code == 200:
        pass
    assert one.turn("hurried") == Turn(ANSWERS[BETA])
    [row] = stored(one.home).cooldowns.values()
    assert row.stated
    assert 0 < row.until - row.since <= 60
    assert litellm.upstream.turn_calls == []
