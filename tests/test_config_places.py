"""Whatever is wrong in our file: the line and the key that are told are those of the mistake."""

import json
import random
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from sidecar.adapters import jsonc
from sidecar.adapters.documents import Problem
from sidecar.adapters.entries import spell
from sidecar.plain import is_list, is_object
from tests.machine import BASE, Machine

NOT_FOR_PROJECTS: Final = (
    "a project may not set this; it is ignored (put it into the global quota-sidecar.jsonc)"
)

VALID: Final[dict[str, Any]] = {
    "$schema": "https://example.invalid/a//b",
    "gateways": [
        {"providerId": "campus", "baseURL": BASE, "label": 'a "quoted" {label}', "headers": {"X-A": "1"}},
        {"providerId": "lab", "baseURL": BASE, "quotaPath": "/a", "config": {}},
    ],
    "providers": {
        "a.b/c": {"enabled": True, "priority": 1, "limits": {"requestsPerHour": 5, "hard": False}},
        "openai": {"set": {"a.b": 1}, "remove": ["c"]},
    },
    "routes": [
        {"targets": ["a/m", {"target": "b/m", "model": "x", "headers": {}}], "strategy": "cost"},
        {"targets": ["a/n", "b/n"], "maxAttempts": 2},
    ],
    "models": {"m": ["n", "o"]},
    "virtualModels": {"v": {"targets": ["a/m", "b/m"], "name": "V", "strategy": "latency"}},
    "webhooks": [{"url": "https://hook.example/a", "format": "slack", "events": ["low"], "headers": {}}],
    "failurePatterns": [{"match": "a|b", "class": "auth", "provider": "x-*"}],
    "width": 60,
    "reserve": 5.5,
    "toasts": True,
}

NAMES: Final = ("headers", "config", "providers", "set", "models", "virtualModels")
"""What holds names of the user's own, not keys of ours."""


def objects(data: Any, path: jsonc.Path = ()) -> list[jsonc.Path]:
    """Return the places of all objects with keys of ours."""
    found = [path] if is_object(data) and not (path and path[-1] in NAMES) else []
    rows = data.items() if is_object(data) else enumerate(data) if is_list(data) else ()
    return found + [place for key, value in rows for place in objects(value, (*path, key))]


class Writer:
    """Writes JSONC in an arbitrary layout, and knows on which line it put each key."""

    def __init__(self, seed: int, ending: str) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.ending = ending
        self.text = ""
        self.lines: dict[jsonc.Path, int] = {}

    def gap(self) -> None:
        gaps = ("", " ", "\t", "\n", "\n\n", '// {a: 1}, "\n', "/* \n [ */", " /* x */ ")
        self.text += self.random.choice(gaps).replace("\n", self.ending)

    def put(self, text: str) -> None:
        self.gap()
        self.text += text
        self.gap()

    def line(self) -> int:
        return self.text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1

    def value(self, data: Any, path: jsonc.Path = ()) -> None:
        if not (is_object(data) or is_list(data)):
            self.put(json.dumps(data))
            return
        self.put("{" if is_object(data) else "[")
        rows = list(data.items()) if is_object(data) else list(enumerate(data))
        for number, (key, row) in enumerate(rows):
            self.gap()
            if isinstance(key, str):
                self.lines[*path, key] = self.line()
                self.text += json.dumps(key, ensure_ascii=self.random.random() < 0.5)
                self.put(":")
            self.value(row, (*path, key))
            if number < len(rows) - 1 or self.random.random() < 0.3:
                self.text += ","
        self.put("}" if is_object(data) else "]")


@st.composite
def mistakes(draw: DrawFn) -> tuple[dict[str, Any], jsonc.Path]:
    """Return our file with one key too many, and where that is."""
    path = draw(st.sampled_from(objects(VALID)))
    data: Any = json.loads(json.dumps(VALID))
    place = data
    for step in path:
        place = place[step]
    key = draw(st.sampled_from(["wdith", "quota path", "é", "zz.top", 'a"b', "\U0001f600", "//", "{"]))
    values: list[Any] = [1, "a\nb", None, [], {"a": [{}]}]
    rows = list(place.items())
    rows.insert(draw(st.integers(0, len(rows))), (key, draw(st.sampled_from(values))))
    place.clear()
    place.update(rows)
    return data, (*path, key)


