"""Configured webhooks: what is resolved, what is refused with its place, and that no URL is ever told."""

from pathlib import Path

import pytest

from sidecar.adapters.documents import Problem
from sidecar.adapters.secrets import Secret
from sidecar.adapters.webhooks import EventKind, Hook
from tests.machine import Machine

ALL: frozenset[EventKind] = frozenset({"failover", "recovered", "exhausted", "low"})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_hook_has_its_placeholders_filled_and_wants_everything_by_default(machine: Machine) -> None:
    machine.environ.update(HOOK="https://hooks.example/T0/B0", WORD="t-0123456789")
    machine.write(
        machine.ours,
        {
            "webhooks": [
                {"url": "{env:HOOK}", "format": "slack", "events": ["exhausted"]},
                {"url": "http://127.0.0.1:9/x", "headers": {"Authorization": "Bearer {env:WORD}"}},
            ]
        },
    )
    config = machine.load()
    assert config.problems == ()
    assert config.webhooks == (
        Hook("webhooks[0]", Secret("https://hooks.example/T0/B0"), "slack", frozenset({"exhausted"})),
        Hook(
            "webhooks[1]",
            Secret("http://127.0.0.1:9/x"),
            "json",
            ALL,
            {"Authorization": Secret("Bearer t-0123456789")},
        ),
    )


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"url": "http://hooks.example.com:80@evil/s3cr3t"}, "url",
         "is refused: it holds a user name or password; use apiKeyEnv or headers"),
        ({"url": "http://93.184.216.34/s3cr3t"}, "url",
         "is refused: plain http is only for loopback and private addresses; use https"),
        ({"url": "{env:NO_HOOK}"}, "url",
         "{env:NO_HOOK}: the environment has no NO_HOOK; set it where OpenCode is started"),
        ({"url": "https://hooks.example/s3cr3t", "headers": {"Host": "x"}}, "headers.Host",
         "the header 'Host' is not yours to set, or its value holds characters that can't be sent"),
        ({"url": "https://hooks.example/s3cr3t", "events": ["lost"]}, "events[0]",
         "'lost' is not known here; there are failover, recovered, exhausted, low"),
        ({"url": "https://hooks.example/s3cr3t", "format": "teams"}, "format",
         "'teams' is not known here; there are json, slack"),
    ],
)  # fmt: skip
def test_a_bad_hook_is_told_with_its_place_and_the_others_stay(
    machine: Machine, entry: object, path: str, message: str
) -> None:
    good = {"url": "https://hooks.example/good"}
    machine.write(machine.ours, {"webhooks": [entry, good]})
    config = machine.load()
    assert [hook.place for hook in config.webhooks] == ["webhooks[1]"]
    assert config.problems == (Problem(str(machine.ours), message, 1, f"webhooks[0].{path}"),)
    assert "s3cr3t" not in repr((config.webhooks, config.problems))


def test_no_project_names_a_receiver(machine: Machine) -> None:
    machine.write(machine.projects_file, {"webhooks": [{"url": "https://hooks.example/x"}]})
    config = machine.load()
    assert config.webhooks == ()
    assert [problem.path for problem in config.problems] == ["webhooks"]
