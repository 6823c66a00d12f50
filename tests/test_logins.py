"""Logins as keys: which presets may send a token of OpenCode's login, where to, and whose account it is."""

from pathlib import Path

import pytest
from anyio import to_thread

from sidecar.adapters.gateway_client import ask
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.core.account import account_of
from sidecar.quota import presets
from tests.bed.gateways import Gateway
from tests.bed.replies import json_reply
from tests.machine import KEY_A, KEY_B, Machine, key_of

ACCESS, REFRESH, LATER = (f"{name}-token-of-a-login-0123" for name in ("access", "refresh", "later"))
LOGIN = {"type": "oauth", "access": ACCESS, "refresh": REFRESH, "expires": 1_795_219_200_000}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("preset", "provider_id", "config", "token", "origin"),
    [
        ("claude-plan", "anthropic", {}, ACCESS, "https://api.anthropic.com"),
        ("chatgpt", "openai", {"account_id": "a"}, ACCESS, "https://chatgpt.com"),
        ("github-copilot", "github-copilot", {}, REFRESH, "https://api.githubcopilot.com"),
    ],
)
def test_a_preset_for_a_login_sends_the_login_that_opencode_has(
    machine: Machine, preset: str, provider_id: str, config: dict[str, str], token: str, origin: str
) -> None:
    """Its account is the one that answers chats, also where another host says what is left."""
    machine.write(machine.auth, {provider_id: LOGIN})
    machine.gateways({"providerId": provider_id, "preset": preset, "config": config})
    gateway = machine.only()
    assert (key_of(gateway), gateway.credential and gateway.credential.used.source) == (
        token,
        "OpenCode's login",
    )
    assert gateway.account == account_of(provider_id, origin, REFRESH)


def test_only_these_presets_take_a_login() -> None:
    found = {name: login for name in presets.names() if (login := presets.load(name).login)}
    assert found == {
        "claude-plan": {"anthropic": "access"},
        "chatgpt": {"openai": "access"},
        "github-copilot": {"github-copilot": "refresh"},
    }


def test_a_login_stays_one_account_when_its_token_is_renewed(machine: Machine) -> None:
    machine.gateways({"providerId": "anthropic", "preset": "claude-plan"})
    machine.write(machine.auth, {"anthropic": LOGIN})
    before = machine.only()
    machine.write(machine.auth, {"anthropic": LOGIN | {"access": LATER}})
    after = machine.only()
    assert (key_of(before), key_of(after), before.key()) == (ACCESS, LATER, after.key())
    assert after.secrets() == [LATER, REFRESH]


@pytest.mark.parametrize(
    ("provider_id", "more"),
    [
        ("anthropic", {"preset": "claude-plan", "baseURL": "https://campus.example"}),
        ("anthropic", {"preset": "deepseek"}),
        ("openai", {"preset": "claude-plan"}),
        ("anthropic", {"preset": "claude-plan", "baseURL": "https://api.anthropic.com:8443"}),
    ],
    ids=str,
)
def test_a_login_goes_to_its_own_service_for_its_own_preset_and_nowhere_else(
    machine: Machine, provider_id: str, more: dict[str, str]
) -> None:
    machine.write(machine.auth, {provider_id: LOGIN})
    machine.gateways({"providerId": provider_id, **more})
    assert machine.only().credential is None


def test_a_login_does_not_follow_a_provider_to_its_proxy(machine: Machine) -> None:
    machine.write(machine.auth, {"anthropic": LOGIN})
    machine.provider("anthropic", baseURL="https://proxy.example/v1")
    machine.gateways({"providerId": "anthropic", "preset": "claude-plan"})
    gateway = machine.only()
    assert (gateway.credential, gateway.urls()) == (None, ("GET https://proxy.example/api/oauth/usage",))


def test_a_login_goes_before_keys_of_the_service_but_not_before_one_that_is_named(machine: Machine) -> None:
    """An API key in the usual variable is of no use to an endpoint for logins."""
    machine.write(machine.auth, {"anthropic": LOGIN})
    machine.environ |= {"ANTHROPIC_API_KEY": KEY_A, "MY_TOKEN": KEY_B}
    machine.gateways({"providerId": "anthropic", "preset": "claude-plan"})
    found = machine.only().credential
    assert found is not None
    assert (found.used.key.reveal(), [source.source for source in found.shadowed]) == (
        ACCESS,
        ["environment ANTHROPIC_API_KEY"],
    )
    machine.gateways({"providerId": "anthropic", "preset": "claude-plan", "apiKeyEnv": "MY_TOKEN"})
    assert key_of(machine.only()) == KEY_B


async def test_a_login_is_sent_as_the_preset_says(
    http: QuotaHttp, gateway: Gateway, machine: Machine
) -> None:
    own = machine.config / "quota-presets" / "plan.toml"
    own.parent.mkdir()
    own.write_text(
        f'base_url = "{gateway.origin}"\nlogin = {{ mine = "access" }}\n'
        '[[requests]]\npath = "/usage"\n'
        '[[windows]]\nname = "w"\nunit = "percent"\npercent_used = "body.n"\n'
    )
    machine.write(machine.auth, {"mine": LOGIN})
    machine.gateways({"providerId": "mine", "preset": "plan"})
    gateway.script("/usage", json_reply({"n": 25}))
    configured = await to_thread.run_sync(machine.only)
    reading = await ask(http, configured, 20, lambda: 1_795_219_199.0)
    assert [window.percent_remaining for window in reading.windows] == [75.0]
    assert [request.headers["authorization"] for request in gateway.requests] == [f"Bearer {ACCESS}"]
