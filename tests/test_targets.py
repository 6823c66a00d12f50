"""Where a request may go instead: who is asked, at which address, with whose key, and who is not."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.catalogue import NOTHING, Catalogue
from sidecar.adapters.targets import Route, TargetSpec
from sidecar.core.account import Account, account_of
from sidecar.core.choose import Abilities
from sidecar.protocol import CatalogueLimits
from tests.machine import KEY_A, KEY_B, KEY_C, Machine
from tests.offers import CHAT, MESSAGES, RESPONSES, catalogue, model, name, target

TWO = catalogue(gw_a=[model("m1")], gw_b=[model("m1")])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def gateways(machine: Machine, *ids: str, **more: Any) -> None:
    """Write providers of OpenCode's own file, each with a place and a key."""
    rows = {
        provider_id: {
            "npm": CHAT,
            "options": {
                "baseURL": f"https://{provider_id}.example/v1",
                "apiKey": f"key-of-{provider_id}-" * 3,
            },
        }
        for provider_id in ids
    }
    machine.write(machine.host, {"provider": rows | more})


def route(machine: Machine, own: str, offered: Catalogue = TWO) -> Route:
    config = machine.loader.load(machine.project, (), offered)
    assert config.problems == ()
    return config.targets.route(target(own), offered)


def only(machine: Machine, own: str, other: str, offered: Catalogue = TWO) -> TargetSpec:
    (found,) = [spec for spec in route(machine, own, offered).targets if spec.target == target(other)]
    return found


def names(found: Route) -> list[str]:
    return [name(spec.target) for spec in found.targets]


def sent(spec: TargetSpec) -> dict[str, str]:
    return {header: value.reveal() for header, value in spec.headers.items()}


