"""`host.json` as a sidecar leaves it: the virtual models of what a host told last, for its next start."""

import json
import os
from collections.abc import Callable
from typing import Any, Final

from sidecar.adapters.catalogue_file import NAME as CATALOGUE
from sidecar.adapters.host_file import NAME
from sidecar.schema import documents
from tests.bed.home import Home, provider
from tests.bed.processes import wait_until
from tests.bed.sidecar import Sidecar

URL: Final = "http://127.0.0.1:9/v1"
CHAT: Final = "@ai-sdk/openai-compatible"
SHARED: Final[dict[str, Any]] = {
    "id": "qwen3-coder",
    "name": "Qwen3 Coder",
    "npm": CHAT,
    "limits": {"context": 200_000, "output": 64_000},
    "inputModalities": ["text", "image", "pdf"],
    "takesTools": True,
    "takesTemperature": True,
    "reasons": True,
}
SMALLER: Final = SHARED | {
    "limits": {"context": 100_000},
    "inputModalities": ["text", "pdf"],
    "takesTemperature": False,
    "reasons": None,
}
BOTH: Final[dict[str, Any]] = {
    "qwen3-coder": {
        "name": "Qwen3 Coder (limit-router)",
        "npm": CHAT,
        "providerId": "alpha",
        "modelId": "qwen3-coder",
        "context": 100_000,
        "output": 64_000,
        "inputModalities": ["text", "pdf"],
        "takesTools": True,
        "takesTemperature": False,
        "reasons": True,
    }
}


def offer(*models: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a catalogue of as many providers, each with one of the models."""
    return [{"id": name, "models": [row]} for name, row in zip(("alpha", "beta"), models, strict=False)]


def configure(home: Home) -> None:
    home.write_opencode({"alpha": provider(URL), "beta": provider(URL)})


def left(home: Home) -> Any:
    """Return the models that the next start of a host will find."""
    return json.loads((home.state / NAME).read_text()).get("models")


def is_left(home: Home, models: dict[str, Any]) -> Callable[[], bool]:
    return lambda: (home.state / NAME).exists() and left(home) == models


def tell(child: Sidecar, home: Home, *models: dict[str, Any]) -> None:
    child.ask("workspace/open", directory=str(home.project), providers=offer(*models))


def test_what_several_providers_have_is_left_for_the_next_start_and_stays(home: Home) -> None:
    configure(home)
    with Sidecar(home.env, home.path) as first:
        first.open(home.project)
        wait_until(is_left(home, {}), "it is written before the host has told")
        tell(first, home, SHARED, SMALLER)
        wait_until(is_left(home, BOTH), "the models are there")
        assert first.end() == 0
    written = json.loads((home.state / NAME).read_text())
    assert written == json.loads(documents()["host"]) | {"models": BOTH}
    os.utime(home.state / NAME, (1, 1))
    with Sidecar(home.env, home.path) as second:
        second.open(home.project)
        tell(second, home)
        tell(second, home, SHARED, SMALLER)
        second.command(home.project)
        assert second.end() == 0
    assert left(home) == BOTH
    assert (home.state / NAME).stat().st_mtime == 1, "nothing new was written"


def test_what_only_one_provider_has_any_more_is_left_no_longer(home: Home, child: Sidecar) -> None:
    configure(home)
    child.open(home.project)
    tell(child, home, SHARED, SMALLER)
    wait_until(is_left(home, BOTH), "the models are there")
    tell(child, home, SHARED)
    wait_until(is_left(home, {}), "the model is gone")


def test_a_change_of_the_files_is_found_when_a_session_rests(home: Home, child: Sidecar) -> None:
    configure(home)
    child.open(home.project)
    tell(child, home, SHARED, SMALLER)
    wait_until(is_left(home, BOTH), "the models are there")
    home.write_gateways(virtualModels={"qwen3-coder": {"name": "Mine"}})
    child.command(home.project)
    child.notify("session/idle", directory=str(home.project), sessionId="ses_1")
    mine = {"qwen3-coder": BOTH["qwen3-coder"] | {"name": "Mine"}}
    wait_until(is_left(home, mine), "the new name is there")


def test_who_has_switched_us_off_is_offered_nothing(home: Home, child: Sidecar) -> None:
    configure(home)
    home.write_gateways(enabled=False)
    child.open(home.project)
    tell(child, home, SHARED, SMALLER)
    wait_until((home.state / CATALOGUE).exists, "the catalogue is kept")
    wait_until(is_left(home, {}), "nothing is offered")
    assert child.end() == 0
    assert left(home) == {}
