"""Providers without an entry: who is asked all the same, where their keys and logins go, and who is not."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.config import Config
from sidecar.core.account import account_of
from sidecar.protocol import CatalogueProvider
from sidecar.quota import presets
from tests.machine import KEY_A, KEY_B, Machine, key_of

LOGIN = {"type": "oauth", "access": f"access-{KEY_A}", "refresh": f"refresh-{KEY_A}", "expires": 0}
CHATGPT = LOGIN | {"accountId": "0f1e2d3c-account-of-chatgpt"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def asked(config: Config) -> list[tuple[str, tuple[str, ...], str | None, str | None]]:
    """Return of each gateway whose it is, where it is asked, with which key, and where that is from."""
    return [
        (row.provider_id, row.urls(), key_of(row), row.credential and row.credential.used.source)
        for row in config.gateways
    ]


OPENROUTER = ("GET https://openrouter.ai/api/v1/key",)


def test_a_key_in_the_environment_is_enough(machine: Machine) -> None:
    machine.environ["OPENROUTER_API_KEY"] = KEY_A
    config = machine.load()
    assert asked(config) == [("openrouter", OPENROUTER, KEY_A, "environment OPENROUTER_API_KEY")]
    assert (config.problems, config.unasked) == ((), ())


def test_a_key_of_a_global_file_or_of_auth_json_is_enough(machine: Machine) -> None:
    machine.write(machine.auth, {"openrouter": {"type": "api", "key": KEY_A}})
    assert asked(machine.load()) == [("openrouter", OPENROUTER, KEY_A, "auth.json")]
    machine.provider("openrouter", apiKey=KEY_B)
    assert asked(machine.load()) == [("openrouter", OPENROUTER, KEY_B, "opencode.json")]


def test_variables_that_opencode_takes_a_key_from_are_known(machine: Machine) -> None:
    machine.environ |= {"OPENCODE_API_KEY": KEY_A, "MY_POE": KEY_B}
    machine.write(machine.host, {"provider": {"poe": {"env": ["MY_POE"]}}})
    assert [(name, key, source) for name, _, key, source in asked(machine.load())] == [
        ("opencode-go", KEY_A, "environment OPENCODE_API_KEY"),
        ("poe", KEY_B, "environment MY_POE"),
    ]


def test_nobody_is_asked_without_a_key_or_a_login(machine: Machine) -> None:
    machine.write(machine.auth, {"deepseek": {"type": "oauth"}, "poe": {"type": "api", "key": " "}, "v0": 3})
    machine.provider("openrouter", apiKey="{env:NO_SUCH}")
    assert asked(machine.load()) == []


@pytest.mark.parametrize(
    "ours",
    [
        {"autoQuota": False},
        {"providers": {"openrouter": {"enabled": False}}},
        {"gateways": [{"providerId": "openrouter", "preset": "no-such-preset"}]},
    ],
    ids=str,
)
def test_who_says_otherwise_is_heeded(machine: Machine, ours: dict[str, Any]) -> None:
    """An entry says where to look, also one that can't be used."""
    machine.environ["OPENROUTER_API_KEY"] = KEY_A
    machine.write(machine.ours, ours)
    assert asked(machine.load()) == []


def test_an_entry_for_another_plugin_is_one_too(machine: Machine) -> None:
    machine.environ["OPENROUTER_API_KEY"] = KEY_A
    entry = {"providerId": "openrouter", "preset": "openrouter-credits"}
    machine.write(machine.host, {"experimental": {"quotaToast": {"openaiCompatibleGateways": [entry]}}})
    assert [urls for _, urls, _, _ in asked(machine.load())] == [
        ("GET https://openrouter.ai/api/v1/credits",)
    ]


def test_a_project_can_switch_it_off_for_one_provider(machine: Machine) -> None:
    machine.environ["OPENROUTER_API_KEY"] = KEY_A
    machine.write(machine.projects_file, {"providers": {"openrouter": {"enabled": False}}})
    assert (asked(machine.load()), machine.load().switched_off) == ([], ("openrouter",))


