"""Every preset, on the recorded replies that it was written for and on parts of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.headroom import binds
from sidecar.quota import presets
from sidecar.quota.mapping import Context, Reading, Reply, read
from sidecar.quota.windows import Window
from tests.recorded import NOW, RECORDED, Row, expected, id_of, reading_of, rounded


def by(preset: str, body: object) -> Reading:
    return read(presets.load(preset), Reply(body, {}), Context(NOW))


@pytest.mark.parametrize("row", RECORDED, ids=id_of)
def test_a_recorded_reply_maps_to_exactly_its_windows(row: Row) -> None:
    assert [rounded(window) for window in reading_of(row).windows] == expected(row)


def test_every_preset_has_a_recorded_reply_and_loads() -> None:
    assert {row["preset"] for row in RECORDED} == set(presets.names())


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_says_what_it_shows_and_comes_from_one_place(name: str) -> None:
    mapping = presets.load(name)
    assert mapping.summary
    assert mapping.summary.isprintable()
    assert len(mapping.summary) <= 110
    assert mapping.base_url is None or mapping.base_url.startswith("https://")
    assert mapping.serves is None or mapping.serves.startswith("https://")


def test_who_is_asked_without_configuration_is_found_without_parsing_a_preset() -> None:
    found: dict[str, tuple[str, ...]] = {}
    for name in presets.names():
        for provider_id in () if presets.load(name).is_passive else presets.load(name).providers:
            found[provider_id] = (*found.get(provider_id, ()), name)
    assert presets.asking() == found
    assert presets.asking()["openrouter"] == ("openrouter",)


def test_what_a_service_does_not_document_is_marked() -> None:
    assert [name for name in presets.names() if presets.load(name).undocumented] == [
        "aihubmix", "chatgpt", "claude-plan", "cline-pass", "github-copilot", "kilo", "kimi", "ollama-cloud",
        "zai",
    ]  # fmt: skip


def test_there_is_no_preset_of_another_name() -> None:
    for name in ("", "Neutral", "../presets/neutral", "neutral.toml"):
        with pytest.raises(KeyError):
            presets.load(name)


def test_headers_that_many_services_share_are_left_to_presets_that_know_the_service() -> None:
    assert presets.listening_to("groq") == ["groq", "helicone", "litellm-headers", "ratelimit-headers"]
    assert presets.listening_to("my-gateway") == [
        "helicone", "litellm-headers", "openai-headers", "ratelimit-headers",
    ]  # fmt: skip
    for provider_id in ("openai", "azure", "azure-cognitive-services", "venice"):
        assert "openai-headers" not in presets.listening_to(provider_id)


@pytest.mark.parametrize(
    ("body", "windows"),
    [
        (
            {"tokens": {"limit": "100", "used": "25.0"}, "cost": None},
            [Window("tokens", "tokens", limit=100, used=25.0, remaining=75.0, percent_remaining=75.0)],
        ),
        (
            {"cost": {"currency": "EUR", "used": 5, "remaining": 15}},
            [Window("cost", "cost", limit=20, used=5, remaining=15, percent_remaining=75.0, currency="EUR")],
        ),
        ({"cost": {"currency": "EUR", "remaining": 15}},
         [Window("cost", "cost", remaining=15, currency="EUR")]),
        ({"tokens": {"limit": "lots", "used": 3}}, [Window("tokens", "tokens", used=3)]),
        ({"tokens": {"limit": 10, "used": 3, "resets_at": "soon"}},
         [Window("tokens", "tokens", limit=10, used=3, remaining=7, percent_remaining=70.0)]),
        ({"tokens": {"limit": 10, "used": 13}},
         [Window("tokens", "tokens", limit=10, used=13, remaining=-3, percent_remaining=-30.0)]),
        ({"tokens": {}, "cost": {"currency": "USD"}}, []),
        ({"tokens": [1, 2], "cost": "5"}, []),
        ({}, []),
        ([], []),
        (None, []),
        ("quota", []),
    ],
    ids=repr,
)  # fmt: skip
def test_the_neutral_shape_may_be_partial(body: object, windows: list[Window]) -> None:
    assert by("neutral", body).windows == windows


def test_the_neutral_key_is_the_accounts_name() -> None:
    reading = by("neutral", {"key": "open\x1bcode", "tokens": {"used": 1}})
    assert reading == Reading([Window("tokens", "tokens", used=1)], "open code")


def key_limit(**figures: Any) -> Window:
    return Window("key limit", "cost", currency="USD", **figures)


@pytest.mark.parametrize(
    ("data", "windows"),
    [
        ({"limit": None, "usage": 3}, [key_limit(unlimited=True)]),
        ({"limit": 0, "limit_remaining": 0},
         [key_limit(limit=0, used=0, remaining=0, percent_remaining=0.0)]),
        ({"limit": 10, "limit_remaining": -2, "usage": 500},
         [key_limit(limit=10, used=12, remaining=-2, percent_remaining=-20.0)]),
        ({"limit": "10", "limit_remaining": "4"},
         [key_limit(limit=10, used=6, remaining=4, percent_remaining=40.0)]),
        ({"usage": 3}, []),
        (None, []),
        ([], []),
        ("x", []),
    ],
    ids=repr,
)  # fmt: skip
def test_openrouter_never_takes_the_lifes_usage_for_the_periods(data: object, windows: list[Window]) -> None:
    assert by("openrouter", {"data": data}).windows == windows


def budget(**figures: Any) -> list[Window]:
    return [Window("budget", "cost", currency="USD", **figures)]


@pytest.mark.parametrize(
    ("info", "windows"),
    [
        ({"spend": 2.5, "max_budget": None}, budget(used=2.5, unlimited=True)),
        ({"spend": 2.5, "max_budget": None, "litellm_budget_table": {"max_budget": 10}},
         budget(limit=10, used=2.5, remaining=7.5, percent_remaining=75.0)),
        ({"spend": 2.5, "max_budget": 99, "litellm_budget_table": {"max_budget": 10}},
         budget(limit=10, used=2.5, remaining=7.5, percent_remaining=75.0)),
        ({"spend": 2.5, "max_budget": 10, "litellm_budget_table": {"max_budget": None}},
         budget(limit=10, used=2.5, remaining=7.5, percent_remaining=75.0)),
        ({"spend": 12, "max_budget": 10, "blocked": True},
         budget(limit=10, used=12, remaining=-2, percent_remaining=-20.0, blocked=True)),
        ({"spend": 1, "max_budget": 4, "blocked": "False"},
         budget(limit=4, used=1, remaining=3, percent_remaining=75.0)),
        ({"spend": 2.5}, budget(used=2.5)),
        ({}, []),
        (None, []),
    ],
    ids=repr,
)  # fmt: skip
def test_litellm_reads_the_budget_that_applies(info: object, windows: list[Window]) -> None:
    assert by("litellm", {"info": info}).windows == windows


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(("limit", "used", "remaining")))
def test_any_two_of_the_neutral_figures_give_the_third(used: int, remaining: int, absent: str) -> None:
    whole = {"limit": used + remaining, "used": used, "remaining": remaining}
    partial = {name: str(value) for name, value in whole.items() if name != absent}
    (window,) = by("neutral", {"tokens": partial}).windows
    assert (window.limit, window.used, window.remaining) == (used + remaining, used, remaining)


REFUSALS: list[tuple[str, Any]] = [
    ("zai", {"code": 401, "msg": "token expired or incorrect", "success": False}),
    ("minimax", {"base_resp": {"status_code": 1004, "status_msg": "token expired"}, "model_remains": []}),
    ("minimax", {"data": {"base_resp": {"status_code": 1004}}}),
    ("one-api", {"subscription": {"error": {"message": "no", "type": "upstream_error"}}, "usage": {}}),
    ("new-api", {"code": False, "message": "no such token"}),
    ("new-api", {"code": "404"}),
    ("new-api", "<!doctype html>"),
    ("sub2api", {"isValid": False, "status": "disabled"}),
    ("siliconflow", {"code": 30001, "message": "Api key is invalid", "status": False, "data": None}),
]


@pytest.mark.parametrize(("preset", "body"), REFUSALS, ids=repr)
def test_an_error_with_http_200_is_known_as_one(preset: str, body: Any) -> None:
    assert by(preset, body) == Reading([], is_refusal=True)


def test_the_account_is_a_name_and_never_a_part_of_a_key() -> None:
    """Replies write their keys as `sk-or-v1-0e6...1c96`, some in a field that is called a label."""
    named = {row["preset"]: account for row in RECORDED if (account := reading_of(row).account)}
    assert (named["litellm"], named["bifrost"], named.get("openrouter")) == ("opencode", "dev", None)
    assert [account for account in named.values() if "sk-" in account or "..." in account] == []


@pytest.mark.parametrize(
    ("model", "binding"),
    [
        ("claude-opus-4-5", ["5h", "7d", "7d opus"]),
        ("claude-sonnet-4-5", ["5h", "7d", "7d sonnet"]),
        ("claude-haiku-4-5", ["5h", "7d"]),
    ],
)
def test_limits_of_one_family_of_models_bind_no_other(model: str, binding: list[str]) -> None:
    body = {
        part: {"utilization": 1} for part in ("five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet")
    }
    body |= {"extra_usage": {"is_enabled": True, "monthly_limit": 1, "used_credits": 1}}
    assert [window.name for window in by("claude-plan", body).windows if binds(window, model)] == binding