def test_without_a_route_a_request_may_go_wherever_the_same_model_is(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b", "gw-c")
    offered = catalogue(gw_a=[model("m1"), model("m2")], gw_b=[model("m1")], gw_c=[model("m2")])
    found = route(machine, "gw-a/m1", offered)
    assert (names(found), found.strategy, found.max_attempts) == (["gw-a/m1", "gw-b/m1"], "priority", 3)
    other = found.targets[1]
    assert (other.url, sent(other), other.model, other.why_not, other.by_turn) == (
        "https://gw-b.example/v1/chat/completions",
        {"authorization": f"Bearer {'key-of-gw-b-' * 3}"},
        "m1",
        None,
        True,
    )
    assert other.account == account_of("gw-b", "https://gw-b.example", "key-of-gw-b-" * 3)


def test_with_auto_route_off_a_request_goes_nowhere_else(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    machine.write(machine.ours, {"autoRoute": False})
    assert names(route(machine, "gw-a/m1")) == ["gw-a/m1"]


def test_a_route_names_the_targets_and_their_order_and_nothing_is_added(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b", "gw-c")
    targets = ["gw-c/m2", "gw-b/deep/m1", "gw-a/m1"]
    rows = [{"targets": ["gw-a/x", "gw-b/x"]}, {"targets": targets, "strategy": "headroom", "maxAttempts": 2}]
    machine.write(machine.ours, {"routes": rows, "maxAttempts": 5, "providers": {"gw-a": {"priority": 9}}})
    offered = catalogue(
        gw_a=[model("x"), model("m1")],
        gw_b=[model("x"), model("deep/m1")],
        gw_c=[model("m2"), model("m1")],
    )
    found = route(machine, "gw-a/m1", offered)
    assert (names(found), found.strategy, found.max_attempts) == (targets, "headroom", 2)
    assert [(spec.place, spec.priority) for spec in found.targets] == [(0, 0.0), (1, 0.0), (2, 0.0)]
    assert route(machine, "gw-a/x", offered).max_attempts == 5
    assert [row.strategy for row in machine.load().settings.routes] == ["priority", "headroom"]


def test_ids_of_one_row_mean_the_same_model_in_every_direction(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b", "gw-c")
    machine.write(machine.ours, {"models": {"sonnet": ["x/sonnet", "s4"], "s4": ["sonnet-4"]}})
    offered = catalogue(
        gw_a=[model("sonnet")], gw_b=[model("x/sonnet")], gw_c=[model("sonnet-4"), model("s4")]
    )
    assert names(route(machine, "gw-a/sonnet", offered)) == ["gw-a/sonnet", "gw-b/x/sonnet", "gw-c/s4"]
    assert names(route(machine, "gw-b/x/sonnet", offered)) == ["gw-b/x/sonnet", "gw-a/sonnet", "gw-c/s4"]
    assert names(route(machine, "gw-c/sonnet-4", offered)) == ["gw-c/sonnet-4"]


def test_the_same_id_comes_before_an_alias(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    machine.write(machine.ours, {"models": {"m1": ["other"]}})
    offered = catalogue(gw_a=[model("m1")], gw_b=[model("other"), model("m1")])
    assert names(route(machine, "gw-a/m1", offered)) == ["gw-a/m1", "gw-b/m1"]


def test_what_a_provider_itself_calls_a_model_counts_and_the_same_id_comes_first(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    offered = catalogue(
        gw_a=[model("short", api_id="vendor/m1")], gw_b=[model("vendor/m1"), model("short", api_id="other")]
    )
    assert names(route(machine, "gw-a/short", offered)) == ["gw-a/short", "gw-b/short"]
    assert only(machine, "gw-a/short", "gw-b/short", offered).model == "other"
    assert names(route(machine, "gw-b/vendor/m1", offered)) == ["gw-b/vendor/m1", "gw-a/short"]


def test_priority_is_the_providers_where_nobody_listed_it(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    machine.write(machine.ours, {"providers": {"gw-a": {"priority": 1}, "gw-b": {"priority": -2.5}}})
    assert [spec.priority for spec in route(machine, "gw-a/m1").targets] == [0.0, -2.5]


@pytest.mark.parametrize("by_project", [False, True])
def test_a_provider_that_is_switched_off_is_listed_and_never_asked(
    machine: Machine, by_project: bool
) -> None:
    gateways(machine, "gw-a", "gw-b")
    file = machine.projects_file if by_project else machine.ours
    machine.write(file, {"providers": {"gw-b": {"enabled": False}}})
    off = only(machine, "gw-a/m1", "gw-b/m1")
    assert (off.why_not, off.url, off.headers, off.by_turn) == ("switched off", None, {}, False)


def test_who_is_listed_and_not_offered_by_the_host_in_this_folder_is_never_asked(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    machine.write(machine.ours, {"routes": [{"targets": ["gw-a/m1", "gw-b/m1"]}]})
    alone = catalogue(gw_a=[model("m1")])
    off = only(machine, "gw-a/m1", "gw-b/m1", alone)
    assert (off.why_not, off.url, off.headers) == ("switched off", None, {})
    assert only(machine, "gw-a/m1", "gw-b/m1", NOTHING).why_not is None  # it has not told yet


@pytest.mark.parametrize(
    ("where", "key"),
    [("config", KEY_A), ("auth", KEY_B), ("environment", KEY_C), ("the host's variable", KEY_C)],
)
def test_a_key_is_the_one_that_opencode_uses(machine: Machine, where: str, key: str) -> None:
    row: dict[str, Any] = {"npm": CHAT, "options": {"baseURL": "https://gw-b.example/v1"}}
    sources = ["config", "auth", "environment", "the host's variable"]
    for source in sources[sources.index(where) :]:
        match source:
            case "config":
                row["options"]["apiKey"] = "{env:NAMED}"
                machine.environ["NAMED"] = KEY_A
            case "auth":
                machine.write(machine.auth, {"gw-b": {"type": "api", "key": KEY_B}})
            case "environment":
                machine.environ["GW_B_API_KEY"] = KEY_C
            case _:
                machine.environ.setdefault("TOKEN_B", KEY_C)
                row["env"] = ["TOKEN_B"]
    gateways(machine, "gw-a", **{"gw-b": row})
    spec = only(machine, "gw-a/m1", "gw-b/m1")
    assert sent(spec) == {"authorization": f"Bearer {key}"}
    assert spec.account == account_of("gw-b", "https://gw-b.example", key)


def test_a_keyless_server_of_a_global_file_is_asked_without_a_key(machine: Machine) -> None:
    gateways(machine, "gw-a", **{"gw-b": {"npm": CHAT, "options": {"baseURL": "http://127.0.0.1:8080/v1"}}})
    spec = only(machine, "gw-a/m1", "gw-b/m1")
    assert (spec.url, spec.headers, spec.why_not) == ("http://127.0.0.1:8080/v1/chat/completions", {}, None)
    assert spec.account == Account("gw-b", "http://127.0.0.1:8080", "local:http://127.0.0.1:8080")


def test_a_provider_of_the_table_needs_no_more_than_a_key(machine: Machine) -> None:
    gateways(machine, "gw-a")
    machine.environ |= {"GROQ_API_KEY": KEY_A, "HF_TOKEN": KEY_B, "CEREBRAS_API_KEY": " "}
    offered = catalogue(
        gw_a=[model("m1")],
        groq=[model("m1", "@ai-sdk/groq")],
        huggingface=[model("m1")],
        cerebras=[model("m1", "@ai-sdk/cerebras")],
    )
    found = route(machine, "gw-a/m1", offered).targets[1:]
    assert [(spec.target.provider_id, spec.why_not, spec.url, sent(spec)) for spec in found] == [
        ("groq", None, "https://api.groq.com/openai/v1/chat/completions",
         {"authorization": f"Bearer {KEY_A}"}),
        ("huggingface", None, "https://router.huggingface.co/v1/chat/completions",
         {"authorization": f"Bearer {KEY_B}"}),
        ("cerebras", "no key", None, {}),
    ]  # fmt: skip


def test_each_wire_has_its_own_path_and_way_to_carry_a_key(machine: Machine) -> None:
    machine.environ |= {"OPENCODE_API_KEY": KEY_A, "ANTHROPIC_API_KEY": KEY_B, "OPENAI_API_KEY": KEY_C}
    offered = catalogue(
        opencode=[model("claude", MESSAGES), model("gpt", RESPONSES)],
        anthropic=[model("claude", MESSAGES)],
        openai=[model("gpt", RESPONSES)],
    )
    claude, gpt = (
        only(machine, "anthropic/claude", "opencode/claude", offered),
        only(machine, "opencode/gpt", "openai/gpt", offered),
    )
    assert (claude.wire, claude.url, sent(claude)) == (
        "anthropic-messages",
        "https://opencode.ai/zen/v1/messages",
        {"x-api-key": KEY_A, "anthropic-version": "2023-06-01"},
    )
    assert (gpt.wire, gpt.url, sent(gpt)) == (
        "openai-responses", "https://api.openai.com/v1/responses", {"authorization": f"Bearer {KEY_C}"},
    )  # fmt: skip


def test_a_package_goes_to_its_own_place_only_where_a_global_file_names_it(machine: Machine) -> None:
    machine.environ |= {"WORK_API_KEY": KEY_A, "HIDDEN_API_KEY": KEY_B}
    machine.write(machine.host, {"provider": {"work": {"npm": MESSAGES}}})
    offered = catalogue(
        anthropic=[model("m1", MESSAGES)], work=[model("m1", MESSAGES)], hidden=[model("m1", MESSAGES)]
    )
    _, work, hidden = route(machine, "anthropic/m1", offered).targets
    assert (work.url, hidden.url) == ("https://api.anthropic.com/v1/messages", None)
    assert (hidden.why_not, hidden.by_turn) == ("no address", True)


def test_other_wires_and_logins_are_for_whole_turns_only(machine: Machine) -> None:
    gateways(machine, "gw-a")
    machine.environ["OPENAI_API_KEY"] = KEY_B
    machine.write(machine.auth, {"openai": {"type": "oauth", "refresh": KEY_A, "accountId": "acc-1"}})
    offered = catalogue(
        gw_a=[model("m1")], google=[model("m1", "@ai-sdk/google")], openai=[model("m1", RESPONSES)]
    )
    found = route(machine, "gw-a/m1", offered).targets[1:]
    assert [(spec.wire, spec.why_not, spec.url, spec.headers, spec.by_turn) for spec in found] == [
        ("other", "other wire", None, {}, True),
        ("openai-responses", "no key", None, {}, True),
    ]
    assert found[1].account == account_of("openai", "https://chatgpt.com", "acc-1")


def test_a_target_that_opencode_does_not_offer_is_for_requests_only(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    entry = {"target": "gw-b/unlisted", "model": "vendor/unlisted"}
    machine.write(machine.ours, {"routes": [{"targets": ["gw-a/m1", entry]}]})
    spec = only(machine, "gw-a/m1", "gw-b/unlisted")
    assert (spec.model, spec.wire, spec.why_not, spec.by_turn) == (
        "vendor/unlisted",
        "openai-chat",
        None,
        False,
    )


def test_headers_of_opencode_of_the_provider_and_of_the_target_are_sent_the_nearest_last(
    machine: Machine,
) -> None:
    machine.environ |= {"CACHE": "on", "AUTH": "helicone-key"}
    options = {
        "baseURL": "https://gw-b.example",
        "apiKey": KEY_A,
        "headers": {"Helicone-Auth": "Bearer {env:AUTH}", "X-One": "host"},
    }
    gateways(machine, "gw-a", **{"gw-b": {"npm": CHAT, "options": options}})
    ours = {
        "providers": {"gw-b": {"headers": {"Helicone-Cache-Enabled": "{env:CACHE}", "x-one": "provider"}}},
        "routes": [{"targets": ["gw-a/m1", {"target": "gw-b/m1", "headers": {"X-ONE": "target"}}]}],
    }
    machine.write(machine.ours, ours)
    assert sent(only(machine, "gw-a/m1", "gw-b/m1")) == {
        "authorization": f"Bearer {KEY_A}",
        "helicone-auth": "Bearer helicone-key",
        "helicone-cache-enabled": "on",
        "x-one": "target",
    }


def test_abilities_are_the_catalogues_unless_the_target_says_otherwise(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    known = model(
        "m1", limits=CatalogueLimits(200_000, 32_000), input_modalities=["text", "image"], takes_tools=True
    )
    offered = catalogue(gw_a=[model("m1", input_modalities=["text"])], gw_b=[known])
    own, other = route(machine, "gw-a/m1", offered).targets
    assert own.abilities == Abilities(takes_images=False)
    assert other.abilities == Abilities(200_000, 32_000, takes_images=True, takes_tools=True)
    entry = {"target": "gw-b/m1", "contextLimit": 1000, "outputLimit": 500}
    machine.write(machine.ours, {"routes": [{"targets": ["gw-a/m1", entry]}]})
    assert only(machine, "gw-a/m1", "gw-b/m1", offered).abilities == Abilities(
        1000, 500, takes_images=True, takes_tools=True
    )


@pytest.mark.parametrize(
    ("origin", "account"),
    [
        (None, account_of("gw-a", "https://gw-a.example", "key-of-gw-a-" * 3)),
        ("https://gw-a.example", account_of("gw-a", "https://gw-a.example", "key-of-gw-a-" * 3)),
        ("https://evil.example", Account("gw-a", "https://evil.example", "local:https://evil.example")),
    ],
)
def test_a_project_that_redirects_a_provider_uses_an_account_of_its_own(
    machine: Machine, origin: str | None, account: Account
) -> None:
    gateways(machine, "gw-a")
    assert machine.load().targets.account(target("gw-a/m1"), origin) == account


def test_a_login_is_the_same_account_wherever_it_is_called(machine: Machine) -> None:
    machine.write(machine.auth, {"anthropic": {"type": "oauth", "refresh": KEY_A}})
    account = machine.load().targets.account(target("anthropic/m1"), "https://other.example")
    assert account == account_of("anthropic", "https://other.example", KEY_A)


def test_nothing_is_read_from_a_disk_once_a_configuration_is_loaded(machine: Machine) -> None:
    secret = machine.home / "secret"
    secret.write_text("from-a-file")
    options = {"baseURL": "https://gw-b.example", "headers": {"X-Key": f"{{file:{secret}}}"}}
    gateways(machine, "gw-a", **{"gw-b": {"npm": CHAT, "options": options}})
    targets = machine.loader.load(machine.project, (), TWO).targets
    secret.unlink()
    other = targets.route(target("gw-a/m1"), TWO).targets[1]
    assert sent(other) == {"x-key": "from-a-file"}


def test_a_route_is_built_once_for_a_catalogue(machine: Machine) -> None:
    gateways(machine, "gw-a", "gw-b")
    targets = machine.load().targets
    found = targets.route(target("gw-a/m1"), TWO)
    assert targets.route(target("gw-a/m1"), TWO) is found
    assert names(targets.route(target("gw-a/m1"), NOTHING)) == ["gw-a/m1"]
    assert names(targets.route(target("gw-a/m1"), TWO)) == ["gw-a/m1", "gw-b/m1"]
