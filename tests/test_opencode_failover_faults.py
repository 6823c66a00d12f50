"""Whatever becomes of the sidecar amid a request, the chat goes on with the user's own provider."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Final

import pytest

from tests.bed.mad_sidecar import ABSENT, DIES, GARBAGE, Madness
from tests.bed.opencode import text_of
from tests.bed.processes import wait_until
from tests.bed.refusals import REFUSALS
from tests.bed.replies import held
from tests.failover import ALPHA, ANSWERS, BETA, Scene, Turn, entries, scene

REFUSED: Final = Turn("", error="Insufficient credits. Add more to continue.", session_errors=1)
NOWHERE: Final = {"providerId": "nowhere", "modelId": "none"}


def send(**changes: object) -> dict[str, object]:
    sane: dict[str, object] = {"url": "http://127.0.0.1:9/v1", "headers": {}, "edits": []}
    return {"kind": "send", "target": NOWHERE} | sane | changes


PLANS: Final[dict[str, object]] = {
    "no answer": ABSENT,
    "a line that is no JSON": GARBAGE,
    "null": None,
    "a text": "pass",
    "no plan": {},
    "a plan that is none": {"plan": 7},
    "a kind that nobody knows": {"plan": {"kind": "dance"}},
    "nothing of a send": {"plan": {"kind": "send"}},
    "a send to no URL": {"plan": send(url="nowhere at all")},
    "a send to a closed port": {"plan": send()},
    "a send with headers that are none": {"plan": send(headers={"bad name\n": "x\ny"})},
    "a send with edits that are none": {"plan": send(edits=[{"path": "model"}, 7, {"path": [1]}])},
    "a wait without an end": {"plan": {"kind": "again", "afterS": "long"}},
    "a reply that is none": {"plan": {"kind": "reply", "status": 9999, "headers": {}, "body": 7}},
}
TURNS: Final[dict[str, object]] = {
    "no answer": ABSENT,
    "a line that is no JSON": GARBAGE,
    "null": None,
    "a target that is none": {"target": 7},
    "half a target": {"target": {"providerId": BETA}},
    "a target of other types": {"target": {"providerId": 1, "modelId": []}},
}


def write(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways))


@pytest.fixture(scope="module")
def mad() -> Iterator[tuple[Scene, Madness]]:
    made: list[Madness] = []

    def configure(one: Scene) -> None:
        write(one)
        made.append(Madness(one.home.path, one.home.env))

    with scene(configure) as one:
        yield one, made[0]


@pytest.fixture
def nonsense(mad: tuple[Scene, Madness]) -> Iterator[tuple[Scene, Madness]]:
    """Give a sidecar that is healthy, and what it is to answer from now on."""
    one, madness = mad
    one.reset()
    madness.answer()

    def is_asked() -> bool:
        before = len(madness.asked())
        assert one.turn(BETA) == Turn(ANSWERS[BETA])
        return "request/plan" in methods(madness)[before:]

    wait_until(is_asked, "it is asked again")
    one.reset()
    yield one, madness
    madness.answer()


def methods(madness: Madness) -> list[str]:
    return [message["method"] for message in madness.asked()]


@pytest.mark.parametrize("what", PLANS)
def test_a_plan_of_nonsense_leaves_the_turn_where_the_user_chose(
    nonsense: tuple[Scene, Madness], what: str
) -> None:
    one, madness = nonsense
    madness.answer({"request/plan": PLANS[what]})
    assert one.turn() == Turn(ANSWERS[ALPHA])
    assert one.calls() == [1, 0, 0]


@pytest.mark.parametrize("what", PLANS)
def test_nonsense_after_a_refusal_leaves_the_host_with_the_refusal(
    nonsense: tuple[Scene, Madness], what: str
) -> None:
    one, madness = nonsense
    one.alpha.turns(REFUSALS["402"])
    madness.answer({"request/failed": PLANS[what]})
    before = len(madness.asked())
    assert one.turn() == REFUSED
    assert one.calls() == [1, 0, 0]
    assert "request/failed" in methods(madness)[before:]


@pytest.mark.parametrize("what", TURNS)
def test_nonsense_before_a_turn_leaves_it_where_the_user_chose(
    nonsense: tuple[Scene, Madness], what: str
) -> None:
    one, madness = nonsense
    madness.answer({"turn/route": TURNS[what]})
    before = len(madness.asked())
    assert one.turn() == Turn(ANSWERS[ALPHA])
    assert one.calls() == [1, 0, 0]
    assert "turn/route" in methods(madness)[before:]


@pytest.mark.parametrize("step", ["turn/route", "request/plan", "request/failed"])
def test_a_sidecar_that_dies_at_any_step_disturbs_nobody(nonsense: tuple[Scene, Madness], step: str) -> None:
    one, madness = nonsense
    one.alpha.turns(REFUSALS["402"])
    madness.answer({step: DIES})
    before = len(madness.asked())
    assert one.turn() == REFUSED
    assert one.calls() == [1, 0, 0]
    assert step in methods(madness)[before:]


def test_a_sidecar_that_says_again_for_ever_is_not_obeyed_for_ever(nonsense: tuple[Scene, Madness]) -> None:
    one, madness = nonsense
    one.alpha.turns(REFUSALS["402"])
    madness.answer({"request/failed": {"plan": {"kind": "again", "afterS": 0}}})
    assert one.turn() == REFUSED
    assert 1 < one.calls()[0] <= 16


def wait_for_another(one: Scene, gone: list[int]) -> None:
    """Wait until a new sidecar answers: a command waits for it, a turn would go its usual way."""
    wait_until(lambda: bool(set(one.sidecars()) - set(gone)), "a new sidecar")
    assert "What is left:" in one.command("quota_status")


def lose_the_sidecar(three: Scene, fate: signal.Signals) -> tuple[str, list[int]]:
    """Do this to it while Alpha has not refused yet; return the session, and who is gone."""
    go_on = threading.Event()
    three.alpha.turns(held(REFUSALS["402"], go_on))
    session = three.begin()
    three.alpha.wait_for_request(lambda _: True)
    gone = three.sidecars()
    for pid in gone:
        os.kill(pid, fate)
    go_on.set()
    three.wait_for_idle(session)
    return session, gone


def test_a_sidecar_that_hangs_when_the_refusal_comes_costs_only_the_fallback(three: Scene) -> None:
    session, gone = lose_the_sidecar(three, signal.SIGSTOP)
    assert three.serve.messages(session)[-1]["info"]["error"]["data"]["message"] == REFUSED.error
    assert three.calls() == [1, 0, 0]
    wait_for_another(three, gone)
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [2, 1, 0]


def test_a_sidecar_that_is_killed_when_the_refusal_comes_is_replaced_for_it(three: Scene) -> None:
    session, _ = lose_the_sidecar(three, signal.SIGKILL)
    assert text_of(three.serve.messages(session)[-1]) == ANSWERS[BETA]
    assert three.calls() == [1, 1, 0]


def test_what_was_learnt_outlives_a_sidecar_that_is_killed(three: Scene) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    assert three.turn() == Turn(ANSWERS[BETA])
    gone = three.sidecars()
    for pid in gone:
        os.kill(pid, signal.SIGKILL)
    wait_for_another(three, gone)
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 2, 0]
