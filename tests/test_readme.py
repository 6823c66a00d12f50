"""The README's blocks of configuration: each loads without a fault and does what the text beside it says."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.jsonc import decode
from tests.machine import Machine
from tests.offers import CHAT, MESSAGES, catalogue, model, name, target
from tests.schema_faults import CONFIG, faults

README: Final = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"```jsonc\n(.*?)```", README, re.DOTALL)
VARIABLES: Final = sorted(set(re.findall(r"\{env:(\w+)\}", "".join(BLOCKS))))
KEYS: Final = {variable: f"key-of-{variable.lower()}-0123456789" for variable in VARIABLES}
WEBHOOK: Final = "TEAM_SLACK_WEBHOOK"

LLAMA: Final = ["openrouter", "togetherai", "litellm", "local"]
CLAUDE: Final = ["anthropic", "anthropic-helicone"]


def block(word: str) -> str:
    """Return the one block that holds *word*."""
    (found,) = [text for text in BLOCKS if word in text]
    return found


def pieces() -> dict[str, dict[str, Any]]:
    """Return the ready pieces."""
    return decode(block("helicone.ai").encode())["provider"]


def offered() -> Catalogue:
    """Give what OpenCode offers with the ready pieces; of a provider of its own it knows the package."""
    npm = {"anthropic": MESSAGES, "togetherai": "@ai-sdk/togetherai"}
    models = {
        provider_id: [*row.get("models", {"claude-sonnet-4-5": {}})] for provider_id, row in pieces().items()
    }
    assert [*models] == [*CLAUDE, *LLAMA]
    return catalogue(
        **{
            provider_id: [
                model(row, npm=pieces()[provider_id].get("npm", npm.get(provider_id))) for row in rows
            ]
            for provider_id, rows in models.items()
        }
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.environ.update(KEYS | {WEBHOOK: "https://hooks.example.com/a"})
    machine.write(machine.host, block("helicone.ai"))
    return machine


@pytest.mark.parametrize(
    "text", [text for text in BLOCKS if '"provider"' not in text and "plugin" not in text]
)
def test_every_block_of_our_file_loads_without_a_fault(machine: Machine, text: str) -> None:
    rows: list[dict[str, Any]] = decode(text.encode()).get("gateways", [])
    base = {"npm": CHAT, "options": {"baseURL": "https://campus.example/v1"}}
    machine.write(machine.host, {"provider": {row["providerId"]: base for row in rows}})
    machine.write(machine.ours, text)
    machine.environ["OPENROUTER_API_KEY"] = machine.environ["TEAM_LITELLM_KEY"] = "key-0123456789-0123456789"
    config = machine.loader.load(machine.project)
    assert config.problems == ()
    listed = {row["providerId"] for row in rows}  # others that have a key are asked too
    assert len([gateway for gateway in config.gateways if gateway.provider_id in listed]) == len(rows)


@pytest.mark.parametrize(
    "text", [text for text in BLOCKS if '"provider"' not in text and "plugin" not in text]
)
def test_an_editor_marks_nothing_in_a_block_of_our_file(text: str) -> None:
    assert faults(decode(text.encode()), CONFIG) == []


def test_the_schema_that_the_first_example_names_is_the_one_that_the_command_beside_it_writes() -> None:
    named = decode(block('"$schema"').encode())["$schema"]
    assert f"quota-sidecar schema > ~/.config/opencode/{named.removeprefix('./')}\n" in README


@pytest.mark.parametrize("with_routes", [False, True])
def test_the_ready_pieces_stand_in_for_one_another(machine: Machine, with_routes: bool) -> None:
    if with_routes:
        machine.write(machine.ours, block('"routes"'))
    everybody = offered()
    config = machine.loader.load(machine.project, (), everybody)
    assert config.problems == ()
    for model_id, providers in (("claude-sonnet-4-5", CLAUDE), ("llama-3.3-70b", LLAMA)):
        for own in providers:
            found = config.targets.route(target(f"{own}/{model_id}"), everybody).targets
            assert {name(row.target) for row in found} == {f"{one}/{model_id}" for one in providers}
            assert {row.why_not for row in found} == {None}


def test_each_ready_piece_is_asked_at_its_place_with_its_own_key(machine: Machine) -> None:
    everybody = offered()
    targets = machine.loader.load(machine.project, (), everybody).targets
    claude = targets.route(target("anthropic/claude-sonnet-4-5"), everybody).targets
    llama = targets.route(target("openrouter/llama-3.3-70b"), everybody).targets
    asked = {
        row.target.provider_id: (
            row.url,
            row.model,
            {key: value.reveal() for key, value in row.headers.items()},
        )
        for row in (*claude, *llama)
    }
    anthropic = {"anthropic-version": "2023-06-01", "x-api-key": KEYS["ANTHROPIC_API_KEY"]}
    helicone = {
        "helicone-auth": f"Bearer {KEYS['HELICONE_API_KEY']}",
        "helicone-cache-enabled": "true",
    }
    llama_id = "meta-llama/llama-3.3-70b-instruct"
    assert asked == {
        "anthropic": ("https://api.anthropic.com/v1/messages", "claude-sonnet-4-5", anthropic),
        "anthropic-helicone": (
            "https://anthropic.helicone.ai/v1/messages", "claude-sonnet-4-5", anthropic | helicone
        ),
        "openrouter": ("https://openrouter.ai/api/v1/chat/completions", llama_id, bearer("OPENROUTER")),
        "togetherai": (
            "https://api.together.xyz/v1/chat/completions",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            bearer("TOGETHER"),
        ),
        "litellm": ("https://llm.example.com/v1/chat/completions", "llama-3.3-70b", bearer("LITELLM")),
        "local": ("http://127.0.0.1:11434/v1/chat/completions", "llama3.3:70b", {}),
    }  # fmt: skip


def bearer(service: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[f'{service}_API_KEY']}"}


def test_what_the_readme_says_of_the_route_is_so(machine: Machine) -> None:
    machine.write(machine.ours, block('"routes"'))
    settings = machine.loader.load(machine.project).settings
    limits = settings.providers["anthropic"].limits
    assert limits is not None
    assert (limits.requests_per_hour, limits.requests_per_day, limits.hard) == (50, 1000, False)
    assert settings.providers["anthropic-helicone"].priority == 1
