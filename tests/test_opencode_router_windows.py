"""Three providers of two wires in the real OpenCode: a virtual model's turns follow what is left at each."""

from threading import Event

import pytest

from sidecar.protocol import ROUTER
from tests.bed.home import MODEL
from tests.bed.opencode import START_S
from tests.bed.processes import wait_until
from tests.bed.refusals import REFUSALS
from tests.bed.replies import Answer, Received, Reply, made, says, uses_tool
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, TASK, Scene, Turn, by_agent, entries, is_child
from tests.routed import ROUTED, picked, start_once

ELSEWHERE = f"{GAMMA}-anthropic"
AWAY = f"{ELSEWHERE}/{MODEL}"


def write(one: Scene) -> None:
    """Let two gateways speak one wire, and the third another; each has a quota."""
    alone = {name: {name: gateway} for name, gateway in one.gateways.items()}
    providers = entries(alone[ALPHA] | alone[BETA]) | entries(alone[GAMMA], "anthropic-messages")
    one.home.write_opencode(providers, enabled_providers=[*providers, ROUTER], small_model=ROUTED)
    one.home.write_gateways(*({"providerId": name, "preset": "neutral"} for name in providers))
    start_once(one)


@pytest.fixture
def three(opened: Scene) -> Scene:
    opened.reset()
    leave(opened)
    opened.reset()
    return opened


def leave(one: Scene, alpha: int = 80, beta: int = 60, gamma: int = 40) -> None:
    """Leave so many percent at each, and have it seen."""
    for gateway, percent in zip(one.gateways.values(), (alpha, beta, gamma), strict=True):
        gateway.quota({"tokens": {"limit": 100, "used": 100 - percent}})
    one.command("quota_status", "refresh")


def test_a_turn_goes_where_the_most_is_left(three: Scene) -> None:
    leave(three, alpha=30, beta=70)
    turn = three.turn(ROUTER)
    assert turn == Turn(ANSWERS[BETA])
    assert three.calls() == [0, 1, 0]
    assert picked(three, turn.session) == [ROUTED]


def test_a_window_that_drains_moves_the_session_once_with_one_toast(three: Scene) -> None:
    first = three.turn(ROUTER)
    assert first == Turn(ANSWERS[ALPHA])
    leave(three, alpha=70)
    assert three.turn(ROUTER, session=first.session) == Turn(ANSWERS[ALPHA], users=2), "a bit costs nobody"
    leave(three, alpha=3)
    for users in (3, 4, 5):
        assert three.turn(ROUTER, session=first.session) == Turn(ANSWERS[BETA], users=users)
    assert three.calls() == [2, 3, 0]
    assert picked(three, first.session) == [ROUTED] * 5
    told = [toast for toast in three.wait_for_toasts(1) if "goes to" in toast]
    assert told == [f"{MODEL} goes to Beta (60% left)\nno longer to Alpha (3% left)"]


def test_where_the_most_is_left_in_another_wire_the_turn_is_moved_and_comes_back(three: Scene) -> None:
    leave(three, alpha=20, beta=20, gamma=90)
    turn = three.turn(ROUTER)
    assert turn == Turn(ANSWERS[GAMMA])
    assert three.turn(ELSEWHERE, session=turn.session) == Turn(ANSWERS[GAMMA], users=2)
    assert picked(three, turn.session) == [AWAY, AWAY]
    leave(three, alpha=20, beta=90, gamma=2)
    assert three.turn(ELSEWHERE, session=turn.session) == Turn(ANSWERS[BETA], users=3)
    assert picked(three, turn.session)[2:] == [ROUTED]
    assert three.calls() == [0, 1, 2]


def test_who_picks_another_model_has_left_the_virtual_one(three: Scene) -> None:
    turn = three.turn(ROUTER)
    assert three.turn(BETA, session=turn.session) == Turn(ANSWERS[BETA], users=2)
    leave(three, alpha=90, beta=3, gamma=2)
    assert three.turn(BETA, session=turn.session) == Turn(ANSWERS[BETA], users=3)
    assert three.calls() == [1, 2, 0]


def test_a_refusal_in_the_middle_goes_on_in_the_same_wire(three: Scene) -> None:
    file = three.home.project / "notes.txt"
    file.write_text("The number is 4711.\n")
    three.alpha.turns(uses_tool("read", {"filePath": str(file)}), REFUSALS["429 for an hour"])
    three.beta.turns(says("It is 4711."))
    turn = three.turn(ROUTER)
    assert turn == Turn("It is 4711.")
    assert three.calls() == [2, 1, 0]
    assert three.turn(ROUTER, session=turn.session) == Turn("It is 4711.", users=2)
    assert picked(three, turn.session) == [ROUTED] * 2


def test_when_nobody_of_the_wire_is_left_the_turn_is_done_again_in_another(three: Scene) -> None:
    for refusing in (three.alpha, three.beta):
        refusing.turns(REFUSALS["429 for an hour"])
    refused = three.turn(ROUTER)
    assert refused == Turn("", error=refused.error, session_errors=1)
    wait_until(lambda: ANSWERS[GAMMA] in str(three.serve.messages(refused.session)), "the third one's answer")
    three.wait_for_idle(refused.session)
    assert three.turn(ELSEWHERE, session=refused.session) == Turn(ANSWERS[GAMMA], users=2)
    assert three.calls() == [1, 1, 2]


def test_subagents_of_a_moved_turn_follow_it(three: Scene) -> None:
    leave(three, alpha=20, beta=20, gamma=90)
    three.gamma.turns(by_agent([uses_tool("task", TASK), says("They are five.")], says("Five.")))
    assert three.turn(ROUTER) == Turn("They are five.")
    assert [is_child(request) for request in three.gamma.turn_calls] == [False, True, False]
    assert three.calls() == [0, 0, 3]


def test_ten_sessions_at_once_do_not_all_go_to_one(three: Scene) -> None:
    leave(three, alpha=60, beta=58, gamma=1)
    all_are_there = Event()

    def once_all_are_there(name: str) -> Answer:
        def answer(request: Received) -> Reply:
            all_are_there.wait(START_S)
            return made(says(ANSWERS[name]), request)

        return answer

    three.alpha.turns(once_all_are_there(ALPHA))
    three.beta.turns(once_all_are_there(BETA))
    sessions = [three.begin(ROUTER) for _ in range(10)]
    wait_until(lambda: sum(three.calls()) == 10, "all ten ask", START_S)
    all_are_there.set()
    for session in sessions:
        three.serve.events.wait_for(
            "session.idle", lambda event, own=session: event["sessionID"] == own, within_s=START_S
        )
    alpha, beta, gamma = three.calls()
    assert (alpha + beta, gamma) == (10, 0)
    assert min(alpha, beta) >= 2
