"""Mappings that can't work: each is refused with its place, the reason, and what to write instead."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.quota.mapping import Context, Mapping, Reply, read
from sidecar.quota.mapping_checks import MappingError, from_data


def mapping_of(**fields: Any) -> Mapping:
    return from_data({"windows": [{"name": "w", "unit": "credits", **fields}]})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit": "body..x"}, "windows[0].limit: 'body..x' is not JMESPath, at '.x'"),
        ({"used": "(" * 900}, "windows[0].used: it is nested too deeply"),
        (
            {"used": "data.x"},
            "windows[0].used: there is no 'data' here, only body, headers, captured, config; a field "
            "of the reply is written body.data, a text stands in single quotes: 'data'",
        ),
        (
            {"rows": "body", "used": "x"},
            "windows[0].used: there is no 'x' here, only row, body, headers, captured, "
            "config; a field of the reply is written row.x, a text stands in single",
        ),
        (
            {"used": "row.x"},
            "windows[0].used: there is no `row` here: only a window that has `rows` sees one",
        ),
        ({"blocked": "body.x == true"}, "windows[0].blocked: true stands in backticks: `true`"),
        ({"blocked": "!body.x"}, "windows[0].blocked: `!a.b` negates only `a`; write !(a.b)"),
        ({"used": "total(body)"}, "windows[0].used: there is no function 'total'; there are abs, add, avg, "),
        ({"used": "divide(body.x)"}, "windows[0].used: divide() takes 2 arguments, not 1"),
        ({"used": "not_null()"}, "windows[0].used: not_null() takes 1 arguments, not 0"),
        (
            {"used": 'headers."X-Left"'},
            'windows[0].used: header names are in lower case here: headers."x-left"',
        ),
        (
            {"used": "captured.x"},
            "windows[0].used: captured.x is not declared; name it in an earlier request's",
        ),
        (
            {"used": "config.x"},
            "windows[0].used: config.x is not declared; name it in `config`, with a description",
        ),
        (
            {"name": "{body.x"},
            "windows[0].name: a { or } has no other half; an insertion is written {expression}",
        ),
        (
            {"name": "{x}"},
            "windows[0].name: there is no 'x' here, only body, headers, captured, config, period; ",
        ),
        (
            {"currency": "body.x"},
            "windows[0].currency: this is a text; an expression in it stands in braces: {body.x}",
        ),
        ({"currency": "'USD'"}, "windows[0].currency: this is a text and needs no quotes of its own: USD"),
        (
            {"period": "a while"},
            "windows[0].period: 'a while' can't be read; write it like 5h, 1 week, monthly, 3600",
        ),
        (
            {"calendar": "noon"},
            "windows[0].calendar: 'noon' can't be read; write it like day, week, month, year",
        ),
        ({"started_at": "body.x"}, "windows[0].started_at: it needs `period`: the reset is one period later"),
        ({"models": ["{z}"]}, "windows[0].models[0]: there is no 'z' here"),
        ({"limti": "body.x"}, "windows[0].limti: unknown key; did you mean 'limit'?"),
        (
            {"limit": 5},
            "windows[0].limit: it stands in quotes, and a number in an expression in backticks: `100`",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_window_that_can_not_work_is_refused_with_its_place_and_the_cure(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(MappingError) as refused:
        mapping_of(**{"used": "`1`"} | fields)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


W = {"name": "w", "unit": "credits", "used": "body.x"}


@pytest.mark.parametrize(
    ("fields", "cure"),
    [
        ({"limit": "body.x =="}, "'body.x ==' is not JMESPath, it ends too early"),
        ({"limit": "body.x == -1"}, "at '-1'; a number stands in backticks: `-1`"),
        ({"limit": "add(body.x, 2.5)"}, "at '2.5)'; a number stands in backticks: `2.5`"),
        ({"limit": "headers.x-a"}, """at '-a'; a name with a - stands in double quotes: "x-name\""""),
        ({"limit": "body.x = `1`"}, "at '= `1`'; equal is written =="),
        ({"limit": "body.a - body.b"}, "at '- body.b'; to subtract, write subtract(a, b)"),
        ({"limit": "body.a / body.b"}, "at '/ body.b'; to divide, write divide(a, b)"),
        ({"limit": "body.a + body.b"}, "at '+ body.b'; to add, write add(a, b)"),
        ({"limit": "body.a * body.b"}, "at '* body.b'; to multiply, write multiply(a, b)"),
        ({"limit": "{body.x}"}, "at '.x}'; this is an expression, which needs no braces"),
        ({"limit": "$.x"}, "at '$.x'; a field of the reply is written body.name"),
        ({"limit": ".x"}, "at '.x'; a field of the reply is written body.name"),
        ({"limit": "not body.x"}, "at 'body.x'; not is written !(...)"),
        ({"limit": "body.x ? 1 : 2"}, "at '? 1 : 2'; there is no ? : here; use `when`, && and ||"),
        ({"limit": "body['x']"}, """at "'x']"; a field is written .name, or ."x-name" in double quotes"""),
        ({"limit": "headers.'x'"}, """at "'x'"; a field is written .name, or ."x-name" in double quotes"""),
        ({"blocked": "'"}, """"'" is not JMESPath, at "'\""""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_expression_is_told_where_it_stops_to_be_one_and_what_to_write(
    fields: dict[str, str], cure: str
) -> None:
    with pytest.raises(MappingError) as refused:
        mapping_of(**{"used": "`1`"} | fields)
    assert refused.value.reason.endswith(cure)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "Object missing required field `windows`"),
    ({"windows": []}, "windows: Expected `array` of length >= 1"),
    (
        {"windows": [{"name": "w", "unit": "credits"}]},
        "windows[0]: it reads no figure; give one of limit, used, ",
    ),
    ({"windows": [W], "request": []}, "request: unknown key; did you mean 'requests'?"),
    ({"windows": [W], "account": "[["}, "account: '[[' is not JMESPath, it ends too early"),
    (
        {"windows": [W], "ok": "succes"},
        "ok: there is no 'succes' here, only body, headers, captured, config; ",
    ),
    ({"windows": [W], "requests": [{}] * 4}, "requests: Expected `array` of length <= 3"),
    ({"windows": [W], "requests": []}, "requests: without requests only headers can be read, no body"),
    (
        {"windows": [W], "login": {"campus": "access"}},
        "login: it needs `base_url`: keys and logins go there and nowhere else",
    ),
    ({"windows": [W], "serves": "https://x.test"}, "serves: it needs `base_url`: keys and logins go there"),
    (
        {"windows": [W], "from_login": {"team": "accountId"}},
        "from_login: 'team' is not declared; name it in `config`",
    ),
    ({"windows": [W], "backoff": "long"}, "backoff: 'long' can't be read; write it like 5m, 90s, 1 hour"),
    ({"windows": [W], "every": "{body.x}"}, "every: '{body.x}' can't be read; write it like 5m, 90s, 1 hour"),
    (
        {"windows": [W], "providers": ["x"]},
        "providers: it needs `base_url`: keys and logins go there and nowhere else",
    ),
    (
        {"windows": [W], "providers": ["x", "y*"], "base_url": "https://x.test"},
        "providers: who is asked is named by its id; 'y*' is none",
    ),
    (
        {"windows": [W], "requests": [{"path": "x"}]},
        "requests[0].path: it starts with / (appended to the base",
    ),
    (
        {"windows": [W], "requests": [{"auth": "bearer"}]},
        "requests[0].auth: it is the header that carries the ",
    ),
    (
        {"windows": [W], "requests": [{"json": {}}]},
        'requests[0].json: only a POST has a body; set method = "POST"',
    ),
    (
        {"windows": [W], "requests": [{"auth": "User-Agent: {key}"}]},
        "requests[0].auth: the header 'User-Agent' is not yours to set",
    ),
    (
        {"windows": [W], "requests": [{"auth": "none", "headers": {"content-length": "9"}}]},
        "requests[0].headers.content-length: the header 'content-length' is not yours to set",
    ),
    ({"windows": [W], "requests": [{"method": "PUT"}]}, "requests[0].method: Invalid enum value 'PUT'"),
    (
        {"windows": [W], "requests": [{"name": "a"}, {}]},
        "requests: give every request a name of its own, or none",
    ),
    (
        {"windows": [W], "requests": [{"name": "a"}, {"name": "a"}]},
        "requests: give every request a name of its",
    ),
    (
        {"windows": [W], "requests": [{"path": "/{captured.x}", "capture": {"x": "body.x"}}]},
        "requests[0].path: captured.x is not declared; name it in an earlier request's `capture`",
    ),
    (
        {"windows": [W], "requests": [{"path": "/{body.x}"}]},
        "requests[0].path: there is no 'body' here, only ",
    ),
    (
        {"windows": [W], "requests": [{"headers": {"X-A": "{config.y}"}}]},
        "requests[0].headers.X-A: config.y is not declared; name it in `config`, with a description",
    ),
    (
        {"windows": [W], "requests": [{"method": "POST", "json": {"a": ["{config.y}"]}}]},
        "requests[0].json.a.0: config.y is not declared",
    ),
]


@pytest.mark.parametrize(("data", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_mapping_that_can_not_work_is_refused_with_its_place_and_the_cure(
    data: dict[str, Any], message: str
) -> None:
    with pytest.raises(MappingError) as refused:
        from_data(data)
    assert str(refused.value).startswith(message)


@example("body.x == `monthly`", "used")
@given(
    st.text(min_size=1, max_size=60), st.sampled_from(["used", "when", "rows", "name", "period", "currency"])
)
def test_checking_raises_nothing_but_its_own_error_and_what_passes_reads(text: str, field: str) -> None:
    try:
        mapping = mapping_of(**{"used": "`1`", field: text})
    except MappingError:
        return
    read(mapping, Reply({"a": 1}, {}), Context(1_795_219_200.0))
