"""What the doctor says of gateways and keys: asked now, each failure with its cure; and who is not asked."""

from typing import Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.page import KEY, configure, doctor, install, problems
from tests.bed.replies import Fault, Reply

STALLS: Final = Reply(200, [Fault.STALL], {"content-length": "9"})


def test_a_provider_that_is_not_asked_is_named_with_the_preset_that_fits(home: Home) -> None:
    install(home)
    home.write_gateways(autoQuota=False)
    home.write_opencode({"lab": provider("https://lab.example/v1", key=None)})
    home.write_auth(openrouter=KEY, unheard=KEY)
    page = doctor(home, 0)
    assert page["Gateways, asked now"] == [
        "  none",
        "  openrouter                 not configured · key: auth.json",
        '                             "preset": "openrouter" fits',
        "  unheard                    not configured · key: auth.json",
        "                             no preset is made for it",
    ]
    assert page["Worth knowing:"] == [
        "  - No gateway is configured, and nothing is known of what is left anywhere. To",
        "    be told, write into ~/.config/opencode/quota-sidecar.jsonc:",
        '    { "gateways": [{ "providerId": "openrouter", "preset": "openrouter" }] }',
    ]


def test_a_provider_whose_ordinary_answers_tell_needs_no_gateway(home: Home) -> None:
    install(home)
    home.write_opencode({})
    home.write_auth(anthropic=KEY)
    assert doctor(home, 0)["Gateways, asked now"] == [
        "  none",
        "  anthropic                  not configured · key: auth.json",
        "                             its ordinary answers tell what is left",
    ]


def test_keys_are_told_by_their_sources(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    home.write_auth(campus="third-key-0123456789")
    page = doctor(home, 0, CAMPUS_API_KEY="second-key-0123456789")
    assert page["Gateways, asked now"] == [
        "  Campus (campus)            ok, 1 window · N ms",
        "                             key: environment CAMPUS_API_KEY",
        "                             not used: opencode.json, auth.json",
        "                             OpenCode uses another key: opencode.json",
    ]


@pytest.mark.parametrize(
    ("reply", "row", "problem"),
    [
        (Reply(401), "! HTTP 401 · N ms · key: opencode.json",
         ["1. Campus (campus): HTTP 401: the gateway refuses the key",
          "Cure: Check the key: it may have expired, or be another gateway's. "
          "A new one goes to the same place."]),
        (STALLS,
         "! no answer in time · N ms · key: opencode.json",
         ["1. Campus (campus): no answer in time",
          "Cure: Check that it can be reached from here; for a slow gateway raise quotaTimeoutS."]),
        (Reply(200, b"{}"), "! the reply holds no figure that the preset knows",
         ["1. Campus (campus): HTTP 200: the reply holds no figure that the preset knows",
          "Cure: Choose another preset, or write a mapping; "
          "`quota-sidecar map` tries one on a saved reply."]),
    ],
)  # fmt: skip
def test_a_gateway_that_fails_is_told_with_the_cure(
    home: Home, gateway: Gateway, reply: Reply, row: str, problem: list[str]
) -> None:
    configure(home, gateway, quotaTimeoutS=0.5 if reply is STALLS else 8)
    gateway.script("/v1/quota", reply)
    page = doctor(home, 1)
    assert page["Gateways, asked now"][0] == f"  Campus (campus)            {row}"
    assert problems(page) == problem


def test_a_gateway_that_wants_a_key_gets_the_variable_named(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=None)})
    gateway.script("/v1/quota", Reply(401))
    assert problems(doctor(home, 1)) == [
        "1. Campus (campus): HTTP 401: the gateway wants a key, and none was found for this provider",
        "Cure: Set CAMPUS_API_KEY where OpenCode is started, or run `opencode auth login`.",
    ]


def test_a_proxy_that_cannot_be_used_is_named_as_the_cause(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    home.write_gateways({"providerId": "lab", "baseURL": "https://127.0.0.1:9/v1"})
    page = doctor(home, 1, HTTPS_PROXY="socks5://127.0.0.1:9")
    assert any("HTTPS_PROXY" in line for line in page["Program"])
    assert problems(page) == [
        "1. lab: the environment's proxy or certificate settings can't be used (SOCKS is not supported)",
        "Cure: Correct HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, or unset them.",
    ]


def test_switched_off_it_asks_nobody_and_says_so(home: Home, gateway: Gateway) -> None:
    configure(home, gateway, enabled=False)
    assert doctor(home, 0)["Gateways, asked now"] == [
        "  none was asked: the plugin is switched off (enabled: false)",
        "  Campus (campus)            not asked · key: opencode.json",
    ]
    configure(home, gateway, providers={"campus": {"enabled": False}})
    assert doctor(home, 0)["Gateways, asked now"] == ["  none", "  switched off campus"]
    assert gateway.requests == []
