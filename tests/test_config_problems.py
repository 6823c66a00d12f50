"""What is wrong in a configuration: told with file, line and path, while the rest stays in force."""

import os
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters import jsonc
from sidecar.adapters.config import Config
from sidecar.adapters.documents import MOST_FINDINGS, Problem
from sidecar.adapters.settings import Settings
from sidecar.quota import presets
from tests.machine import BASE, Machine

NOT_FOR_PROJECTS = "a project may not set this; it is ignored (put it into the global quota-sidecar.jsonc)"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_bad_entry_is_skipped_with_file_line_and_path_and_the_others_stay(machine: Machine) -> None:
    machine.write(
        machine.ours,
        """{
  "gateways": [
    // the first has no URL
    { "providerId": "nowhere" },
    { "providerId": "campus", "baseURL": "https://campus.example", },
    { "providerId": "typo",
      "baseUrl": "https://typo.example" },
    { "providerId": 5 },
    "text",
  ],
  "widht": 60,
}""",
    )
    config = machine.load()
    file = str(machine.ours)
    assert [gateway.provider_id for gateway in config.gateways] == ["campus"]
    assert config.problems == (
        Problem(file, "unknown key 'widht'; did you mean 'width'?", 11, "widht"),
        Problem(
            file,
            "has no baseURL, and provider.nowhere.options.baseURL is not in the global opencode.json; "
            "set one of the two",
            4, "gateways[0].providerId",
        ),
        Problem(file, "unknown key 'baseUrl'; did you mean 'baseURL'?", 7, "gateways[2].baseUrl"),
        Problem(
            file,
            "has no baseURL, and provider.typo.options.baseURL is not in the global opencode.json; "
            "set one of the two",
            6, "gateways[2].providerId",
        ),
        Problem(file, "expected a text, got a whole number; it is ignored", 8, "gateways[3].providerId"),
        Problem(file, "expected an object, got a text; it is ignored", 9, "gateways[4]"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"quotaPath": "quota"}, "quotaPath",
         "quotaPath must start with / (appended to baseURL) or // (joined to its origin)"),
        ({"label": 7}, "label", "expected a text, got a whole number; it is ignored"),
        ({"apiKeyEnv": "sk-1 2"}, "apiKeyEnv",
         "expected a name without spaces and special characters; it is ignored"),
        ({"preset": "openruter"}, "preset", "there is no preset 'openruter'; did you mean 'openrouter'?"),
        ({"mapping": "x"}, "mapping", f"there is no preset 'x'; there are {', '.join(presets.names())}"),
        ({"preset": "../neutral"}, "preset", "there is no preset '../neutral'; did you mean 'neutral'?"),
        ({"baseURL": "http://8.8.8.8"}, "baseURL",
         "is refused: plain http is only for loopback and private addresses; use https"),
        ({"baseURL": "https://a:b@campus.example"}, "baseURL",
         "is refused: it holds a user name or password; use apiKeyEnv or headers"),
        ({"quotaPath": "/a b"}, "quotaPath", "is refused: it is not a well-formed URL"),
        ({"quotaPath": "/a{"}, "quotaPath",
         "a { or } has no other half; an insertion is written {expression}"),
        ({"quotaPath": "/{config.team}"}, "quotaPath",
         "config.team is not declared; name it in `config`, with a description"),
        ({"headers": {"Host": "x"}}, "headers.Host",
         "the header 'Host' is not yours to set, or its value holds characters that can't be sent"),
        ({"headers": {"user-agent": "x"}}, "headers.user-agent",
         "the header 'user-agent' is not yours to set, or its value holds characters that can't be sent"),
        ({"headers": {"X-A": "a\r\nb"}}, "headers.X-A",
         "the header 'X-A' is not yours to set, or its value holds characters that can't be sent"),
    ],
    ids=str,
)  # fmt: skip
def test_an_entry_that_can_not_be_used_says_why(
    machine: Machine, entry: dict[str, Any], path: str, message: str
) -> None:
    machine.gateways({"providerId": "campus", "baseURL": BASE} | entry)
    assert machine.refused() == (f"gateways[0].{path}", message)


