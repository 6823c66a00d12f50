"""A virtual model whose sidecar dies, hangs or is not there: turns wait for it, or take the default."""

import json
import os
import signal
from collections.abc import Callable

from sidecar.protocol import ROUTER
from tests.bed.home import MODEL
from tests.bed.opencode import START_S
from tests.bed.processes import wait_until
from tests.bed.replies import Answer, Received, Reply, made, says, uses_tool
from tests.failover import ALPHA, ANSWERS, BETA, PROMPT, Scene, Turn, entries, scene
from tests.routed import ROUTED, picked, write_shared

write = write_shared

ABSENT = json.dumps(["a-command-that-is-nowhere"])


def hit(one: Scene, number: signal.Signals) -> None:
    [pid] = one.sidecars()
    os.kill(pid, number)


def wait_for_a_sidecar(one: Scene) -> None:
    """Wait until there is one that answers."""
    wait_until(lambda: len(one.sidecars()) == 1, "a sidecar")
    one.command("quota_status")


def after(strike: Callable[[], None], answer: Answer) -> Answer:
    """Answer so once that is done."""

    def struck(request: Received) -> Reply:
        strike()
        return made(answer, request)

    return struck


def turn_with(one: Scene, strike: Callable[[], None]) -> Turn:
    """Do a turn of two requests, and that between them, whoever gets either."""
    file = one.home.project / "notes.txt"
    file.write_text("The number is 4711.\n")
    answers = [after(strike, uses_tool("read", {"filePath": str(file)})), says("It is 4711.")]
    for gateway in one.gateways.values():
        gateway.turns(lambda request: made(answers.pop(0), request))
    turn = one.turn(ROUTER)
    assert turn == Turn("It is 4711.")
    assert sum(one.calls()) == 2
    return turn


def test_a_turn_waits_for_the_sidecar_that_comes_after_a_dead_one(three: Scene) -> None:
    wait_for_a_sidecar(three)
    hit(three, signal.SIGKILL)
    turn = three.turn(ROUTER)
    assert turn == Turn(turn.said)
    assert turn.said in ANSWERS.values()
    assert picked(three, turn.session) == [ROUTED]


def test_a_request_waits_for_it_too(three: Scene) -> None:
    wait_for_a_sidecar(three)
    turn = turn_with(three, lambda: hit(three, signal.SIGKILL))
    assert picked(three, turn.session) == [ROUTED]


def test_a_request_outlives_a_sidecar_that_hangs(three: Scene) -> None:
    wait_for_a_sidecar(three)
    turn_with(three, lambda: hit(three, signal.SIGSTOP))


def test_a_turn_that_nobody_routes_goes_to_the_default_and_its_session_comes_back(three: Scene) -> None:
    wait_for_a_sidecar(three)
    hit(three, signal.SIGSTOP)
    turn = three.turn(ROUTER)
    assert turn == Turn(ANSWERS[ALPHA])
    wait_for_a_sidecar(three)
    three.alpha.turns(says(ANSWERS[ALPHA]))
    assert three.turn(ALPHA, session=turn.session) == Turn(ANSWERS[ALPHA], users=2)
    assert picked(three, turn.session) == [f"{ALPHA}/{MODEL}", ROUTED]
    assert three.turn(BETA, session=turn.session) == Turn(ANSWERS[BETA], users=3)
    assert picked(three, turn.session)[2:] == [f"{BETA}/{MODEL}"]


def test_without_any_sidecar_the_default_answers() -> None:
    with scene(write_and_lose_the_sidecar) as one:
        turn = one.turn(ROUTER)
        assert turn == Turn(ANSWERS[ALPHA])
        assert one.turn(ALPHA, session=turn.session) == Turn(ANSWERS[ALPHA], users=2)
        assert picked(one, turn.session) == [f"{ALPHA}/{MODEL}"] * 2
        assert one.calls() == [2, 0, 0]


def write_and_lose_the_sidecar(one: Scene) -> None:
    write(one)
    one.home.env["QUOTA_SIDECAR_COMMAND"] = ABSENT


def test_without_a_default_either_the_host_tries_again_and_says_why() -> None:
    with scene(write_seed, env={"QUOTA_SIDECAR_COMMAND": ABSENT}) as one:
        session = one.begin(ROUTER, PROMPT)
        status = one.serve.events.wait_for(
            "session.status",
            lambda event: event["sessionID"] == session and event["status"]["type"] == "retry",
            within_s=START_S,
        )["status"]
        one.abort(session)
        assert status["message"].startswith("Nobody can say where limit-router sends this. The operating")
        assert one.calls() == [0, 0, 0]


def write_seed(one: Scene) -> None:
    """List a virtual model where the host reads it, of which nobody knows the default yet."""
    providers = entries(one.gateways)
    one.home.write_opencode(providers | {ROUTER: {"models": {MODEL: {"providers": [ALPHA, BETA]}}}})
