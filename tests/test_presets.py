"""Every preset, on the recorded replies that it was written for and on parts of them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota import presets
from sidecar.quota.mapping import Context, Reading, Reply, read
from sidecar.quota.windows import Window
from tests.recorded import NOW, RECORDED, Row, expected, id_of, reading_of, rounded

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=20),
    st.sampled_from(["12.5", "None", "2026-12-01T00:00:00Z", "-1", ""]),
)  # fmt: skip
NAMES = (
    "key", "tokens", "cost", "limit", "used", "remaining", "resets_at", "currency", "data", "info", "usage",
    "limit_remaining", "spend", "max_budget", "litellm_budget_table", "budget_reset_at", "blocked",
)  # fmt: skip
bodies: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


def by(preset: str, body: object) -> Reading:
    return read(presets.load(preset), Reply(body, {}), Context(NOW))


@pytest.mark.parametrize("row", RECORDED, ids=id_of)
def test_a_recorded_reply_maps_to_exactly_its_windows(row: Row) -> None:
    assert [rounded(window) for window in reading_of(row).windows] == expected(row)


def test_every_preset_has_a_recorded_reply_and_loads() -> None:
    assert {row["preset"] for row in RECORDED} == set(presets.names())


def test_there_is_no_preset_of_another_name() -> None:
    for name in ("", "Neutral", "../presets/neutral", "neutral.toml"):
        with pytest.raises(KeyError):
            presets.load(name)


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


@given(bodies, st.sampled_from(("neutral", "openrouter", "litellm")))
def test_no_reply_makes_a_preset_fail_and_every_reading_can_be_stored(body: Any, preset: str) -> None:
    reading = by(preset, body)
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading


@given(bodies, bodies)
def test_a_bad_half_never_hides_a_good_one(bad: Any, key: Any) -> None:
    half = {"limit": 10, "used": 4}
    tokens = Window("tokens", "tokens", limit=10, used=4, remaining=6, percent_remaining=60.0)
    assert tokens in by("neutral", {"key": key, "tokens": half, "cost": bad}).windows
    cost = msgspec.structs.replace(tokens, name="cost", unit="cost", currency="USD")
    assert cost in by("neutral", {"key": key, "cost": half | {"currency": "USD"}, "tokens": bad}).windows


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(("limit", "used", "remaining")))
def test_any_two_of_the_neutral_figures_give_the_third(used: int, remaining: int, absent: str) -> None:
    whole = {"limit": used + remaining, "used": used, "remaining": remaining}
    partial = {name: str(value) for name, value in whole.items() if name != absent}
    (window,) = by("neutral", {"tokens": partial}).windows
    assert (window.limit, window.used, window.remaining) == (used + remaining, used, remaining)
