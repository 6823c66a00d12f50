"""`quota-sidecar map`, as somebody runs it who writes a mapping."""

import json

import pytest

from tests.bed.home import Home
from tests.bed.program import run
from tests.mapping_trials import MINE, NOW, mapped, write


def test_a_preset_prints_its_windows_with_exactly_the_known_keys(home: Home) -> None:
    body = {"key": "campus", "tokens": {"limit": 10, "used": 4, "resets_at": NOW}, "cost": {"used": "2.5"}}
    assert mapped(home, "--preset", "neutral", stdin=json.dumps(body)) == [
        {"name": "tokens", "unit": "tokens", "limit": 10, "used": 4, "remaining": 6, "percent_remaining": 60,
         "resets_at": NOW},
        {"name": "cost", "unit": "cost", "used": 2.5},
    ]  # fmt: skip


EVERYTHING = """
    [[requests]]
    capture = { tier = "body.tier" }

    [[windows]]
    name = "{captured.tier}"
    unit = "cost"
    limit = "body.cap"
    used = "body.spent"
    resets_in = 'headers."x-reset"'
    period = "1d"
    models = ["*opus*", "x"]
    currency = "EUR"
    blocked = "`true`"

    [[windows]]
    name = "free"
    unit = "requests"
    unlimited = "`true`"
    models = []
"""


def test_every_key_that_a_window_can_have(home: Home) -> None:
    file = write(home, "mine.toml", EVERYTHING)
    headers = write(home, "headers.txt", "HTTP/1.1 200 OK\r\nX-Reset: 1m30.5s\r\nX-A: b: c\r\n\r\n")
    arguments = ("--mapping", file, "--headers", headers)
    assert mapped(home, *arguments, stdin='{"tier": "gold", "cap": "$8", "spent": 2}') == [
        {"name": "gold", "unit": "cost", "limit": 8, "used": 2, "remaining": 6, "percent_remaining": 75,
         "resets_at": "2026-11-21T00:01:30Z", "period_s": 86400, "models": ["*opus*", "x"], "currency": "EUR",
         "blocked": True},
        {"name": "free", "unit": "requests", "models": [], "unlimited": True},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        "x-left: 3\n",
        "HTTP/1.1 301\r\nx-left: 9\r\n\r\nHTTP/1.1 200\r\nx-left: 3\r\n",
        '{"X-Left": "3"}',
        '{"headers": {"x-left": 3}}',
        '{"x-left": ["3"]}',
    ],
)
def test_headers_are_lines_or_json(home: Home, headers: str) -> None:
    mapping = """
        requests = []
        [[windows]]
        name = "left"
        unit = "requests"
        remaining = 'headers."x-left"'
    """
    arguments = ("--mapping", write(home, "m.toml", mapping))
    left = [{"name": "left", "unit": "requests", "remaining": 3}]
    assert mapped(home, *arguments, "--headers", write(home, "h", headers), stdin="{}") == left
    assert mapped(home, *arguments, stdin=headers) == left


def test_a_mapping_may_be_json_with_comments(home: Home) -> None:
    text = '{"windows": [{"name": "w", "unit": "cost", "used": "body.n"}], /* so far */}'
    assert mapped(home, "--mapping", write(home, "m.jsonc", text), stdin='{"n": 1}') == [
        {"name": "w", "unit": "cost", "used": 1}
    ]


SEVERAL = """
    config = {{ team = "the team's id" }}
    [[requests]]
    path = "/rate"
    {first}
    capture = {{ rate = "body.rate" }}
    [[requests]]
    path = "/{{config.team}}/used"
    {second}
    [[windows]]
    name = "{{config.team}}"
    unit = "cost"
    used = "multiply({used}, not_null(captured.rate, `10`))"
"""