@pytest.mark.parametrize(
    ("mapping", "at", "start"),
    [
        ({}, "", "`windows` is missing"),
        ({"windows": []}, ".windows", "expected a list that isn't empty"),
        (
            {"windows": [{"name": "a", "unit": "credits", "used": "(" * 900}]}, ".windows[0].used",
            "it is nested too deeply",
        ),
        (
            {"windows": [{"name": "a", "unit": "credits", "used": "a..b"}]}, ".windows[0].used",
            "'a..b' is not JMES",
        ),
        (
            {"windows": [{"name": "a", "unit": "$"}]}, ".windows[0].unit",
            "expected a plain word in lower case",
        ),
        (
            {"windows": [{"name": "a", "unit": "credits", "limt": "x"}]}, ".windows[0].limt",
            "unknown key; did you mean 'limit'?",
        ),
        (
            {"windows": [{"name": "a", "unit": "credits"}], "request": []}, ".request",
            "unknown key; did you mean 'requests'?",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_mapping_that_can_not_work_skips_its_entry(
    machine: Machine, mapping: dict[str, Any], at: str, start: str
) -> None:
    machine.gateways({"providerId": "campus", "baseURL": BASE, "mapping": mapping})
    path, message = machine.refused()
    assert path == f"gateways[0].mapping{at}"
    assert message.startswith(start)


def test_a_provider_that_is_nearly_one_of_opencodes_is_told_which(machine: Machine) -> None:
    machine.provider(baseURL=BASE)
    machine.gateways({"providerId": "campsu"})
    path, message = machine.refused()
    assert (path, message.rpartition("; ")[2]) == ("gateways[0].providerId", "did you mean 'campus'?")


def test_a_base_url_that_is_inherited_is_told_where_it_stands(machine: Machine) -> None:
    machine.provider(baseURL="http://8.8.8.8")
    machine.gateways({"providerId": "campus"})
    (problem,) = machine.load().problems
    assert (problem.file, problem.path) == (str(machine.host), "provider.campus.options.baseURL")


def test_an_entry_that_stands_twice_is_told_and_asked_once(machine: Machine) -> None:
    machine.provider(baseURL=BASE)
    machine.gateways({"providerId": "campus"}, {"providerId": "campus", "label": "again"})
    config = machine.load()
    message = "asks the same URL with the same key as gateways[0]; it is ignored"
    assert [gateway.label for gateway in config.gateways] == ["campus"]
    assert [(row.path, row.message) for row in config.problems] == [("gateways[1]", message)]


@pytest.mark.parametrize("listed", [{}, "text", 5, None], ids=str)
def test_gateways_must_be_a_list(machine: Machine, listed: object) -> None:
    machine.write(machine.ours, {"gateways": listed})
    assert machine.refused() == ("gateways", "must be a list")


def test_a_setting_that_can_not_be_used_keeps_its_default(machine: Machine) -> None:
    machine.write(machine.ours, '{"width": 200, "quotaTimeoutS": NaN, "quotaCacheS": "60", "toasts": false}')
    config = machine.load()
    assert config.settings == Settings(toasts=False)
    assert [problem.path for problem in config.problems] == ["width", "quotaTimeoutS", "quotaCacheS"]


def test_problems_come_in_the_order_of_the_file(machine: Machine) -> None:
    keys = ["width", "toasts", "enabled", "dryRun", "autoRoute", "quotaCacheS", "quotaTimeoutS"]
    machine.write(machine.ours, dict.fromkeys(keys, "text"))
    assert [problem.path for problem in machine.load().problems] == keys


def test_a_file_full_of_faults_is_told_in_a_few_lines(machine: Machine) -> None:
    machine.write(machine.projects_file, {f"key{index}": 1 for index in range(3_000)})
    problems = machine.load().problems
    assert len(problems) == MOST_FINDINGS + 1
    assert problems[-1].message == "and 2,990 more of this kind; mend the first ones and ask again"


def test_a_long_or_steering_key_is_quoted_short(machine: Machine) -> None:
    machine.write(machine.projects_file, {"x" * 10_000: 1, "\x1b[31m": 1})
    long, steering = machine.load().problems
    assert (long.path, steering.path) == (f"['{'x' * 39}…']", r"['\x1b[31m']")
    assert (long.message, steering.message) == (NOT_FOR_PROJECTS, NOT_FOR_PROJECTS)


def test_two_files_of_ours_are_told_and_the_first_counts(machine: Machine) -> None:
    machine.write(machine.ours, {"width": 60})
    machine.write(machine.config / "quota-sidecar.json", {"width": 50})
    config = machine.load()
    assert config.settings.width == 60
    message = "is ignored, because quota-sidecar.jsonc is there too; keep one of them"
    assert config.problems == (Problem(str(machine.config / "quota-sidecar.json"), message),)


def test_a_file_that_breaks_keeps_its_last_good_version_and_says_so(machine: Machine) -> None:
    machine.gateways({"providerId": "campus", "baseURL": BASE})
    good = machine.only()
    machine.write(machine.ours, '{\n  "gateways": [\n    oops oops\n')
    config = machine.load()
    message = (
        "can't be read: it is not valid JSON: a value should stand here (a text stands in quotes), "
        "and not 'o'; the last good version stays in force"
    )
    assert config.gateways == (good,)
    assert config.problems == (Problem(str(machine.ours), message, 3),)
    machine.ours.unlink()
    assert machine.load() == Config(Settings(), (), ())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "it is not valid JSON: the { here is not closed"),
        (b"\xff{}", "it is not UTF-8; save it as UTF-8"),
        (b"[" * 5000, "it is nested too deeply"),
        (b" " * (jsonc.MAX_BYTES + 1), "it is larger than 1,024 KiB"),
        (b'{"width": ' + b"9" * 5000 + b"}", "it is not valid JSON"),
        (b'{"a": "\\ud800"}', "it is not valid JSON"),
    ],
    ids=["cut", "latin", "deep", "huge", "long figure", "half a character"],
)
def test_a_file_that_never_was_good_is_told_and_not_used(machine: Machine, raw: bytes, reason: str) -> None:
    machine.ours.write_bytes(raw)
    config = machine.load()
    (problem,) = config.problems
    assert config.settings == Settings()
    assert problem.message == f"can't be read: {reason}; nothing of it is used"


@pytest.mark.parametrize("raw", [b"", b" \n", b"\xef\xbb\xbf{}", b"{} // nothing", b"/* a */ {}"])
def test_an_empty_file_is_no_fault(machine: Machine, raw: bytes) -> None:
    machine.ours.write_bytes(raw)
    assert machine.load() == Config(Settings(), (), ())


def test_a_file_whose_name_no_screen_shows_is_no_preset(machine: Machine) -> None:
    folder = machine.config / "quota-presets"
    folder.mkdir()
    for name in (b"a\xff.toml", b"a\x1b[31m.toml", b"a\n.toml"):
        (folder / os.fsdecode(name)).touch()
    machine.gateways({"providerId": "campus", "baseURL": BASE, "preset": "zzz"})
    assert machine.refused()[1] == f"there is no preset 'zzz'; there are {', '.join(presets.names())}"
