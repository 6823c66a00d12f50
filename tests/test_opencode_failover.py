"""Failover in the real OpenCode: whatever a provider refuses with, the next answers, and nobody notices."""

import pytest

from tests.bed import wires
from tests.bed.refusals import PLAIN_429, REFUSALS
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, WIRE_IDS, Scene, Turn, entries


def write(one: Scene) -> None:
    """Configure providers and nothing of ours: they have keys, and the same model."""
    one.home.write_opencode(entries(one.gateways, *wires.WIRES))


@pytest.mark.parametrize("name", REFUSALS)
def test_whatever_a_provider_refuses_with_the_next_one_answers_in_the_same_request(
    three: Scene, name: str
) -> None:
    three.alpha.turns(REFUSALS[name])
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]
    [toast] = three.wait_for_toasts(1)
    assert "Alpha" in toast
    assert "Beta" in toast


@pytest.mark.parametrize("wire", ["anthropic-messages", "openai-responses"])
@pytest.mark.parametrize("name", ["429", "429 for an hour", "529", "an error in the stream"])
def test_it_is_so_in_every_wire(three: Scene, wire: wires.Wire, name: str) -> None:
    three.alpha.turns(REFUSALS[name])
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]
    assert {request.wire for request in three.beta.turn_calls} == {wire}
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("wire", wires.WIRES)
def test_of_three_two_may_refuse(three: Scene, wire: wires.Wire) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    three.beta.turns(REFUSALS["an error in the stream"])
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn(ANSWERS[GAMMA])
    assert three.calls() == [1, 1, 1]
    assert "Gamma" in "".join(three.wait_for_toasts(1))


def test_the_next_turn_goes_where_the_last_one_went_and_says_nothing(three: Scene) -> None:
    three.alpha.turns(PLAIN_429)
    first = three.turn()
    three.wait_for_toasts(1)
    assert three.turn(session=first.session) == Turn(ANSWERS[BETA], users=2)
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 3, 0]
    assert len(three.toasts()) == 1


def test_a_key_goes_only_to_where_it_belongs_and_the_body_stays_what_it_was(three: Scene) -> None:
    three.alpha.turns(PLAIN_429)
    for wire in wires.WIRES:
        three.turn(ALPHA + WIRE_IDS[wire])
    for refused, answered in zip(three.alpha.turn_calls, three.beta.turn_calls, strict=True):
        assert answered.path == refused.path
        assert answered.json() == refused.json()
        assert "alpha-key" in str(refused.headers)
        assert "alpha-key" not in str(answered.headers)
        assert "beta-key" in str(answered.headers)
        assert [name for name in answered.headers if "quota" in name] == []
