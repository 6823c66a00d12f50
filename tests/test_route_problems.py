"""What is wrong with routes, models and providers' settings: told with file, line and path."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.documents import Problem
from sidecar.protocol import Target
from tests.machine import KEY_A, Machine
from tests.offers import CHAT, catalogue, model

OFFERED = catalogue(anthropic=[model("claude-sonnet-4-5"), model("claude-opus-4-5")], gw_a=[model("m1")])
TWO = ["gw-a/m1", "anthropic/claude-sonnet-4-5"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def problems(machine: Machine, ours: object) -> list[tuple[str | None, str]]:
    machine.write(machine.ours, ours)
    found = machine.loader.load(machine.project, (), OFFERED).problems
    assert {problem.file for problem in found} <= {str(machine.ours)}
    return [(problem.path, problem.message) for problem in found]


def test_a_bad_route_is_told_with_its_line_and_the_others_stay(machine: Machine) -> None:
    machine.write(
        machine.ours,
        """{
  "routes": [
    { "targets": ["gw-a/m1", "claude"] },
    { "targets": ["gw-a/m1", "anthropic/claude-opus-4-5"],
      "startegy": "headroom" },
  ],
}""",
    )
    config = machine.loader.load(machine.project, (), OFFERED)
    assert config.problems == (
        Problem(
            str(machine.ours),
            "expected a target like provider/model; it is ignored",
            3,
            "routes[0].targets[1]",
        ),
        Problem(
            str(machine.ours), "unknown key 'startegy'; did you mean 'strategy'?", 5, "routes[1].startegy"
        ),
    )
    found = config.targets.route(Target("gw-a", "m1"), OFFERED)
    assert [spec.target.model_id for spec in found.targets] == ["m1", "claude-opus-4-5"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"targets": TWO[:1]}, "targets",
     "a route needs two targets or more; with one there is nowhere else to go"),
    ({"targets": [*TWO, "gw-a/m1"]}, "targets[2]", "is listed in this route already; it is ignored"),
    ({"targets": [*TWO, "/m1"]}, "targets[2]", "expected a target like provider/model; it is ignored"),
    ({"targets": [*TWO, 5]}, "targets[2]", "expected a text or an object, got a whole number; it is ignored"),
    ({"targets": [*TWO, {"model": "x"}]}, "targets[2]", "`target` is missing; it is ignored"),
    ({"targets": "gw-a/m1"}, "targets", "expected a list, got a text; it is ignored"),
    ({}, "", "`targets` is missing; it is ignored"),
    ({"targets": TWO, "strategy": "cheapest"}, "strategy",
     "there is no strategy 'cheapest'; there are priority, headroom, cost, latency"),
    ({"targets": TWO, "strategy": "hedroom"}, "strategy",
     "there is no strategy 'hedroom'; did you mean 'headroom'?"),
    ({"targets": TWO, "strategy": 1}, "strategy", "expected a text, got a whole number; it is ignored"),
    ({"targets": TWO, "maxAttempts": 0}, "maxAttempts",
     "expected a whole number of at least 1; it is ignored"),
    ({"targets": [*TWO, "antropic/claude-opus-4-5"]}, "targets[2]",
     "OpenCode has no provider 'antropic'; did you mean 'anthropic'?"),
    ({"targets": [*TWO, "anthropic/claude-opus"]}, "targets[2]",
     "the provider 'anthropic' has no model 'claude-opus' in OpenCode; did you mean 'claude-opus-4-5'?"),
    ({"targets": [*TWO, {"target": "anthropic/zzz"}]}, "targets[2].target",
     "the provider 'anthropic' has no model 'zzz' in OpenCode; `opencode models` lists them"),
    ({"targets": [*TWO, {"target": "groq/x", "haeders": {}}]}, "targets[2].haeders",
     "unknown key 'haeders'; did you mean 'headers'?"),
    ({"targets": [*TWO, {"target": "groq/x", "headers": {"X": "{env:NOPE}"}}]}, "targets[2].headers.X",
     "{env:NOPE}: the environment has no NOPE; set it where OpenCode is started"),
    ({"targets": [*TWO, {"target": "groq/x", "headers": {"Host": "x"}}]}, "targets[2].headers.Host",
     "the header 'Host' is not yours to set, or its value holds characters that can't be sent"),
    ({"targets": [*TWO, {"target": "groq/x", "set": {"a..b": 1}}]}, "targets[2].set['a..b']",
     "is no path; write names from the body's root with dots between them, like provider.order"),
    ({"targets": [*TWO, {"target": "groq/x", "set": {"model": "y"}}]}, "targets[2].set.model",
     "is not set so; give the model's id with model, as in {target: ..., model: ...}"),
    ({"targets": [*TWO, {"target": "groq/x", "remove": ["a", "stream"]}]}, "targets[2].remove[1]",
     "stream is not yours to change: without it no answer can be read"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "path", "message"), WRONG, ids=str)
def test_what_is_wrong_with_a_route_is_told_at_its_place(
    machine: Machine, row: dict[str, Any], path: str, message: str
) -> None:
    place = f"routes[0].{path}" if path else "routes[0]"
    assert problems(machine, {"routes": [row]}) == [(place, message)]


def test_routes_that_are_no_list_are_told(machine: Machine) -> None:
    assert problems(machine, {"routes": {}}) == [("routes", "must be a list")]


@pytest.mark.parametrize(
    ("row", "path", "message"),
    [
        ({"limits": {"requestPerHour": 5}}, "limits.requestPerHour",
         "unknown key 'requestPerHour'; did you mean 'requestsPerHour'?"),
        ({"limits": {"costPerDay": -1}}, "limits.costPerDay",
         "expected a number of at least 0; it is ignored"),
        ({"priority": "first"}, "priority", "expected a number, got a text; it is ignored"),
        ({"headers": {"X": "${NAME}"}}, "headers.X",
         "${NAME} is not replaced in this file; write {env:NAME}"),
        ({"remove": ["messages"]}, "remove[0]",
         "messages is not yours to change: without it no answer can be read"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_with_a_provider_is_told_at_its_place(
    machine: Machine, row: dict[str, Any], path: str, message: str
) -> None:
    assert problems(machine, {"providers": {"gw-a": row}}) == [(f"providers.gw-a.{path}", message)]


def test_a_provider_that_is_spelled_almost_right_is_told_any_other_may_be_of_another_folder(
    machine: Machine,
) -> None:
    rows = {"anthropc": {"enabled": False}, "github-copilot": {"enabled": False}}
    assert problems(machine, {"providers": rows}) == [
        ("providers.anthropc", "OpenCode has no provider 'anthropc'; did you mean 'anthropic'?")
    ]


def test_before_the_host_has_told_its_providers_none_is_unknown(machine: Machine) -> None:
    machine.write(machine.ours, {"routes": [{"targets": ["antropic/x", "gw-a/zzz"]}]})
    assert machine.load().problems == ()


def test_a_provider_whose_headers_can_not_be_sent_is_no_target(machine: Machine) -> None:
    machine.environ["ANTHROPIC_API_KEY"] = KEY_A
    machine.write(machine.ours, {"providers": {"anthropic": {"headers": {"X": "{env:NOPE}"}}}})
    config = machine.loader.load(machine.project, (), OFFERED)
    spec = config.targets.route(Target("anthropic", "claude-opus-4-5"), OFFERED).targets[0]
    assert (spec.why_not, spec.url) == ("no address", None)


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"baseURL": "http://8.8.8.8/v1"}, "baseURL",
         "is refused: plain http is only for loopback and private addresses; use https"),
        ({"baseURL": "https://{env:NOPE}/v1"}, "baseURL",
         "{env:NOPE}: the environment has no NOPE; set it where OpenCode is started"),
        ({"apiKey": "{env:NOPE}"}, "apiKey",
         "{env:NOPE}: the environment has no NOPE; set it where OpenCode is started"),
        ({"headers": {"Cookie": "\u00e4"}}, "headers.Cookie",
         "the header 'cookie' is not yours to set, or its value holds characters that can't be sent"),
    ],
    ids=str,
)  # fmt: skip
def test_a_fault_of_opencodes_own_file_is_told_for_a_provider_that_a_route_counts_on(
    machine: Machine, options: dict[str, Any], path: str, message: str
) -> None:
    row = {"npm": CHAT, "options": {"baseURL": "https://gw-a.example"} | options}
    machine.write(machine.host, {"provider": {"gw-a": row}})
    assert machine.loader.load(machine.project, (), OFFERED).problems == ()
    machine.write(machine.ours, {"routes": [{"targets": TWO}]})
    config = machine.loader.load(machine.project, (), OFFERED)
    assert config.problems == (Problem(str(machine.host), message, 1, f"provider.gw-a.options.{path}"),)


@pytest.mark.parametrize(
    "row",
    [
        {"limits": {"requestsPerDay": 1}},
        {"headers": {"X": "{file:/etc/passwd}"}},
        {"set": {"a": 1}},
        {"priority": -9},
        {"remove": []},
    ],
    ids=str,
)
def test_a_project_can_not_say_how_a_provider_is_asked(machine: Machine, row: dict[str, Any]) -> None:
    machine.write(machine.ours, {"providers": {"gw-a": {"priority": 2}}})
    before = machine.load().settings
    machine.write(machine.projects_file, {"providers": {"gw-a": row}})
    config = machine.load()
    message = "a project may not set this; it is ignored (put it into the global quota-sidecar.jsonc)"
    assert config.settings == before
    assert config.problems == (
        Problem(str(machine.projects_file), message, 1, f"providers.gw-a.{next(iter(row))}"),
    )


def test_a_provider_that_a_project_switches_off_keeps_what_the_user_has_set(machine: Machine) -> None:
    machine.write(machine.ours, {"providers": {"gw-a": {"limits": {"requestsPerDay": 5, "hard": True}}}})
    machine.write(machine.projects_file, {"providers": {"gw-a": {"enabled": False}}})
    entry = machine.load().settings.providers["gw-a"]
    assert (entry.enabled, entry.limits and (entry.limits.requests_per_day, entry.limits.hard)) == (
        False, (5, True),
    )  # fmt: skip


def test_a_bad_row_of_models_is_told_and_the_others_stay(machine: Machine) -> None:
    machine.write(machine.ours, {"models": {"a": ["b"], "c": "d", "e": ["f", 1]}})
    config = machine.load()
    assert config.settings.models == {"a": ["b"]}
    assert [(row.path, row.message) for row in config.problems] == [
        ("models.c", "expected a list, got a text; it is ignored"),
        ("models.e[1]", "expected a text, got a whole number; it is ignored"),
    ]
