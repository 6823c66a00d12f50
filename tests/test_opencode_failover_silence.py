"""Failover where nobody says no: a provider that can't be reached, or is reached and says nothing."""

from typing import Final

import pytest

from tests.bed import wires
from tests.bed.home import MODEL
from tests.bed.refusals import silence, stalled_preamble
from tests.bed.replies import Answer, Fault, Received, Reply, says, streamed, uses_tool
from tests.failover import (
    ALPHA,
    ANSWERS,
    BETA,
    GAMMA,
    TASK,
    WIRE_IDS,
    Scene,
    Turn,
    by_agent,
    entries,
    stored,
)

SILENCE_S: Final = 3.0
"""After so much of it an attempt is given up, in these tests."""


def cut_preamble(request: Received) -> Reply:
    return streamed((*wires.preamble(request.wire), Fault.CUT))


SILENT: Final[dict[str, Answer]] = {
    "no head comes": silence(head=False),
    "a head and no body": silence(),
    "a comment and no more": silence(b": waiting\n\n"),
    "a preamble and no content": stalled_preamble,
}
CUT: Final[dict[str, Answer]] = {
    "cut before the head": Reply(hold=(Fault.CUT,)),
    "cut before the body": streamed((Fault.CUT,)),
    "cut before the content": cut_preamble,
}


def write(one: Scene) -> None:
    """Configure providers, and subagents that work at the third one."""
    agent = {"general": {"model": f"{GAMMA}/{MODEL}"}}
    one.home.write_opencode(entries(one.gateways, *wires.WIRES), agent=agent)
    one.home.write_gateways(headersTimeoutS=SILENCE_S)


@pytest.mark.parametrize("how", SILENT)
def test_silence_is_not_waited_for(three: Scene, how: str) -> None:
    three.alpha.turns(SILENT[how])
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("how", CUT)
def test_a_connection_that_is_cut_before_anything_was_said_is_not_the_end(three: Scene, how: str) -> None:
    three.alpha.turns(CUT[how])
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("wire", ["anthropic-messages", "openai-responses"])
def test_a_preamble_without_content_is_silence_in_every_wire(three: Scene, wire: wires.Wire) -> None:
    three.alpha.turns(stalled_preamble)
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("how", [*SILENT, "no connection"])
def test_a_subagent_does_not_wait_either(three: Scene, how: str) -> None:
    if how == "no connection":
        three.gamma.go_down()
    else:
        three.gamma.turns(SILENT[how])
    three.alpha.turns(by_agent([uses_tool("task", TASK), says("They are five.")], says("Five.")))
    assert three.turn() == Turn("They are five.")
    assert three.calls() == [3, 0, 0 if how == "no connection" else 1]
    assert "Five." in three.alpha.turn_calls[-1].text
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("wire", wires.WIRES)
def test_who_refuses_the_connection_is_not_asked_again(three: Scene, wire: wires.Wire) -> None:
    three.alpha.go_down()
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn(ANSWERS[BETA])
    assert three.calls() == [0, 1, 0]
    assert len(three.wait_for_toasts(1)) == 1


def test_one_that_is_down_and_one_that_is_silent_leave_the_third(three: Scene) -> None:
    three.alpha.go_down()
    three.beta.turns(silence(head=False))
    assert three.turn() == Turn(ANSWERS[GAMMA])
    assert three.calls() == [0, 1, 1]
    assert len(three.wait_for_toasts(1)) == 1


def test_when_nobody_is_reached_the_own_provider_is_the_first_to_be_asked_again(three: Scene) -> None:
    for gateway in three.gateways.values():
        gateway.go_down()
    session = three.begin()
    retry = three.serve.events.wait_for(
        "session.status", lambda row: row["sessionID"] == session and row["status"]["type"] == "retry"
    )
    assert "onnect" in retry["status"]["message"]
    assert stored(three.home).cooldowns == {}
    for gateway in three.gateways.values():
        gateway.come_back()
    three.wait_for_idle(session)
    assert three.calls() == [1, 0, 0]
    assert three.toasts() == []
    assert three.turn() == Turn(ANSWERS[ALPHA])
