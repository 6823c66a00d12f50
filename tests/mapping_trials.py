"""A mapping is tried by `quota-sidecar map`: its file, its run, and the windows that it prints."""

import json
import textwrap

from tests.bed.home import Home
from tests.bed.program import run

NOW = "2026-11-21T00:00:00Z"


def mapped(home: Home, *arguments: str, stdin: str = "") -> object:
    """Return the windows of a run that had nothing to complain about."""
    done = run(home, "map", *arguments, "--now", NOW, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def write(home: Home, name: str, text: str) -> str:
    (home.project / name).write_text(textwrap.dedent(text), "utf-8")
    return name


MINE = """\
summary = "Mine"

[[windows]]
name = "w"
unit = "cost"
limit = "data.x"
"""
