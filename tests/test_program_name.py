"""How texts name this program: by what a person can type, wherever it was installed."""

import sys
from pathlib import Path

import pytest

from sidecar.texts.program import PROGRAM, name

HOME = Path("/home/ann")
PREPARED = "opencode-quota-sidecar/environments/0.1.0-abc"


@pytest.mark.parametrize(
    ("prefix", "named"),
    [
        ("/home/ann/work/opencode-quota-sidecar/.venv", "quota-sidecar"),
        ("/home/ann/.local/pipx/venvs/opencode-quota-sidecar", "quota-sidecar"),
        ("/", "quota-sidecar"),
        (f"/home/ann/.local/share/{PREPARED}", "~/.local/share/opencode-quota-sidecar/bin/quota-sidecar"),
        (f"/data/{PREPARED}", "/data/opencode-quota-sidecar/bin/quota-sidecar"),
        (f"/data/of ann/{PREPARED}", '"/data/of ann/opencode-quota-sidecar/bin/quota-sidecar"'),
        (f"/home/ann/my data/{PREPARED}", '"/home/ann/my data/opencode-quota-sidecar/bin/quota-sidecar"'),
    ],
)
def test_only_a_prepared_environment_is_named_by_its_launcher(prefix: str, named: str) -> None:
    assert name(prefix, HOME) == named


def test_here_it_is_what_the_tests_run_in() -> None:
    assert name(sys.prefix) == PROGRAM == "quota-sidecar"
