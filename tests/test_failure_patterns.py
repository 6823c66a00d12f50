"""The user's own failure patterns: from the global file alone, matched in linear time, bad ones told."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.adapters.documents import Problem
from sidecar.adapters.failure_patterns import CLASSES
from sidecar.core.failure import Failure, Refusal, classify
from tests.machine import Machine
from tests.refusals import NOW


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_patterns_are_asked_in_their_order_and_for_their_providers(machine: Machine) -> None:
    rows = [
        {"match": "Nap(ping)?\\.", "class": "overloaded", "provider": "campus-*"},
        {"match": "配额|nap", "class": "quota-exhausted-long"},
    ]
    machine.write(machine.ours, {"failurePatterns": rows})
    config = machine.load()
    assert config.problems == ()
    patterns = config.failure_patterns
    napping = Refusal("campus-1", 400, {}, '{"error": "I am NAPPING."}')
    assert classify(napping, NOW, patterns) == Failure("overloaded", "user pattern 1", "model")
    elsewhere = Refusal("other", 400, {}, "", "napping")
    assert classify(elsewhere, NOW, patterns) == Failure("quota-exhausted-long", "user pattern 2", "account")
    unmatched = Refusal("other", 401)
    assert classify(unmatched, NOW, patterns) == Failure("auth", "status 401", "account")
    half = Refusal("other", 400, {}, "\ud800 配额")
    assert classify(half, NOW, patterns).evidence == "user pattern 2"


def test_a_bad_pattern_is_told_and_the_others_stay(machine: Machine) -> None:
    machine.write(
        machine.ours,
        """{
  "failurePatterns": [
    { "match": "(abc", "class": "auth" },
    { "match": "x", "class": "quota-exausted-long" },
    { "match": "x", "class": "certainly" },
    { "match": "good", "class": "network" },
    { "match": "(?=x)", "class": "auth" },
    { "match": "", "class": "auth" },
    { "match": "x", "clas": "auth" },
    7,
  ],
}""",
    )
    config = machine.load()
    file = str(machine.ours)
    known = ", ".join(CLASSES)
    refused = "is no regular expression that can be used:"
    assert config.problems == (
        Problem(file, f"{refused} missing ): (abc; it is ignored", 3, "failurePatterns[0].match"),
        Problem(
            file,
            "there is no class 'quota-exausted-long'; did you mean 'quota-exhausted-long'?",
            4,
            "failurePatterns[1].class",
        ),
        Problem(file, f"there is no class 'certainly'; there are {known}", 5, "failurePatterns[2].class"),
        Problem(file, f"{refused} invalid perl operator: (?=; it is ignored", 7, "failurePatterns[4].match"),
        Problem(file, "expected a text that isn't empty; it is ignored", 8, "failurePatterns[5].match"),
        Problem(file, "unknown key 'clas'; did you mean 'class'?", 9, "failurePatterns[6].clas"),
        Problem(file, "`class` is missing; it is ignored", 9, "failurePatterns[6]"),
        Problem(file, "expected an object, got a whole number; it is ignored", 10, "failurePatterns[7]"),
    )
    (pattern,) = config.failure_patterns
    assert (pattern.failure_class, pattern.number, pattern.search("very GOOD")) == ("network", 4, True)


@pytest.mark.parametrize("rows", [{}, "x", 1])
def test_patterns_must_be_a_list(machine: Machine, rows: object) -> None:
    machine.write(machine.ours, {"failurePatterns": rows})
    config = machine.load()
    assert config.failure_patterns == ()
    assert config.problems == (Problem(str(machine.ours), "must be a list", 1, "failurePatterns"),)


def test_a_project_may_not_bring_patterns(machine: Machine) -> None:
    machine.write(machine.projects_file, {"failurePatterns": [{"match": "x", "class": "auth"}]})
    config = machine.load()
    assert config.failure_patterns == ()
    assert [problem.path for problem in config.problems] == ["failurePatterns"]


def test_a_pattern_that_makes_others_hang_is_answered_at_once(machine: Machine) -> None:
    machine.write(machine.ours, {"failurePatterns": [{"match": "^(a+)+$", "class": "auth"}]})
    (pattern,) = machine.load().failure_patterns
    assert not pattern.search("a" * 60_000 + "!")  # a matcher that tries every way would never end


def test_the_engine_is_loaded_only_for_a_pattern(machine: Machine) -> None:
    code = (
        "import os, sys; from sidecar.adapters.config import ConfigLoader\n"
        "from sidecar.adapters.paths import find_places\n"
        "import sidecar.server\n"
        "ConfigLoader(find_places(os.environ), os.environ).load(None); print('re2' in sys.modules)"
    )
    said: list[str] = []
    for rows in ([], [{"match": "(", "class": "auth"}]):
        machine.write(machine.ours, {"failurePatterns": rows})
        command = [sys.executable, "-I", "-c", code]
        done = subprocess.run(
            command, env=machine.environ, capture_output=True, text=True, check=True, timeout=60
        )
        said.append(done.stdout + done.stderr)
    assert said == ["False\n", "True\n"]  # and it logs nothing by itself