@pytest.mark.parametrize(
    ("names", "stdin", "used"),
    [
        (("", ""), '{"rate": 2} {"n": 3}', 6),
        (("", ""), '{"n": 3}', 30),
        (('name = "a"', 'name = "b"'), '{"rate": 2}\n{"n": 3}\n', 6),
        (('name = "a"', 'name = "b"'), '{"a": {"rate": 2}, "b": {"n": 3}}', 6),
        (('name = "a"', 'name = "b"'), '{"b": {"n": 3}}', 30),
    ],
)
def test_several_replies_stand_one_after_another_or_under_their_names(
    home: Home, names: tuple[str, str], stdin: str, used: int
) -> None:
    text = SEVERAL.format(first=names[0], second=names[1], used="body.b.n" if names[0] else "body.n")
    arguments = ("--mapping", write(home, "m.toml", text), "--config", "team=red")
    assert mapped(home, *arguments, stdin=stdin) == [{"name": "red", "unit": "cost", "used": used}]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "complaint"),
    [
        (("--preset", "neutrl"), "{}", 3, "there is no preset 'neutrl'; did you mean 'neutral'?"),
        (("--preset", "neutral"), "<html>", 3,
         "the reply on stdin is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (("--preset", "neutral"), "HTTP/1.1 200 OK\n\n{}", 3,
         "stdin starts with headers; leave out curl's -i, and give them with --headers"),
        (("--preset", "neutral", "--headers", "empty"), "{}", 3,
         "empty: it holds no headers; curl -D writes them as `name: value` lines"),
        (("--mapping", "json.toml"), "{}", 3, "json.toml, line 1: it is not TOML: invalid statement; "
         "this is JSON: give the file a name that ends in .json, or put it into `mapping`"),
        (("--preset", "neutral"), "1 2", 3, "stdin holds 2 replies; the mapping makes 1 request"),
        (("--preset", "neutral"), "[" * 100_000, 3, "the reply on stdin is not JSON: "),
        (("--preset", "neutral"), "", 0, "no figure was found; --explain shows what each expression finds"),
        (("--mapping", "none.toml"), "", 3, "none.toml: No such file or directory"),
        (("--mapping", "mine.toml"), "", 3, "mine.toml, line 6: windows[0].limit: there is no 'data' "),
        (("--mapping", "broken.toml"), "", 3, "broken.toml, line 1: it is not TOML: "),
        (("--mapping", "broken.json"), "", 3, "broken.json, line 1: it is not valid JSON"),
        (("--preset", "neutral", "--now", "soon"), "{}", 3, "--now soon: write it like 2026-11-21T00:00:00Z"),
        (("--preset", "neutral", "--config", "a=b"), "{}", 3,
         "--config a=b: write NAME=VALUE; the mapping knows none"),
        (("--preset", "neutral", "--headers", "broken.json"), "{}", 3, "broken.json: "),
        (("--mapping", "ok.toml"), "{}", 0, "by `ok`, this reply is an error: it holds no windows"),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_used_is_named_with_the_cure(
    home: Home, arguments: tuple[str, ...], stdin: str, code: int, complaint: str
) -> None:
    write(home, "mine.toml", MINE)
    write(home, "broken.toml", "x = \n")
    write(home, "broken.json", "{")
    write(home, "json.toml", "{}")
    write(home, "empty", "\n")
    write(home, "ok.toml", 'ok = "body.fine"\n' + MINE.replace("data", "body"))
    done = run(home, "map", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, "" if code else "[]\n")
    assert done.stderr.startswith(f"quota-sidecar: {complaint}")
    assert done.stderr.count("\n") == 1


def test_explain_shows_what_is_asked_and_what_each_expression_finds(home: Home) -> None:
    text = """
        account = "body.who"
        [[requests]]
        path = "/now"
        [[windows]]
        rows = "body.rows"
        name = "{row.n} {period}"
        unit = "cost"
        limit = "row.cap"
        used = "row.spent"
        period = "1d"
        models = ["{row.n}-*", "x"]
    """
    body = {"rows": [{"n": "a", "cap": "long " * 20}, {"n": "b", "spent": 1}], "more": 1}
    done = run(home, "map", "--mapping", write(home, "m.toml", text), "--explain", stdin=json.dumps(body))
    long = "long " * 20
    assert done.stderr == (
        "asks  GET /now, Authorization: Bearer {key}\n"
        "account               body.who  ->  nothing\n"
        'windows[0].rows       body.rows  ->  [{"n": "a", "cap": "long long long long long long long long…\n'
        'windows[0].limit      row.cap  ->  "long long long long long long long long long long long lon…'
        "  ! not a figure\n"
        "windows[0].used       row.spent  ->  1\n"
        'windows[0].name       {row.n} {period}  ->  "a daily"\n'
        'windows[0].period     1d  ->  "1d"\n'
        'windows[0].models[0]  {row.n}-*  ->  "a"\n'
        'windows[0].models[1]  x  ->  "x"\n'
        f"quota-sidecar: windows[0].limit finds {long!r}, which is not a figure; "
        "split() and number_after() cut texts\n"
    )
    assert json.loads(done.stdout) == [
        {"name": "b daily", "unit": "cost", "used": 1, "period_s": 86400, "models": ["b-*", "x"]}
    ]


@pytest.mark.parametrize(
    ("fields", "value", "remark"),
    [
        (
            'resets_in = "body.x"',
            "about 3h",
            "windows[0].resets_in finds 'about 3h', which is not a length of time; split() ",
        ),
        (
            'resets_at = "body.x"',
            "tomorrow",
            "windows[0].resets_at finds 'tomorrow', which is not a time; split() and ",
        ),
        ('limit = "body.x"', "3 USD", "windows[0].limit finds '3 USD', which is not a figure; split() and "),
        (
            'period = "{body.x}"',
            "a while",
            "windows[0].period finds 'a while', which is not a length of time; ",
        ),
        (
            'calendar = "{body.x}"',
            "never",
            "windows[0].calendar finds 'never', which is not an edge of the calendar; ",
        ),
        ('rows = "body.x"', 3, "windows[0].rows finds 3, which is not a list; see entries(); "),
        (
            'fraction_remaining = "body.x"',
            40,
            "w: 4000% left is more than all; percent_ is 0 to 100 and fraction_ 0 to ",
        ),
        ('limit = "body.x"', 1, "w: more used than the limit allows; are limit and used swapped?"),
    ],
)
def test_what_was_found_and_makes_no_sense_is_told(
    home: Home, fields: str, value: object, remark: str
) -> None:
    text = f'[[windows]]\nname = "w"\nunit = "requests"\nused = "`5`"\n{fields}\n'
    done = run(home, "map", "--mapping", write(home, "m.toml", text), stdin=json.dumps({"x": value}))
    assert done.returncode == 0
    assert done.stderr.startswith(f"quota-sidecar: {remark}")


def test_a_parameter_or_a_capture_without_a_value_shows_in_what_is_asked(home: Home) -> None:
    text = SEVERAL.format(first="", second="", used="body.n")
    done = run(
        home, "map", "--mapping", write(home, "m.toml", text), "--explain", stdin='{"rat": 2} {"n": 3}'
    )
    assert done.stderr.startswith(
        "asks  GET /rate, Authorization: Bearer {key}\n"
        "asks  GET /{config.team}/used: not made, because /{config.team}/used has no value\n"
        "requests[0].capture.rate  body.rate  ->  nothing\n"
    )


def test_a_reply_with_too_many_rows_is_told_and_never_read_in_part(home: Home) -> None:
    text = '[[windows]]\nname = "w"\nunit = "requests"\nused = "length(body[?@])"\n'
    body = json.dumps([1] * 100_000)
    done = run(home, "map", "--mapping", write(home, "m.toml", text), stdin=body)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert done.stderr == "quota-sidecar: the reply has too many rows to go through in the time of a chat\n"
