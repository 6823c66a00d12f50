"""When everybody refuses: a short wait is counted down and succeeds, a long one ends the turn and says so."""

import re
from typing import Final

import pytest

from tests.bed import wires
from tests.bed.opencode import run
from tests.bed.refusals import PLAIN_429, REFUSALS, refusal
from tests.bed.replies import Answer, says, uses_tool
from tests.failover import (
    ALPHA,
    ANSWERS,
    BETA,
    PROMPT,
    TASK,
    WIRE_IDS,
    Scene,
    Turn,
    by_agent,
    entries,
    is_child,
)

THREE_SECONDS: Final = refusal(429, "rate_limit_error", "Too many requests.", retry_after="3")
AN_HOUR: Final = REFUSALS["429 for an hour"]
TEN_MINUTES: Final = refusal(429, "rate_limit_error", "Too many requests.", retry_after="600")
TWO_HOURS: Final = refusal(429, "rate_limit_error", "Too many requests.", retry_after="7210")
QUOTA: Final = refusal(
    403,
    "permission_error",
    "Monthly usage limit exceeded for this key.",
    "quota_exceeded",
    retry_after="3600",
)


def write(one: Scene) -> None:
    """Give every wire two gateways, and let no turn change its wire."""
    two = {name: one.gateways[name] for name in (ALPHA, BETA)}
    routes = [{"targets": [f"{name}{WIRE_IDS[wire]}/qwen3-coder" for name in two]} for wire in wires.WIRES]
    one.home.write_opencode(entries(two, *wires.WIRES))
    one.home.write_gateways(routes=routes, autoRoute=False)


@pytest.fixture
def two(opened: Scene) -> Scene:
    opened.reset()
    return opened


def all_refuse(one: Scene, *answers: Answer) -> None:
    for gateway in (one.alpha, one.beta):
        gateway.turns(*answers)


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_short_wait_is_counted_down_and_succeeds(two: Scene, wire: wires.Wire) -> None:
    all_refuse(two, THREE_SECONDS, says("Later."))
    provider = ALPHA + WIRE_IDS[wire]
    assert two.turn(provider) == Turn("Later.", retries=1)
    assert two.calls() in ([2, 1, 0], [1, 2, 0])
    status = [row["status"] for row in two.serve.events.of("session.status")]
    [retry] = [row for row in status[-20:] if row["type"] == "retry"][-1:]
    assert retry["message"] == (
        f"Every provider refuses for a moment; Alpha{WIRE_IDS[wire]} (asked too often) is back first."
    )


@pytest.mark.parametrize("wire", wires.WIRES)
@pytest.mark.parametrize(("refused", "why"), [(TEN_MINUTES, "asked too often"), (QUOTA, "quota used up")])
def test_a_long_wait_ends_the_turn_at_once_and_says_until_when(
    two: Scene, wire: wires.Wire, refused: Answer, why: str
) -> None:
    two.alpha.turns(refused)
    two.beta.turns(TWO_HOURS)
    turn = two.turn(ALPHA + WIRE_IDS[wire])
    first, then = (f"{name}{WIRE_IDS[wire]}" for name in ("Alpha", "Beta"))
    lines = turn.error.splitlines()
    assert turn == Turn("", error=turn.error, session_errors=1)
    assert two.calls() == [1, 1, 0]
    assert lines[0] == "Every provider that could answer refuses."
    assert lines[1].startswith(f"First back: {first} ({why}), ")
    assert re.search(r"at \d\d:\d\d, in about (ten minutes|an hour)\.$", lines[1])
    assert lines[2].startswith(f"Then: {then} (quota used up), ")


def test_the_status_repeats_until_when(two: Scene) -> None:
    two.alpha.turns(AN_HOUR)
    two.beta.turns(TWO_HOURS)
    said = two.turn().error
    at = said.split(" at ")[1][:5]
    for command in ("quota_status", "rate_limit_status"):
        report = two.command(command)
        assert at in report or "59m" in report, report


def test_the_program_that_does_one_turn_prints_it_and_ends_with_1(two: Scene) -> None:
    all_refuse(two, AN_HOUR)
    finished = run(two.home, "--title", "Named already", PROMPT)
    assert finished.exit_code == 1
    assert "Every provider that could answer refuses." in finished.stdout + finished.stderr
    assert two.calls() == [1, 1, 0]


def test_a_subagent_whose_providers_are_gone_leaves_its_parent_at_work(two: Scene) -> None:
    all_refuse(two, by_agent([uses_tool("task", TASK), says("Then without it.")], AN_HOUR))
    turn = two.turn()
    assert turn == Turn("Then without it.")
    asked = [request for gateway in (two.alpha, two.beta) for request in gateway.turn_calls]
    assert [is_child(request) for request in asked].count(True) == 2
    [told] = [request.text for request in asked if "Subagent failed" in request.text]
    assert "Every provider that could answer refuses." in told


def test_a_new_prompt_is_sent_all_the_same(two: Scene) -> None:
    all_refuse(two, AN_HOUR)
    first = two.turn()
    all_refuse(two, says("Topped up."))
    assert two.turn(session=first.session) == Turn("Topped up.", users=2)
    assert two.calls() == [2, 1, 0]


def test_a_provider_without_a_fallback_is_left_to_the_host_for_a_short_wait(two: Scene) -> None:
    two.home.write_gateways(autoRoute=False)
    two.command("quota_status")
    try:
        two.alpha.turns(PLAIN_429, says(ANSWERS[ALPHA]))
        assert two.turn() == Turn(ANSWERS[ALPHA], retries=1)
        assert two.calls() == [2, 0, 0]
        assert two.toasts() == []
    finally:
        write(two)
        two.command("quota_status")
