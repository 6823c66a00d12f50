"""What one OpenCode has learnt the others know, and the next one too; and how a provider comes back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.bed.refusals import REFUSALS
from tests.bed.replies import held, says
from tests.failover import ALPHA, ANSWERS, BETA, Scene, Turn, entries, ready_serve, scene


def write(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways))


@pytest.fixture(scope="module")
def opened() -> Iterator[Scene]:
    with scene(write, serves=2) as one:
        yield one


def hit(one: Scene) -> None:
    """Let the first OpenCode find out that the first provider refuses for an hour."""
    one.alpha.turns(REFUSALS["429 for an hour"])
    assert one.turn() == Turn(ANSWERS[BETA])
    one.wait_for_toasts(1)
    assert one.calls() == [1, 1, 0]


def test_what_one_opencode_was_refused_another_does_not_ask_for(three: Scene) -> None:
    hit(three)
    assert three.turn(serve=three.serves[1]) == Turn(ANSWERS[BETA])
    assert three.calls() == [1, 2, 0]
    assert len(three.toasts()) == 1


def test_it_is_known_after_a_restart_too(three: Scene) -> None:
    hit(three)
    with ready_serve(three.home) as again:
        assert three.turn(serve=again) == Turn(ANSWERS[BETA])
        assert three.calls() == [1, 2, 0]
        assert again.events.of("tui.toast.show") == []


def test_one_request_of_all_finds_out_that_a_provider_is_back(three: Scene) -> None:
    hit(three)
    three.let_waits_end()
    go_on = threading.Event()
    three.alpha.turns(held(says(ANSWERS[ALPHA]), go_on))
    with ThreadPoolExecutor() as beside:
        probing = beside.submit(three.turn)
        three.alpha.wait_for_request(lambda _: True, 2)
        for serve in three.serves:
            assert three.turn(serve=serve) == Turn(ANSWERS[BETA])
        assert three.calls() == [2, 3, 0]
        go_on.set()
        assert probing.result() == Turn(ANSWERS[ALPHA])
    assert len(three.wait_for_toasts(2)) == 2
    for serve in three.serves:
        assert three.turn(serve=serve) == Turn(ANSWERS[ALPHA])
    assert three.calls() == [4, 3, 0]
    [_, back] = three.toasts()
    assert back == "Alpha is back · going on there"


def test_a_provider_that_is_not_back_is_left_alone_again(three: Scene) -> None:
    hit(three)
    three.let_waits_end()
    assert three.turn() == Turn(ANSWERS[BETA])
    assert three.calls() == [2, 2, 0]
    for serve in three.serves:
        assert three.turn(serve=serve) == Turn(ANSWERS[BETA])
    assert three.calls() == [2, 4, 0]


def test_who_has_paid_meanwhile_is_not_kept_waiting(three: Scene) -> None:
    hit(three)
    three.alpha.turns(says(ANSWERS[ALPHA]))
    for refusing in (three.beta, three.gamma):
        refusing.turns(REFUSALS["402"])
    assert three.turn() == Turn(ANSWERS[ALPHA])
    assert three.calls() == [2, 2, 1]
    assert three.turn() == Turn(ANSWERS[ALPHA])
    assert three.calls() == [3, 2, 1]
