"""Which models limit-router has: listed in our file, in OpenCode's own, or found; and what each can do."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.config import Config
from sidecar.adapters.host_models import host_models
from sidecar.adapters.virtual_models import MOST
from sidecar.core.models import canonical_id
from sidecar.host_json import HostModel
from sidecar.protocol import ROUTER, CatalogueLimits, CatalogueModel, CatalogueProvider, Target
from tests.machine import Machine
from tests.offers import CHAT, MESSAGES, RESPONSES, catalogue, model, name

SONNET = CatalogueModel("claude-sonnet-4-5", name="Claude Sonnet 4.5", npm=MESSAGES)
OFFERED = catalogue(
    anthropic=[SONNET, model("claude-opus-4-5", MESSAGES)],
    github_copilot=[model("claude-sonnet-4.5"), model("gpt-5")],
    openrouter=[model("anthropic/claude-sonnet-4.5"), model("openai/gpt-5"), model("x-ai/grok-4")],
    limit_router=[model("claude-sonnet-4-5")],
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def load(machine: Machine, ours: object = {}, host: object = {}, offered: Catalogue = OFFERED) -> Config:
    machine.write(machine.ours, ours)
    machine.write(machine.host, host)
    return machine.loader.load(machine.project, (), offered)


def listed(config: Config) -> dict[str, list[str]]:
    return {key: [name(target) for target in row.targets] for key, row in config.virtual_models.items()}


def problems(config: Config) -> list[tuple[str | None, str]]:
    return [(problem.path, problem.message) for problem in config.problems]


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("accounts/fireworks/models/Kimi_K2", "kimi-k2"),
        ("z-ai/glm-4.6:free", "glm-4-6:free"),
        ("claude-opus-4-5-thinking", "claude-opus-4-5-thinking"),
        ("vendor/", "vendor/"),
        ("-latest", "-latest"),
    ],
)
def test_spellings_of_a_model_are_one(spelled: str, canonical: str) -> None:
    assert canonical_id(spelled) == canonical


@given(st.text(min_size=1))
def test_a_canonical_id_is_never_empty_and_its_own(model_id: str) -> None:
    assert canonical_id(model_id) != ""
    assert canonical_id(canonical_id(model_id)) == canonical_id(model_id) or "/" in model_id


def test_a_model_that_two_providers_have_is_there_by_itself(machine: Machine) -> None:
    config = load(machine)
    assert listed(config) == {
        "claude-sonnet-4-5": [
            "anthropic/claude-sonnet-4-5",
            "github-copilot/claude-sonnet-4.5",
            "openrouter/anthropic/claude-sonnet-4.5",
        ],
        "gpt-5": ["github-copilot/gpt-5", "openrouter/openai/gpt-5"],
    }
    sonnet = config.virtual_models["claude-sonnet-4-5"]
    assert (sonnet.name, sonnet.strategy, sonnet.is_listed) == (
        "Claude Sonnet 4.5 (limit-router)",
        "headroom",
        False,
    )


def test_an_alias_makes_two_ids_one_model(machine: Machine) -> None:
    offered = catalogue(gw_a=[model("big")], gw_b=[model("large-v2")])
    assert listed(load(machine, {"models": {"big": ["large-v2"]}}, offered=offered)) == {
        "big": ["gw-a/big", "gw-b/large-v2"]
    }


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ({"autoVirtualModels": False}, {}),
        ({"providers": {"anthropic": {"priority": 9}}, "virtualModels": {"gpt-5": {"enabled": False}}},
         {"claude-sonnet-4-5": ["github-copilot/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5",
                                "anthropic/claude-sonnet-4-5"]}),
        ({"providers": {"openrouter": {"enabled": False}}},
         {"claude-sonnet-4-5": ["anthropic/claude-sonnet-4-5", "github-copilot/claude-sonnet-4.5"]}),
        ({"autoVirtualModels": False,
          "virtualModels": {"mine": {"targets": ["openrouter/x-ai/grok-4", "gw/m"]}}},
         {"mine": ["openrouter/x-ai/grok-4", "gw/m"]}),
        ({"autoVirtualModels": False,
          "virtualModels": {"gpt-5": {"targets": ["openrouter", "github-copilot"]}}},
         {"gpt-5": ["openrouter/openai/gpt-5", "github-copilot/gpt-5"]}),
        ({"autoVirtualModels": False, "virtualModels": {"gpt-5": {"strategy": "cost"}}},
         {"gpt-5": ["github-copilot/gpt-5", "openrouter/openai/gpt-5"]}),
    ],
)  # fmt: skip
def test_our_file_says_which_there_are(machine: Machine, ours: Any, found: dict[str, list[str]]) -> None:
    config = load(machine, ours)
    assert (listed(config), config.problems) == (found, ())


def test_what_is_listed_in_another_spelling_is_not_there_a_second_time(machine: Machine) -> None:
    rows = {"claude-sonnet-4.5": {"name": "Sonnet"}, "GPT_5": {"enabled": False}}
    assert listed(load(machine, {"virtualModels": rows})) == {
        "claude-sonnet-4.5": [
            "anthropic/claude-sonnet-4-5",
            "github-copilot/claude-sonnet-4.5",
            "openrouter/anthropic/claude-sonnet-4.5",
        ]
    }


def test_opencodes_own_files_list_models_too(machine: Machine) -> None:
    rows = {
        "claude-sonnet-4-5": {"name": "Sonnet", "providers": ["github-copilot", "anthropic"]},
        "gpt-5": {},
    }
    host = {"provider": {ROUTER: {"models": rows}}}
    config = load(machine, {"autoVirtualModels": False}, host)
    assert config.problems == ()
    assert listed(config) == {
        "claude-sonnet-4-5": ["github-copilot/claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"],
        "gpt-5": ["github-copilot/gpt-5", "openrouter/openai/gpt-5"],
    }
    assert config.virtual_models["claude-sonnet-4-5"].name == "Sonnet"
    ours = {"autoVirtualModels": False, "virtualModels": {"gpt-5": {"targets": ["gw/m"]}}}
    assert listed(load(machine, ours, host))["gpt-5"] == ["gw/m"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"targets": ["antropic"]}, "targets[0]",
     "OpenCode has no provider 'antropic'; did you mean 'anthropic'?"),
    ({"targets": ["anthropic/claude-sonet-4-5"]}, "targets[0]",
     "the provider 'anthropic' has no model 'claude-sonet-4-5' in OpenCode; "
     "did you mean 'claude-sonnet-4-5'?"),
    ({"targets": ["anthropic"]}, "targets[0]",
     "the provider 'anthropic' has no model called 'x'; "
     'write "anthropic/..." with the id that it has there'),
    ({"targets": ["limit-router/gpt-5"]}, "targets[0]", "is virtual itself; list models of real providers"),
    ({}, "", "no provider has 'x' in OpenCode; list its targets, as provider/model"),
    ({"strategy": "headrom"}, "strategy",
     "'headrom' is not known here; did you mean 'headroom'?"),
    ({"target": ["a/b"]}, "target", "unknown key 'target'; did you mean 'targets'?"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "path", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_place(
    machine: Machine, entry: dict[str, Any], path: str, message: str
) -> None:
    config = load(machine, {"virtualModels": {"x": entry}})
    assert (f"virtualModels.x{'.' if path else ''}{path}", message) in problems(config)


def test_what_is_wrong_in_opencodes_own_file_is_told_there(machine: Machine) -> None:
    host = {"provider": {ROUTER: {"models": {"gpt-5": {"providers": ["openroter"]}}}}}
    (problem,) = load(machine, host=host).problems
    assert (problem.file, problem.path, problem.message) == (
        str(machine.host),
        "provider.limit-router.models.gpt-5.providers[0]",
        "OpenCode has no provider 'openroter'; did you mean 'openrouter'?",
    )


def test_before_the_host_has_told_nothing_is_wrong_with_a_provider(machine: Machine) -> None:
    config = load(machine, {"virtualModels": {"x": {"targets": ["a", "b/m"]}}}, offered=Catalogue())
    assert (listed(config), config.problems) == ({"x": ["b/m"]}, ())


def provider(npm: str, url: str) -> dict[str, Any]:
    return {"npm": npm, "options": {"baseURL": url, "apiKey": "key-0123456789-0123456789"}}


def test_the_host_is_told_what_all_targets_can_do(machine: Machine) -> None:
    offered = catalogue(
        a=[model("m", name="Em", limits=CatalogueLimits(200_000, 64_000), input_modalities=["text", "image"],
                 takes_tools=True, reasons=True, takes_temperature=True)],
        b=[model("m", limits=CatalogueLimits(128_000, None), input_modalities=["text"], takes_tools=True,
                 reasons=False)],
        c=[model("m", MESSAGES)],
    )  # fmt: skip
    host = {"provider": {key: provider(CHAT, f"https://{key}.example/v1") for key in "ab"}}
    config = load(machine, {}, host, offered)
    assert host_models(config.virtual_models, config.targets, offered) == {
        "m": HostModel("Em (limit-router)", CHAT, "a", "m", 128_000, 64_000, ["text"], True, True, False)
    }


@pytest.mark.parametrize(
    ("packages", "npm"),
    [
        ([MESSAGES, CHAT, MESSAGES], MESSAGES),
        ([RESPONSES, CHAT, MESSAGES], RESPONSES),
        (["@ai-sdk/google", "@ai-sdk/google", MESSAGES], MESSAGES),
        (["@ai-sdk/google"] * 3, CHAT),
    ],
)
def test_a_virtual_model_speaks_what_most_of_its_targets_do(
    machine: Machine, packages: list[str], npm: str
) -> None:
    rows = dict(zip("abc", packages, strict=True))
    offered = catalogue(**{key: [model("m", package)] for key, package in rows.items()})
    host = {
        "provider": {key: provider(package, f"https://{key}.example/v1") for key, package in rows.items()}
    }
    config = load(machine, {}, host, offered)
    assert host_models(config.virtual_models, config.targets, offered)["m"].npm == npm


def test_one_that_nobody_can_serve_is_not_offered(machine: Machine) -> None:
    config = load(machine, {"virtualModels": {"x": {"targets": ["gone/m"]}}, "autoVirtualModels": False})
    assert host_models(config.virtual_models, config.targets, OFFERED) == {}


def test_one_that_is_switched_off_counts_for_nothing(machine: Machine) -> None:
    offered = catalogue(
        a=[model("m", name="Em", limits=CatalogueLimits(8000, None))],
        b=[model("m", name="M", limits=CatalogueLimits(128_000, None))],
    )
    host = {"provider": {key: provider(CHAT, f"https://{key}.example/v1") for key in "ab"}}
    ours = {"virtualModels": {"m": {"targets": ["a", "b"]}}, "providers": {"a": {"enabled": False}}}
    config = load(machine, ours, host, offered)
    assert host_models(config.virtual_models, config.targets, offered) == {
        "m": HostModel("Em (limit-router)", CHAT, "b", "m", 128_000)
    }


def test_of_several_ids_of_a_provider_the_closest_is_meant(machine: Machine) -> None:
    for ids in (["m-20250929", "m"], ["m", "m-20250929"]):
        offered = catalogue(a=[model(model_id) for model_id in ids], b=[model("x/m")])
        assert listed(load(machine, offered=offered)) == {"m": ["a/m", "b/x/m"]}


def test_of_very_many_those_that_the_most_providers_have_are_there(machine: Machine) -> None:
    rows = [model(f"m{number:03}") for number in range(MOST + 9)]
    config = load(machine, offered=catalogue(a=rows, b=rows, c=rows[-9:]))
    assert len(config.virtual_models) == MOST
    assert {row.id for row in rows[-9:]} < config.virtual_models.keys()


def test_a_virtual_model_stands_in_for_nobody(machine: Machine) -> None:
    host = {"provider": {key: provider(CHAT, f"https://{key}.example/v1") for key in ("a", "b", ROUTER)}}
    offered = catalogue(a=[model("m")], b=[model("m")], limit_router=[model("m")])
    config = load(machine, {}, host, offered)
    found = config.targets.route(Target("a", "m"), offered)
    assert [name(spec.target) for spec in found.targets] == ["a/m", "b/m"]
    assert config.targets.names() == {"a": None, "b": None}


def test_a_provider_that_only_a_project_names_gets_nothing_of_another(machine: Machine) -> None:
    names = ("a", "b", "evil")
    rows = [CatalogueProvider(key, [model("m")], source="config") for key in names]
    offered = Catalogue([*rows, CatalogueProvider("login", [model("m")], source="custom")])
    host = {"provider": {key: provider(CHAT, f"https://{key}.example/v1") for key in "ab"}}
    config = load(machine, {}, host, offered)
    assert listed(config) == {"m": ["a/m", "b/m", "login/m"]}

    def by_turn(config: Config, own: Target) -> list[str]:
        return [name(row.target) for row in config.targets.route(own, offered).targets if row.by_turn]

    assert by_turn(config, Target("a", "m")) == ["a/m", "b/m", "login/m"]
    chosen = load(machine, {"virtualModels": {"m": {"targets": ["a/m", "evil/m"]}}}, host, offered)
    assert by_turn(chosen, Target(ROUTER, "m")) == ["a/m", "evil/m"]
    assert by_turn(load(machine, {"providers": {"evil": {}}}, host, offered), Target("a", "m")) == [
        "a/m",
        "b/m",
        "evil/m",
        "login/m",
    ]