@pytest.mark.parametrize(
    "base",
    ["https://proxy.example/v1", "http://openrouter.ai/api/v1", "https://openrouter.ai:8443/v1", "{env:NO}"],
)
def test_a_key_of_a_provider_that_is_sent_elsewhere_stays_away_from_the_service(
    machine: Machine, base: str
) -> None:
    machine.environ["OPENROUTER_API_KEY"] = KEY_A
    machine.provider("openrouter", baseURL=base)
    assert asked(machine.load()) == []


@pytest.mark.parametrize(
    ("provider_id", "base", "urls"),
    [
        ("openrouter", "https://openrouter.ai/api/v2", OPENROUTER),
        ("chutes", "https://llm.chutes.ai/v1", ("GET https://api.chutes.ai/users/me/subscription_usage",)),
        ("chutes", "https://api.chutes.ai", ("GET https://api.chutes.ai/users/me/subscription_usage",)),
    ],
)
def test_at_the_services_own_place_it_is_asked_as_the_preset_says(
    machine: Machine, provider_id: str, base: str, urls: tuple[str, ...]
) -> None:
    machine.provider(provider_id, baseURL=base, apiKey=KEY_A)
    assert asked(machine.load()) == [(provider_id, urls, KEY_A, "opencode.json")]


def test_an_entry_too_finds_the_place_that_says_what_is_left_beside_the_models(machine: Machine) -> None:
    machine.provider("chutes", baseURL="https://llm.chutes.ai/v1", apiKey=KEY_A)
    machine.gateways({"providerId": "chutes", "preset": "chutes"})
    gateway = machine.only()
    assert gateway.urls() == ("GET https://api.chutes.ai/users/me/subscription_usage",)
    assert gateway.account == account_of("chutes", "https://llm.chutes.ai", KEY_A)


def test_of_what_the_host_offers_no_other_is_asked(machine: Machine) -> None:
    machine.environ |= {"OPENROUTER_API_KEY": KEY_A, "DEEPSEEK_API_KEY": KEY_B}
    offered = Catalogue([CatalogueProvider(id="deepseek", name="DeepSeek", models=[])])
    (gateway,) = machine.loader.load(machine.project, catalogue=offered).gateways
    assert (gateway.provider_id, gateway.label) == ("deepseek", "DeepSeek")


UNDOCUMENTED = {
    "anthropic": (LOGIN, "GET https://api.anthropic.com/api/oauth/usage", LOGIN["access"]),
    "openai": (CHATGPT, "GET https://chatgpt.com/backend-api/wham/usage", LOGIN["access"]),
    "github-copilot": (LOGIN, "GET https://api.github.com/copilot_internal/user", LOGIN["refresh"]),
    "kilo": (
        {"type": "api", "key": KEY_B},
        "GET https://api.kilo.ai/api/profile/balance",
        KEY_B,
    ),
}


@pytest.mark.parametrize("provider_id", UNDOCUMENTED)
def test_what_a_service_does_not_document_is_asked_only_where_it_is_turned_on(
    machine: Machine, provider_id: str
) -> None:
    login, url, token = UNDOCUMENTED[provider_id]
    machine.write(machine.auth, {provider_id: login})
    off = machine.load()
    assert (asked(off), off.unasked, off.problems) == ([], (provider_id,), ())
    machine.write(machine.ours, {"providers": {provider_id: {"undocumented": True}}})
    on = machine.load()
    assert ([row[:3] for row in asked(on)], on.unasked) == ([(provider_id, (url,), token)], ())
    machine.write(machine.ours, {"providers": {provider_id: {"enabled": False}}})
    assert machine.load().unasked == ()


def test_an_api_key_is_no_login(machine: Machine) -> None:
    machine.environ["ANTHROPIC_API_KEY"] = KEY_A
    machine.write(machine.ours, {"providers": {"anthropic": {"undocumented": True}}})
    assert (asked(machine.load()), machine.load().unasked) == ([], ())