@given(mistakes(), st.integers(0, 10**6), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_one_unknown_key_is_told_with_its_very_line_and_path(
    tmp_path_factory: pytest.TempPathFactory,
    mistake: tuple[dict[str, Any], jsonc.Path],
    seed: int,
    ending: str,
    has_mark: bool,
) -> None:
    data, path = mistake
    writer = Writer(seed, ending)
    writer.value(data)
    machine = Machine(tmp_path_factory.mktemp("places"))
    machine.ours.write_bytes(writer.text.encode("utf-8-sig" if has_mark else "utf-8"))
    (problem,) = machine.load().problems
    assert (problem.file, problem.line, problem.path) == (
        str(machine.ours), writer.lines[path], spell(path)
    )  # fmt: skip
    assert problem.message.startswith("unknown key ")


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.integers(0, 10**6))
def test_the_line_of_every_key_is_right_in_any_layout(ending: str, seed: int) -> None:
    writer = Writer(seed, ending)
    writer.value(VALID)
    found = jsonc.lines(writer.text.encode())
    assert {path: found.of[path] for path in writer.lines} == writer.lines
    assert found.twice == {}


@pytest.mark.parametrize(
    ("text", "line", "path", "message"),
    [
        ('{\n"strategy": "costs"}', 2, "strategy", "'costs' is not known here; did you mean 'cost'?"),
        ('{"gateways": [\n{"providerId": "c", "baseURL": "https://c.example",\n"config": {\n"team": 5}}]}',
         4, "gateways[0].config.team", "expected a text, got a whole number; it is ignored"),
        ('{"providers": {"a": {\n"limits": {"requests_per_hour": 5}}}}',
         2, "providers.a.limits.requests_per_hour",
         "unknown key 'requests_per_hour'; did you mean 'requestsPerHour'?"),
        ('{"webhooks": [{"url": "https://a.example", "events": ["low",\n"exausted"]}]}',
         2, "webhooks[0].events[1]", "'exausted' is not known here; did you mean 'exhausted'?"),
        ('{"failurePatterns": [{"match": "x",\n"class": "ratelimit"}]}',
         2, "failurePatterns[0].class", "there is no class 'ratelimit'; did you mean 'rate-limit-short'?"),
        ('{"routes": [{"targets": ["a/b", "c/d"],\n"strategy":\n"hedroom"}]}',
         2, "routes[0].strategy", "there is no strategy 'hedroom'; did you mean 'headroom'?"),
        ('{"virtualModels": {"m": {"targets": ["a/b", "c/d"],\n\n"Targets": []}}}',
         3, "virtualModels.m.Targets", "unknown key 'Targets'; did you mean 'targets'?"),
        ('{\n"width": 60,\n"width": 70}', 3, "width", "is set twice; what stands in line 2 is ignored"),
        ('{"providers": {"a": {}, // one\n"b": {},\n"a": {}}}',
         3, "providers.a", "is set twice; what stands in line 1 is ignored"),
        ("[\n]", 1, None, "must be an object"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_mistake_is_told_with_line_key_and_the_nearest_word(
    tmp_path: Path, text: str, line: int, path: str | None, message: str
) -> None:
    machine = Machine(tmp_path)
    machine.write(machine.ours, text)
    assert machine.load().problems == (Problem(str(machine.ours), message, line, path),)


def test_of_a_key_that_is_set_twice_the_last_counts_with_its_line(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(machine.ours, '{"width": 50,\n"width": 60,\n"gateways": {},\n"gateways": []}')
    config = machine.load()
    assert config.settings.width == 60
    assert [(row.line, row.path) for row in config.problems] == [(2, "width"), (4, "gateways")]
    machine.write(machine.ours, '{"gateways": [\n{"providerId": "a"}], "gateways": [\n\n{"providerId": 5}]}')
    assert [(row.line, row.path) for row in machine.load().problems] == [
        (2, "gateways"), (4, "gateways[0].providerId"),
    ]  # fmt: skip


def test_a_project_that_misspells_what_it_may_set_is_told_the_word(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(machine.projects_file, '{\n"enabeld": false,\n"dryrun": true,\n"wide": 1}')
    file = str(machine.projects_file)
    assert machine.load().problems == (
        Problem(file, NOT_FOR_PROJECTS, 4, "wide"),
        Problem(file, "unknown key 'enabeld'; did you mean 'enabled'?", 2, "enabeld"),
        Problem(file, "unknown key 'dryrun'; did you mean 'dryRun'?", 3, "dryrun"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (b'{\n"a": [', 2, "it is not valid JSON: the [ here is not closed"),
        (b'{\n"a": {', 2, "it is not valid JSON: the { here is not closed"),
        (b'{\n"a": "b\n}', 2, "it is not valid JSON: the text here has no closing quote"),
        (b"{\n\n/* a", 3, "it is not valid JSON: the comment here is not closed"),
        (b'{\r\n"a": 1\r\n"b": 2}', 3, "it is not valid JSON: a comma is missing before '\"'"),
        (b'{\r"a": 1\r"b": 2}', 3, "it is not valid JSON: a comma is missing before '\"'"),
        (b'{\n"a" = 1}', 2, "it is not valid JSON: a colon is missing before '='"),
        (b'{"a": 1,\n,"b": 2}', 2, "it is not valid JSON: there is a comma too many"),
        (b'{"a": [1\n}', 2, "it is not valid JSON: } stands where ] should"),
        (b"{\n# a\n}", 2, "it is not valid JSON: a comment begins with //, not with #"),
        (b"{} // }\n\n}", 3, "it is not valid JSON: '}' is left over after the end"),
        (b'{"a":\nTrue}', 2,
         "it is not valid JSON: a value should stand here (a text stands in quotes), and not 'T'"),
        ("{\n“a”: 1}".encode(), 2, "it is not valid JSON: a key in quotes should stand here, and not '“'"),
        ('{\n"a": "é"}'.encode("latin-1"), 2, "it is not UTF-8; save it as UTF-8"),
        ("{}".encode("utf-16"), None, "it is UTF-16; save it as UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), None, "it is UTF-16; save it as UTF-8"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_json_is_told_with_its_line_and_why(
    tmp_path: Path, raw: bytes, line: int | None, reason: str
) -> None:
    machine = Machine(tmp_path)
    machine.ours.write_bytes(raw)
    message = f"can't be read: {reason}; nothing of it is used"
    assert machine.load().problems == (Problem(str(machine.ours), message, line),)


W: Final = 'name = "a"\nunit = "credits"\n'


@pytest.mark.parametrize(
    ("toml", "line", "path"),
    [
        (f"[[windows]]\n{W}used = 5\n", 4, "windows[0].used"),
        (f'[[ windows ]] # one\n{W}"used" = "a..b"\n', 4, "windows[0].used"),
        (f'[[windows]]\n{W}used = "body.a"\n[[windows]]\n{W}\n  lmit = "body.b"\n', 9, "windows[1].lmit"),
        (f'summary = """\n[[windows]]\nused = 1\n"""\n[[windows]]\n{W}used = "a..b"\n', 8,
         "windows[0].used"),
        (f'[[requests]]\npath = "/a"\n[requests.headers]\nHost = "a"\n[[windows]]\n{W}used = "body.a"\n', 4,
         "requests[0].headers.Host"),
        (f'[[requests]]\npath = "/a"\nheaders . Host = "a"\n[[windows]]\n{W}used = "body.a"\n', 3,
         "requests[0].headers.Host"),
        (f'[[windows]]\n{W}', 1, "windows[0]"),
        ('acount = "a"\n', 1, "acount"),
        ('a = 1\nb = \n', 2, None),
        ('a = 1\na = 2\n', 2, None),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_in_a_preset_is_told_with_its_line(
    tmp_path: Path, toml: str, line: int, path: str | None
) -> None:
    machine = Machine(tmp_path)
    file = machine.config / "quota-presets" / "mine.toml"
    file.parent.mkdir()
    machine.write(file, toml)
    machine.gateways({"providerId": "campus", "baseURL": BASE, "preset": "mine"})
    (problem,) = machine.load().problems
    assert (problem.file, problem.line, problem.path) == (str(file), line, path)
