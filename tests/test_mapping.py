"""The mapping language: what its expressions see, what each field does, and what is refused at load."""

from typing import Any

import pytest

from sidecar.quota.mapping import Context, Reading, Reply, read
from sidecar.quota.mapping_checks import config_used, from_data, headers_read
from sidecar.quota.windows import Window
from tests.reading import DAY, NOW, mapping_of, only, windows


def test_an_expression_sees_body_headers_captured_values_and_parameters() -> None:
    mapping = from_data(
        {
            "config": {"plan": "the plan's name"},
            "requests": [{"capture": {"most": "body.most"}}],
            "windows": [
                {
                    "name": '{config.plan} {headers."x-tier"}',
                    "unit": "credits",
                    "limit": "captured.most",
                    "used": "body.used",
                }
            ],
        }
    )
    context = Context(NOW, {"most": 10}, {"plan": "team"})
    assert read(mapping, Reply({"used": 4}, {"x-tier": "gold"}), context) == Reading(
        [Window("team gold", "credits", limit=10, used=4, remaining=6, percent_remaining=60.0)]
    )


def test_rows_make_one_window_each_and_a_bad_row_hides_none() -> None:
    mapping = mapping_of(rows="body.limits", name="{row.window}", limit="row.max", used="row.n")
    rows = [{"window": "5h", "max": 4, "n": 1}, None, "x", {"window": ["?"]}, {"window": None, "max": 2}]
    assert windows(mapping, {"limits": rows}) == [
        Window("5h", "credits", limit=4, used=1, remaining=3, percent_remaining=75.0),
        Window("credits", "credits", limit=2),
    ]


def test_an_object_is_one_row_and_its_entries_are_many() -> None:
    one = mapping_of(rows="body", used="row.a")
    assert windows(one, {"a": 1}) == [Window("w", "credits", used=1)]
    many = mapping_of(rows="entries(body)", name="{row.key}", used="row.value")
    assert windows(many, {"a": 1, "b": 2}) == [Window("a", "credits", used=1), Window("b", "credits", used=2)]
    assert windows(many, [1]) == windows(one, 3) == []


def test_there_are_never_more_than_fifty_windows() -> None:
    mapping = from_data(
        {"windows": [{"name": "{row}", "unit": "credits", "rows": "body", "used": "row"}] * 3}
    )
    assert len(windows(mapping, list(range(40)))) == 50


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("percent_remaining", 40, 40.0),
        ("percent_remaining", "40 %", 40.0),
        ("percent_used", 12.5, 87.5),
        ("percent_used", "130", -30.0),
        ("fraction_remaining", 0.4, 40.0),
        ("fraction_used", "0.405", 59.5),
        ("fraction_used", 0.37, 63.0),
    ],
)
def test_a_share_may_be_a_percentage_or_a_fraction_of_what_is_left_or_used(
    field: str, value: object, left: float
) -> None:
    window = only({"x": value}, **{field: "body.x"})
    assert window == Window("w", "credits", percent_remaining=left)


def test_a_stated_share_is_kept_beside_the_figures() -> None:
    window = only(
        {"l": 36, "r": 35.3, "p": 98}, limit="body.l", remaining="body.r", percent_remaining="body.p"
    )
    assert window == Window("w", "credits", limit=36, used=0.7, remaining=35.3, percent_remaining=98.0)


@pytest.mark.parametrize(
    ("expression", "figure"),
    [
        ("divide(body.cents, `100`)", 2.5),
        ("multiply(body.cents, `-0.01`)", -2.5),
        ("multiply(body.micros, `0.000001`)", 24.994),
        ("divide(body.money, body.cents)", 4.938),
        ("add(body.money, '$0.50')", 1235.0),
        ("subtract(`0.3`, `0.1`)", 0.2),
        ("number_after(body.header, 'r=')", 50),
        ("number_after(body.header, 'q=')", 100),
        ("number_after(body.spread, 'of ')", 1000.5),
        ("number_after(body.spread, '')", 12),
        ("number_after(body.price, '')", 2.5),
        ("number_after(body.price, 'of ')", 1050),
        ("number_after('used 1.5e6 of 2e6', 'of ')", 2_000_000),
        ("split(body.spread, 'of')[1]", 1000.5),
        ("length(split(body.header, ';'))", 4),
        ("sum(body.rows[].n)", 3.3),
        ("max(body.rows[].n)", 2),
        ("min(body.rows[].n)", 0.1),
        ("sum(body.none || `[]`)", 0),
        ("get(body, join('', ['ce', 'nts']))", 250),
    ],
)
def test_figures_are_computed_from_what_replies_write(expression: str, figure: float) -> None:
    body = {
        "cents": "250",
        "micros": 24_994_000,
        "money": "$1,234.50",
        "header": '"default";q=100;r=50;t=30',
        "spread": "12 of 1,000.5",
        "price": "$2.50 of US$1,050.",
        "rows": [{"n": "1.2"}, {"n": 2}, {"n": None}, {"n": "$0.10"}],
    }
    assert only(body, used=expression).used == figure


