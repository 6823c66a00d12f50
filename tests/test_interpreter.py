"""How expressions compare figures, and where their work ends."""

from typing import Any

import pytest

from sidecar.quota.expressions import Scope, value_of
from sidecar.quota.interpreter import MAX_STEPS
from sidecar.quota.mapping import Context, Mapping, Reading, Reply, read
from sidecar.quota.mapping_checks import from_data
from sidecar.quota.windows import Window

LONG = list(range(MAX_STEPS))


@pytest.mark.parametrize(
    ("comparison", "result"),
    [
        ("'100' > `20`", True),
        ("`9` < '10'", True),
        ("'9' < '10'", True),
        ("'$5.00' == `5`", True),
        ("'-1' == `-1`", True),
        ("'6' != `6`", False),
        ("'5' == '5.0'", False),
        ("'2026-12-01' > '2026-11-30'", True),
        ("'some' > `1`", None),
        ("'some' == `1`", False),
        ("none > `1`", None),
        ("none == `null`", True),
        ("`true` == `1`", False),
        ("`true` > `0`", None),
        ("`[1]` == `[1]`", True),
    ],
)
def test_figures_in_texts_compare_as_figures(comparison: str, result: bool | None) -> None:
    assert value_of(comparison, Scope({})) is result


def test_nothing_of_a_turned_sign_is_nothing() -> None:
    assert str(value_of("divide(`0`, `-100`)", Scope({}))) == "0.0"


def sums(**fields: Any) -> Mapping:
    return from_data({"windows": [{"name": "w", "unit": "credits", "used": "body.n"}], **fields})


def too_much(expression: str, body: Any) -> bool:
    mapping = sums(windows=[{"name": "w", "unit": "credits", "used": expression}, sums().windows[0]])
    return read(mapping, Reply(body, {}), Context(0.0)).is_too_large


@pytest.mark.parametrize(
    "expression",
    [
        "length(body.rows[?@ > `1`])",
        "length(body.rows[].[@, @, @, @][])",
        "length(body.rows[].to_string(@))",
        "body.rows[*].x | [0]",
        "length(sort_by(body.objects, &x))",
        "length(body.rows[][][][][][][][])",
        "add(length(values(body.map)), add(length(keys(body.map)), length(entries(body.map))))",
    ],
)
def test_a_reply_that_costs_too_much_says_nothing_at_all(expression: str) -> None:
    many = 2 * MAX_STEPS
    body = {
        "n": 1,
        "rows": list(range(many)),
        "objects": [{"x": 1}] * many,
        "map": {str(number): number for number in range(many)},
    }
    assert too_much(expression, body)
    assert not too_much(expression, {"n": 1, "rows": [1], "objects": [{"x": 1}], "map": {"a": 1}})


def test_the_work_of_all_windows_counts_together() -> None:
    window = {"name": "w", "unit": "credits", "used": "length(body[].to_string(@))"}
    body = LONG[: MAX_STEPS // 10]
    one = read(sums(windows=[window]), Reply(body, {}), Context(0.0))
    assert one == Reading([Window("w", "credits", used=len(body))])
    assert read(sums(windows=[window] * 9), Reply(body, {}), Context(0.0)) == Reading([], is_too_large=True)


def test_an_ok_that_costs_too_much_is_no_refusal() -> None:
    mapping = sums(ok="length(body[?@ > `-1`]) > `0`")
    assert read(mapping, Reply(LONG, {}), Context(0.0)) == Reading([], is_too_large=True)