def test_the_login_itself_says_the_account_that_is_asked_for(machine: Machine) -> None:
    machine.write(machine.auth, {"openai": CHATGPT})
    machine.write(machine.ours, {"providers": {"openai": {"undocumented": True}}})
    gateway = machine.only()
    assert gateway.config == {"account_id": CHATGPT["accountId"]}
    assert CHATGPT["accountId"] in gateway.secrets()
    assert gateway.account == account_of("openai", "https://chatgpt.com", str(CHATGPT["accountId"]))
    machine.gateways({"providerId": "openai", "preset": "chatgpt"})
    assert machine.only().config == {"account_id": CHATGPT["accountId"]}
    machine.gateways({"providerId": "openai", "preset": "chatgpt", "config": {"account_id": "another"}})
    assert machine.only().config == {"account_id": "another"}


def test_a_login_that_lacks_what_the_service_wants_is_not_asked_with(machine: Machine) -> None:
    machine.write(machine.auth, {"openai": LOGIN})
    machine.write(machine.ours, {"providers": {"openai": {"undocumented": True}}})
    assert asked(machine.load()) == []


def test_the_login_of_a_companys_own_host_is_not_sent_to_the_public_one(machine: Machine) -> None:
    machine.write(machine.auth, {"github-copilot": LOGIN | {"enterpriseUrl": "company.ghe.com"}})
    machine.write(machine.ours, {"providers": {"github-copilot": {"undocumented": True}}})
    assert asked(machine.load()) == []
    machine.gateways({"providerId": "github-copilot", "preset": "github-copilot"})
    assert machine.only().credential is None


def test_the_users_own_preset_is_asked_for_the_providers_that_it_names(machine: Machine) -> None:
    folder = machine.config / "quota-presets"
    folder.mkdir()
    text = '[[windows]]\nname = "w"\nunit = "cost"\nused = "body.n"\n'
    (folder / "campus.toml").write_text(
        f'base_url = "https://campus.example"\nproviders = ["campus"]\n{text}'
    )
    (folder / "broken.toml").write_text('providers = ["campus"]\n')
    (folder / "openrouter.toml").write_text(text)
    machine.environ |= {"CAMPUS_API_KEY": KEY_A, "OPENROUTER_API_KEY": KEY_B}
    config = machine.load()
    assert asked(config) == [
        ("campus", ("GET https://campus.example/quota",), KEY_A, "environment CAMPUS_API_KEY")
    ]
    assert config.problems == ()


def test_every_provider_that_is_asked_goes_by_the_key_to_its_own_service_alone(machine: Machine) -> None:
    """Of all presets at once: no key of one is ever sent with another's, nor to another's place."""
    known = presets.asking()
    keys = {provider_id: f"key-of-{provider_id}-0123456789" for provider_id in known}
    logins = {"anthropic": LOGIN, "openai": CHATGPT, "github-copilot": LOGIN}
    rows: dict[str, object] = {name: {"type": "api", "key": key} for name, key in keys.items()}
    machine.write(machine.auth, rows | logins)
    machine.write(machine.ours, {"providers": {name: {"undocumented": True} for name in known}})
    config = machine.load()
    assert [row.provider_id for row in config.gateways] == sorted(known)
    for row in config.gateways:
        (preset,) = known[row.provider_id]
        assert row.base is not None
        assert row.base.url == presets.load(preset).base_url
        assert row.provider_id in logins or key_of(row) == keys[row.provider_id]


def test_a_key_of_the_models_goes_nowhere_else_than_to_their_own_service(machine: Machine) -> None:
    machine.provider("chutes", baseURL="https://llm.chutes.ai/v1", apiKey=KEY_A)
    machine.gateways({"providerId": "chutes", "preset": "chutes", "baseURL": "https://proxy.example"})
    path, message = machine.refused()
    assert path == "gateways[0].baseURL"
    assert "another" in message
