"""Failover of what is no plain turn: subagents, turns of many steps, titles, summaries, images."""

import base64

import pytest

from tests.bed import wires
from tests.bed.home import MODEL
from tests.bed.opencode import text_of
from tests.bed.processes import wait_until
from tests.bed.refusals import PLAIN_429, REFUSALS
from tests.bed.replies import says, uses_tool
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
    in_wires,
    is_child,
)

PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
).decode()


def write(one: Scene) -> None:
    providers = entries(one.gateways, *wires.WIRES)
    sees = {"attachment": True, "modalities": {"input": ["text", "image"], "output": ["text"]}}
    for seeing in ("alpha", "gamma"):
        providers[seeing]["models"][MODEL] |= sees
    providers["beta"]["models"][MODEL] |= {"modalities": {"input": ["text"], "output": ["text"]}}
    one.home.write_opencode(providers)


@pytest.mark.parametrize(("wire", "name"), in_wires(REFUSALS, "429", "an error in the stream"))
def test_a_subagents_refusal_is_answered_elsewhere_and_its_parent_gets_the_result(
    three: Scene, wire: wires.Wire, name: str
) -> None:
    three.alpha.turns(by_agent([uses_tool("task", TASK), says("Never asked.")], REFUSALS[name]))
    three.beta.turns(by_agent([says("They are five.")], says("Five.")))
    assert three.turn(ALPHA + WIRE_IDS[wire]) == Turn("They are five.")
    assert [is_child(request) for request in three.alpha.turn_calls] == [False, True]
    assert [is_child(request) for request in three.beta.turn_calls] == [True, False]
    assert "Five." in three.beta.turn_calls[-1].text
    assert len(three.wait_for_toasts(1)) == 1


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_turn_of_many_steps_goes_on_in_the_middle(three: Scene, wire: wires.Wire) -> None:
    (three.home.project / "notes.txt").write_text("The number is 4711.\n")
    read = {"filePath": str(three.home.project / "notes.txt")}
    three.alpha.turns(uses_tool("read", read), PLAIN_429)
    three.beta.turns(uses_tool("read", read), says("It is 4711."))
    turn = three.turn(ALPHA + WIRE_IDS[wire])
    assert turn == Turn("It is 4711.")
    assert three.calls() == [2, 2, 0]
    assert three.beta.turn_calls[0].json() == three.alpha.turn_calls[1].json()
    assert three.beta.turn_calls[-1].text.count("The number is 4711.") == 2


def test_a_title_is_made_elsewhere(three: Scene) -> None:
    three.alpha.turns(says(ANSWERS[ALPHA])).asides(PLAIN_429)
    three.beta.asides(says("Fine words"))
    session = three.serve.create_session()
    three.turn(session=session)

    def title() -> str:
        return str(three.serve.client.get(f"/session/{session}").json()["title"])

    wait_until(lambda: title() == "Fine words", "the title of the second provider")
    assert len([r for r in three.alpha.model_calls if r not in three.alpha.turn_calls]) == 1


def test_a_summary_is_made_elsewhere(three: Scene) -> None:
    session = three.turn().session
    three.alpha.asides(PLAIN_429)
    three.beta.asides(says("They greeted each other."))
    model = {"providerID": ALPHA, "modelID": MODEL}
    assert three.serve.client.post(f"/session/{session}/summarize", json=model).is_success
    assert text_of(three.serve.messages(session)[-1]) == "They greeted each other."
    assert [len(gateway.model_calls) for gateway in three.gateways.values()] == [2, 1, 0]


def test_an_image_goes_to_who_can_see_it(three: Scene) -> None:
    three.alpha.turns(PLAIN_429)
    image = {
        "type": "file",
        "mime": "image/png",
        "filename": "dot.png",
        "url": f"data:image/png;base64,{PIXEL}",
    }
    turn = three.turn(parts=[{"type": "text", "text": PROMPT}, image])
    assert turn == Turn("This is Gamma.")
    assert three.calls() == [1, 0, 1]
    assert PIXEL in three.gamma.turn_calls[0].text
    assert three.turn() == Turn(ANSWERS[BETA])
