"""What the user has a say in: routes, order, limits of their own, and every way to turn failover off."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.bed.home import MODEL
from tests.bed.refusals import PLAIN_429, REFUSALS
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, Scene, Turn, entries

OTHER_MODEL: Final = "qwen3-coder-next"
"""What the third provider has beside the common model."""

REFUSED: Final = Turn("", error="Insufficient credits. Add more to continue.", session_errors=1)
"""What the host makes of the first provider's 402."""

OFF: Final[dict[str, dict[str, Any]]] = {
    "the plugin": {"enabled": False},
    "dryRun": {"dryRun": True},
    "autoRoute": {"autoRoute": False},
    "each other provider": {"providers": {BETA: {"enabled": False}, GAMMA: {"enabled": False}}},
}


def at(name: str, model: str = MODEL) -> str:
    return f"{name}/{model}"


def write(one: Scene) -> None:
    providers = entries(one.gateways)
    providers[GAMMA]["models"][OTHER_MODEL] = {"name": "Next"}
    one.home.write_opencode(providers)


@pytest.fixture
def three(opened: Scene) -> Iterator[Scene]:
    opened.reset()
    yield opened
    project_file(opened).unlink(missing_ok=True)
    opened.configure()


def project_file(one: Scene) -> Any:
    folder = one.home.project / ".opencode"
    folder.mkdir(exist_ok=True)
    return folder / "quota-sidecar.jsonc"


def configure_project(one: Scene, settings: dict[str, Any]) -> None:
    project_file(one).write_text(json.dumps(settings))
    one.command("quota_status")


@pytest.mark.parametrize("what", OFF)
def test_what_is_turned_off_in_the_global_file_switches_nothing(three: Scene, what: str) -> None:
    three.configure(**OFF[what])
    three.alpha.turns(REFUSALS["402"])
    assert three.turn() == REFUSED
    assert three.turn() == REFUSED
    assert three.calls() == [2, 0, 0]
    assert three.toasts() == []


@pytest.mark.parametrize("what", OFF)
def test_a_project_may_turn_it_off_too(three: Scene, what: str) -> None:
    configure_project(three, OFF[what])
    three.alpha.turns(REFUSALS["402"])
    assert three.turn() == REFUSED
    assert three.calls() == [1, 0, 0]
    assert three.toasts() == []


def test_a_project_may_turn_nothing_on(three: Scene) -> None:
    three.configure(autoRoute=False)
    routes = [{"targets": [at(ALPHA), at(BETA)]}]
    configure_project(three, {"autoRoute": True, "routes": routes, "dryRun": False, "enabled": True})
    three.alpha.turns(REFUSALS["402"])
    assert three.turn() == REFUSED
    assert three.calls() == [1, 0, 0]


def test_a_provider_that_is_turned_off_is_passed_over_and_still_answers_who_asks_for_it(three: Scene) -> None:
    three.configure(providers={BETA: {"enabled": False}})
    three.alpha.turns(PLAIN_429)
    assert three.turn() == Turn(ANSWERS[GAMMA])
    assert three.turn(BETA) == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 1]


def test_a_route_says_who_is_next(three: Scene) -> None:
    three.configure(routes=[{"targets": [at(ALPHA), at(GAMMA), at(BETA)]}], autoRoute=False)
    three.alpha.turns(PLAIN_429)
    three.gamma.turns(PLAIN_429)
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 1]


def test_one_request_asks_no_more_than_it_may_and_the_hosts_next_one_goes_on(three: Scene) -> None:
    three.configure(routes=[{"targets": [at(ALPHA), at(BETA), at(GAMMA)], "maxAttempts": 2}])
    for refusing in (three.alpha, three.beta):
        refusing.turns(REFUSALS["401"])
    assert three.turn() == Turn(ANSWERS[GAMMA], retries=1)
    assert three.calls() == [1, 1, 1]


def test_a_target_has_its_own_model_headers_and_fields(three: Scene) -> None:
    target = {
        "target": at(GAMMA, OTHER_MODEL),
        "headers": {"Helicone-Cache-Enabled": "true"},
        "set": {"provider.order": ["x"]},
        "remove": ["stream_options"],
        "outputLimit": 1000,
    }
    three.configure(routes=[{"targets": [at(ALPHA), target]}])
    three.alpha.turns(PLAIN_429)
    assert three.turn() == Turn(ANSWERS[GAMMA])
    [refused], [answered] = three.alpha.turn_calls, three.gamma.turn_calls
    changes = {"model": OTHER_MODEL, "provider": {"order": ["x"]}, "max_tokens": 1000}
    expected = refused.json() | changes
    del expected["stream_options"]
    assert answered.json() == expected
    assert answered.headers["helicone-cache-enabled"] == "true"


def test_without_a_route_a_model_may_have_another_name_elsewhere(three: Scene) -> None:
    three.configure(models={MODEL: [OTHER_MODEL]}, providers={BETA: {"enabled": False}})
    three.alpha.turns(PLAIN_429)
    assert three.turn() == Turn(ANSWERS[GAMMA])
    assert three.gamma.turn_calls[0].json()["model"] in (MODEL, OTHER_MODEL)


def test_a_priority_says_who_is_next_where_no_route_does(three: Scene) -> None:
    three.configure(providers={BETA: {"priority": 2}, GAMMA: {"priority": 1}})
    three.alpha.turns(PLAIN_429)
    assert three.turn() == Turn(ANSWERS[GAMMA])


def test_at_a_limit_of_the_users_own_the_next_provider_is_asked_first(three: Scene) -> None:
    three.configure(providers={ALPHA: {"limits": {"requestsPerDay": 2}}})
    for said in (ALPHA, ALPHA, BETA, BETA):
        assert three.turn() == Turn(ANSWERS[said])
    assert three.calls() == [2, 2, 0]
    [toast] = three.wait_for_toasts(1)
    assert toast.startswith("Alpha is at your limit (requests a day)")
    three.beta.turns(REFUSALS["402"])
    three.gamma.turns(REFUSALS["402"])
    assert three.turn() == Turn(ANSWERS[ALPHA]), "a limit only puts it last"


def test_a_hard_limit_ends_the_turn(three: Scene) -> None:
    limits = {"requestsPerDay": 1, "hard": True}
    three.configure(providers={ALPHA: {"limits": limits}}, autoRoute=False)
    assert three.turn() == Turn(ANSWERS[ALPHA])
    turn = three.turn()
    assert turn == Turn("", error=turn.error, session_errors=1)
    assert turn.error.startswith("Alpha is at the limit that you have set for it (requests a day).")
    assert three.calls() == [1, 0, 0]
