"""What the tests of virtual models in OpenCode share: a first start that leaves them, and who was picked."""

import json
from typing import Final

from sidecar.protocol import ROUTER
from tests.bed import wires
from tests.bed.home import MODEL
from tests.bed.opencode import Json, Serve
from tests.bed.processes import wait_until
from tests.failover import NAMES, WIRE_IDS, Scene, entries

ROUTED: Final = f"{ROUTER}/{MODEL}"
"""The virtual model that stands for the common one."""


def targets(wire: wires.Wire) -> list[str]:
    """Name the common model at every gateway in this wire."""
    return [f"{name}{WIRE_IDS[wire]}/{MODEL}" for name in NAMES]


def write_shared(one: Scene) -> None:
    """Give every gateway a provider with the common model, and start once."""
    providers = entries(one.gateways)
    one.home.write_opencode(providers, enabled_providers=[*providers, ROUTER], small_model=ROUTED)
    start_once(one)


def start_once(one: Scene) -> None:
    """Let OpenCode tell what it offers, as a first start does."""
    with Serve(one.home):
        wait_until(lambda: bool(left(one)), "the models are left for the next start")


def left(one: Scene) -> Json:
    """Return the virtual models that the next start will offer."""
    file = one.home.state / "host.json"
    return json.loads(file.read_text()).get("models", {}) if file.exists() else {}


def picked(one: Scene, session: str) -> list[str]:
    """Return what the picker showed with each message of the user, as it is stored."""
    models = [row["info"]["model"] for row in one.serve.messages(session) if row["info"]["role"] == "user"]
    return [f"{model['providerID']}/{model['modelID']}" for model in models]
