"""Virtual models in the real OpenCode: offered from the second start on, and answered by their targets."""

from typing import Final

import pytest

from sidecar.protocol import ROUTER
from tests.bed import wires
from tests.bed.home import MODEL
from tests.bed.opencode import Json, run_program, text_of
from tests.bed.processes import opencode_binary, wait_until
from tests.bed.refusals import REFUSALS
from tests.bed.replies import says, uses_tool
from tests.failover import (
    ALPHA,
    ANSWERS,
    BETA,
    GAMMA,
    TASK,
    Scene,
    Turn,
    by_agent,
    entries,
    is_child,
    scene,
)
from tests.routed import ROUTED, picked, start_once, targets

LIMITS: Final = {"context": 100_000, "output": 8_000}


def write(one: Scene) -> None:
    """Give each gateway a provider in each wire, and each wire a model of ours; then start once."""
    providers = entries(one.gateways, *wires.WIRES)
    for entry in providers.values():
        entry["models"][MODEL] |= {"limit": LIMITS}
    providers[BETA]["models"][MODEL] |= {"limit": LIMITS | {"context": 50_000}, "temperature": True}
    one.home.write_opencode(providers, enabled_providers=[*providers, ROUTER], small_model=ROUTED)
    models: Json = {MODEL: {"targets": targets("openai-chat")}}
    for wire in wires.WIRES:
        models[wire] = {"name": f"By {wire}", "targets": targets(wire)}
    one.home.write_gateways(virtualModels=models, autoVirtualModels=False)
    start_once(one)


def test_the_command_for_it_lists_the_models(three: Scene) -> None:
    printed = run_program(three.home, opencode_binary(), "models").stdout.split()
    listed = [f"{ROUTER}/{name}" for name in sorted((MODEL, *wires.WIRES))]
    assert [name for name in printed if name.startswith(ROUTER)] == listed


def test_the_models_are_offered_with_what_all_of_their_targets_can_do(three: Scene) -> None:
    providers = three.serve.client.get("/config/providers").json()["providers"]
    [ours] = [row for row in providers if row["id"] == ROUTER]
    assert ours["name"] == "Limit router"
    shown = {name: (row["name"], row["api"]["npm"]) for name, row in ours["models"].items()}
    named = {wire: (f"By {wire}", wires.NPM[wire]) for wire in wires.WIRES}
    assert shown == {MODEL: ("Bed model (limit-router)", wires.NPM["openai-chat"])} | named
    model = ours["models"][MODEL]
    assert model["limit"] == LIMITS | {"context": 50_000}
    abilities = model["capabilities"]
    assert (abilities["temperature"], abilities["toolcall"], abilities["attachment"]) == (False, True, False)
    assert [kind for kind, takes in abilities["input"].items() if takes] == ["text"]


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_turn_is_one_request_to_one_target_and_the_picker_stays(three: Scene, wire: wires.Wire) -> None:
    virtual = {"providerID": ROUTER, "modelID": wire}
    turn = three.turn(model=virtual)
    assert turn == Turn(ANSWERS[ALPHA])
    assert three.turn(model=virtual, session=turn.session) == Turn(ANSWERS[ALPHA], users=2)
    assert three.calls() == [2, 0, 0]
    assert picked(three, turn.session) == [f"{ROUTER}/{wire}"] * 2
    request = three.alpha.turn_calls[0]
    assert (request.wire, request.json()["model"]) == (wire, MODEL)
    key = f"{ALPHA}-key-0123456789-0123456789"
    said = {request.headers.get("authorization"), request.headers.get("x-api-key")} - {None}
    assert said == {key if wire == "anthropic-messages" else f"Bearer {key}"}
    assert three.toasts() == []


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_refusal_goes_on_at_the_next_target(three: Scene, wire: wires.Wire) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    virtual = {"providerID": ROUTER, "modelID": wire}
    turn = three.turn(model=virtual)
    assert turn == Turn(ANSWERS[BETA])
    assert three.turn(model=virtual, session=turn.session) == Turn(ANSWERS[BETA], users=2)
    assert three.calls() == [1, 2, 0]
    assert picked(three, turn.session) == [f"{ROUTER}/{wire}"] * 2


def test_title_and_subagent_go_the_same_way(three: Scene) -> None:
    for gateway in three.gateways.values():
        gateway.turns(by_agent([uses_tool("task", TASK), says("They are five.")], says("Five.")))
        gateway.asides(says("Fine words"))
    session = three.serve.create_session()
    assert three.turn(ROUTER, session=session) == Turn("They are five.")
    assert len([request for request in three.alpha.turn_calls if not is_child(request)]) == 2
    assert "Five." in three.alpha.turn_calls[-1].text
    assert sum(three.calls()) == 3

    def title() -> str:
        return str(three.serve.client.get(f"/session/{session}").json()["title"])

    wait_until(lambda: title() == "Fine words", "the title")
    called = [request for gateway in three.gateways.values() for request in gateway.model_calls]
    assert [request.json()["model"] for request in called] == [MODEL] * 4


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_command_is_answered_on_a_virtual_model(three: Scene, wire: wires.Wire) -> None:
    session = three.new_session()
    body = {"command": "rate_limit_status", "arguments": "", "model": f"{ROUTER}/{wire}"}
    three.serve.client.post(f"/session/{session}/command", json=body).raise_for_status()
    assert text_of(three.serve.messages(session)[-1]).startswith("How providers stand:")
    assert three.calls() == [0, 0, 0]


def test_a_command_for_the_terminal_does_a_turn_too(three: Scene) -> None:
    finished = run_program(three.home, opencode_binary(), "run", "-m", ROUTED, "Say something fine.")
    assert finished.exit_code == 0
    assert finished.stdout.strip() in ANSWERS.values(), "its title was asked for at the same time"


def test_a_model_of_opencodes_own_file_is_there_at_the_very_first_start() -> None:
    with scene(write_seed) as one:
        assert one.turn(ROUTER) == Turn(ANSWERS[GAMMA])
        assert one.calls() == [0, 0, 1]
        providers = one.serve.client.get("/config/providers").json()["providers"]
        [ours] = [row for row in providers if row["id"] == ROUTER]
        assert [row["name"] for row in ours["models"].values()] == ["Coder (Auto-Route)"]


def write_seed(one: Scene) -> None:
    providers = entries(one.gateways)
    ours = {"models": {MODEL: {"name": "Coder (Auto-Route)", "providers": [GAMMA, ALPHA]}}}
    one.home.write_opencode(providers | {ROUTER: ours}, small_model=f"{ALPHA}/{MODEL}")
