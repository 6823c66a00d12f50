"""What failover must not do: send again what nobody would answer, what has begun, or what was called off."""

import threading
from collections.abc import Iterator
from typing import Final

import pytest

from tests.bed import wires
from tests.bed.refusals import (
    BAD_REQUEST,
    NOT_THERE,
    OVERFLOW,
    PLAIN_429,
    REFUSALS,
    TOO_LARGE,
    TWO_SECONDS,
    broken,
    error_event,
)
from tests.bed.replies import Answer, Received, held, says
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, WIRE_IDS, Scene, Turn, entries, in_wires, scene

OVERFLOWS_LATE: Final = "too much context, in the stream"
OVERFLOW_EVENT: Final = error_event(
    "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", "context_length_exceeded"
)

OWN_FAULT: Final[dict[str, Answer]] = {
    "a bad request": BAD_REQUEST,
    "too much context": OVERFLOW,
    "too large": TOO_LARGE,
    OVERFLOWS_LATE: OVERFLOW_EVENT,
}
COMPLAINTS: Final[dict[str, Answer]] = OWN_FAULT | {"not there": NOT_THERE} | {"no key": REFUSALS["401"]}


def write_bare(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways, *wires.WIRES), plugin=None)


def write(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways, *wires.WIRES))


@pytest.fixture(scope="module")
def bare() -> Iterator[Scene]:
    with scene(write_bare) as one:
        yield one


def asked(one: Scene) -> list[int]:
    """Count all requests of models, titles and summaries included."""
    return [len(gateway.model_calls) for gateway in one.gateways.values()]


@pytest.mark.parametrize(("wire", "what"), in_wires(OWN_FAULT, "too much context", OVERFLOWS_LATE))
def test_what_no_other_provider_mends_is_left_to_the_host(
    three: Scene, bare: Scene, wire: wires.Wire, what: str
) -> None:
    bare.reset()
    turns: list[Turn] = []
    for one in (bare, three):
        one.alpha.turns(OWN_FAULT[what], says("Later."))
        turns.append(one.turn(ALPHA + WIRE_IDS[wire]))
    assert turns[1] == turns[0]
    assert asked(three) == asked(bare)
    assert asked(three)[1:] == [0, 0]
    assert three.toasts() == []


@pytest.mark.parametrize("wire", wires.WIRES)
def test_an_answer_that_breaks_off_is_not_begun_again_by_us(
    three: Scene, bare: Scene, wire: wires.Wire
) -> None:
    bare.reset()
    turns: list[Turn] = []
    for one in (bare, three):
        seen = threading.Event()
        one.alpha.turns(broken("These words arrive, this one never.", seen), says("Later."))
        session = one.begin(ALPHA + WIRE_IDS[wire])
        one.serve.events.wait_for("message.part.delta", lambda row, its=session: row["sessionID"] == its)
        seen.set()
        one.wait_for_idle(session)
        turns.append(one.turn(ALPHA + WIRE_IDS[wire], session=session))
    assert turns == [Turn("Later.", users=2)] * 2
    assert [one.calls() for one in (bare, three)] == [[3, 0, 0]] * 2
    assert three.toasts() == []


@pytest.mark.parametrize(("wire", "what"), in_wires(COMPLAINTS, "not there", OVERFLOWS_LATE))
def test_a_fallback_that_complains_is_passed_over(three: Scene, wire: wires.Wire, what: str) -> None:
    three.alpha.turns(PLAIN_429)
    three.beta.turns(COMPLAINTS[what])
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn(ANSWERS[GAMMA])
    assert asked(three) == [1, 1, 1]


@pytest.mark.parametrize("what", COMPLAINTS)
def test_where_only_complaints_are_left_the_user_gets_what_the_own_provider_said(
    three: Scene, what: str
) -> None:
    three.alpha.turns(REFUSALS["401"])
    for fallback in (three.beta, three.gamma):
        fallback.turns(COMPLAINTS[what])
    turn = three.turn()
    assert turn == Turn("", error="invalid api key", session_errors=1)
    assert asked(three) == [1, 1, 1]


def test_a_complaint_counts_for_its_session_alone(three: Scene) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    three.beta.turns(OVERFLOW, says(ANSWERS[BETA]))
    first = three.turn()
    assert three.turn(session=first.session) == Turn(ANSWERS[GAMMA], users=2)
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 2, 2]


def is_aborted(one: Scene, session: str) -> bool:
    error = one.serve.messages(session)[-1]["info"].get("error")
    return error is not None and error["name"] == "MessageAbortedError"


def test_after_an_abort_nothing_more_is_sent(three: Scene) -> None:
    never = threading.Event()
    three.alpha.turns(held(PLAIN_429, never))
    session = three.begin()
    three.alpha.wait_for_request(_is_any)
    three.abort(session)
    never.set()
    assert is_aborted(three, session)
    assert three.turn(BETA) == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 1, 0]


def test_an_abort_ends_the_fallbacks_too(three: Scene) -> None:
    never = threading.Event()
    three.alpha.turns(PLAIN_429)
    three.beta.turns(held(PLAIN_429, never))
    session = three.begin()
    three.beta.wait_for_request(_is_any)
    three.abort(session)
    never.set()
    assert is_aborted(three, session)
    assert three.turn(GAMMA) == Turn(ANSWERS[GAMMA])
    assert three.calls() == [1, 1, 1]


def test_an_abort_ends_a_short_wait(three: Scene) -> None:
    three.alpha.turns(TWO_SECONDS, says(ANSWERS[ALPHA]))
    three.gamma.turns(TWO_SECONDS, says(ANSWERS[GAMMA]))
    session = three.begin()
    three.alpha.wait_for_request(_is_any)
    three.abort(session)
    assert is_aborted(three, session)
    assert three.turn(GAMMA) == Turn(ANSWERS[GAMMA]), "it has waited as long, and from later on"
    assert three.calls() == [1, 0, 2]


def test_a_wait_of_two_seconds_is_sat_out_at_the_same_provider(three: Scene) -> None:
    three.alpha.turns(TWO_SECONDS, says(ANSWERS[ALPHA]))
    assert three.turn() == Turn(ANSWERS[ALPHA])
    assert three.calls() == [2, 0, 0]
    assert three.toasts() == []


def _is_any(_: Received) -> bool:
    return True