@pytest.mark.parametrize(
    "expression",
    [
        "divide(body.one, `0`)",
        "multiply(body.one, body.none)",
        "add(body.text, `1`)",
        "divide(body.one, body.flag)",
        "multiply(`1e20`, `1e20`)",
        "number_after(body.one, 'x')",
        "number_after(body.text, 'zz')",
        "number_after(body.text, 'e')",
        "sum(body.mixed)",
        "max(body.mixed)",
        "max(`[]`)",
        "split(body.one, ',')[0]",
        "split(body.text, '')[0]",
        "split(body.text, ',')[7]",
        "body[::0]",
        "floor(body.infinite)",
        "ceil(body.nan)",
        "sort(body.mixed)",
        "max_by(body.mixed, &x)",
        "keys(body.mixed)",
        "body." + "a." * 400 + "a",
    ],
)
def test_an_expression_that_fails_leaves_its_figure_unknown(expression: str) -> None:
    body = {
        "one": 1,
        "text": "some",
        "flag": True,
        "mixed": [1, "x", None],
        "infinite": float("inf"),
        "nan": float("nan"),
    }
    assert only(body, limit=expression, used="body.one") == Window("w", "credits", used=1)


@pytest.mark.parametrize(
    ("flag", "is_set"),
    [
        (True, True),
        ("true", True),
        ("yes", True),
        (1, True),
        (False, False),
        (0, False),
        ("0", False),
        ("False", False),
        (" no ", False),
        ("N", False),
        ("off", False),
        ("Y", True),
        ("None", False),
        ("", False),
        (None, False),
        ([], False),
    ],
    ids=repr,
)
def test_flags_are_read_as_they_are_meant(flag: object, is_set: bool) -> None:
    assert only({"flag": flag}, used="`1`", blocked="body.flag").blocked is is_set


@pytest.mark.parametrize(
    ("unlimited", "body"),
    [
        ("is_null(body, 'limit')", {"limit": None, "used": 3}),
        ("body.is_unlimited", {"is_unlimited": True, "limit": 5, "used": 3}),
        ("body.limit >= `100000000`", {"limit": 100000000, "used": 3}),
        ("body.limit == `-1`", {"limit": -1, "used": 3}),
        ("body.limit == `-1`", {"limit": "-1", "used": 3}),
        ("body.limit >= `999999`", {"limit": "999999999", "used": 3}),
        ("body.limit >= `999999`", {"limit": 10**30, "used": 3}),
        ("body.limit == 'None'", {"limit": "None", "used": 3}),
    ],
)
def test_unlimited_is_a_null_a_flag_or_a_sentinel(unlimited: str, body: dict[str, Any]) -> None:
    fields = {"limit": "body.limit", "used": "body.used", "unlimited": unlimited, "period": "weekly"}
    assert only(body, **fields) == Window("w", "credits", used=3, unlimited=True)
    ordinary = only({"limit": 9, "used": 3}, **fields)
    assert ordinary == Window(
        "w", "credits", limit=9, used=3, remaining=6, percent_remaining=66.666667, period_s=7 * DAY
    )


def test_a_missing_limit_is_unknown_and_not_unlimited() -> None:
    assert only({"used": 3}, used="body.used", unlimited="is_null(body, 'limit')") == Window(
        "w", "credits", used=3
    )


def test_when_decides_whether_a_window_is_there() -> None:
    mapping = mapping_of(when="body.kind == 'paid'", used="body.used")
    assert windows(mapping, {"kind": "free", "used": 1}) == []
    assert windows(mapping, {"kind": "paid", "used": 1}) == [Window("w", "credits", used=1)]


def test_a_reply_that_is_no_success_is_a_refusal_without_windows() -> None:
    mapping = from_data(
        {"ok": "body.success", "windows": [{"name": "w", "unit": "credits", "used": "body.n"}]}
    )
    for body in ({"success": False, "n": 1}, {"n": 1}, "<html>", None):
        assert read(mapping, Reply(body, {}), Context(NOW)) == Reading([], is_refusal=True)
    assert windows(mapping, {"success": True, "n": 1}) == [Window("w", "credits", used=1)]


def test_the_models_that_a_window_binds_are_named_or_found() -> None:
    body = {"models": ["a-*", "b"], "model": "c"}
    assert only(body, used="`1`", models=["{body.models}", "{body.model}", "d"]).models == (
        "a-*",
        "b",
        "c",
        "d",
    )
    assert only(body, used="`1`", models=[]).models == ()
    assert only(body, used="`1`", models=["{body.none}"]).models is None
    assert only(body, used="`1`").models is None


def test_a_mapping_knows_which_headers_and_parameters_it_uses() -> None:
    mapping = from_data(
        {
            "requests": [],
            "config": {"a": "an a", "b": "a b"},
            "windows": [
                {
                    "name": '{headers."x-n"} {config.a}',
                    "unit": "credits",
                    "used": 'headers."x-u" || headers.v',
                }
            ],
        }
    )
    assert (headers_read(mapping), config_used(mapping)) == ({"x-n", "x-u", "v"}, {"a"})
    assert mapping.is_passive
