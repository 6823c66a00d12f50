"""Colour in what the terminal's commands print: where, and for whom."""

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from typing import Final

import pytest

from sidecar.cli import colour
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.page import configure
from tests.bed.processes import DEADLINE_S, start
from tests.bed.program import MAIN, run

CODE: Final = re.compile(r"\x1b\[\d*m")

REPORT: Final = """\
Campus (campus)                                    just now
  tokens     ■■■■■■■■■···  75%  750 of 1,000 left
  cost       ■■··········  20%  $1.00 of $5.00 left
  weekly     ■···········  <1%
  calls      ············ over  6 of 5 used
  ! HTTP 503: the gateway has a fault · asked again in
    5 min
  key: environment A

To mend:
  ! ~/a.jsonc, line 3
    gateways[0]: must be an object
    and more of it

sidecar 0.1.0 · 10:00"""


def on_a_terminal(home: Home, *arguments: str, env: Mapping[str, str] = {}) -> tuple[int, str]:
    """Run it where stdout is a terminal; return its exit code and what it printed there."""
    master, terminal = os.openpty()
    with os.fdopen(master, "rb", 0) as screen:
        process = start(
            [sys.executable, "-I", *MAIN, *arguments],
            {**home.env, "TERM": "xterm-256color", **env},
            home.project, output=terminal,
        )  # fmt: skip
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # that is its end, where the other end is closed
            while part := screen.read(65536):
                shown += part
        code = process.wait(DEADLINE_S)
    return code, shown.decode().replace("\r\n", "\n")


def shown(text: str) -> str:
    """Write codes as people read them."""
    for code, name in (("31", "red"), ("32", "green"), ("33", "yellow"), ("0", "/")):
        text = text.replace(f"\x1b[{code}m", f"<{name}>")
    return text


def test_bars_are_coloured_by_what_is_left_and_problems_are_red() -> None:
    assert (
        shown(colour.paint(REPORT))
        == """\
Campus (campus)                                    just now
  tokens     <green>■■■■■■■■■···  75%</>  750 of 1,000 left
  cost       <yellow>■■··········  20%</>  $1.00 of $5.00 left
  weekly     <red>■···········  <1%</>
  calls      <red>············ over</>  6 of 5 used
  <red>! HTTP 503: the gateway has a fault · asked again in</>
    <red>5 min</>
  key: environment A

To mend:
  <red>! ~/a.jsonc, line 3</>
    <red>gateways[0]: must be an object</>
    <red>and more of it</>

sidecar 0.1.0 · 10:00"""
    )


def test_the_doctors_problems_are_red_and_their_cures_are_plain() -> None:
    page = """\
OpenCode
  program      ! not found · ~/bin/opencode
  ! refused    ~/a.jsonc, line 3
               can't be read

2 problems:
  1. There is no `opencode`
     on PATH
     - a detail
     Cure: Install OpenCode, or add its folder to
           PATH.
  2. Another
     Cure: None."""
    assert (
        shown(colour.paint(page))
        == """\
OpenCode
  program      <red>! not found</> · ~/bin/opencode
  <red>! refused    ~/a.jsonc, line 3</>
               can't be read

2 problems:
  <red>1. There is no `opencode`</>
     <red>on PATH</>
     - a detail
     Cure: Install OpenCode, or add its folder to
           PATH.
  <red>2. Another</>
     Cure: None."""
    )


@pytest.mark.parametrize(
    ("env", "is_coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
    ids=str,
)
def test_a_terminal_gets_colour_unless_somebody_wants_none(
    home: Home, gateway: Gateway, env: dict[str, str], is_coloured: bool
) -> None:
    configure(home, gateway)
    code, text = on_a_terminal(home, "usage", env=env)
    assert (code, bool(CODE.search(text))) == (0, is_coloured)
    assert CODE.sub("", text).startswith("Campus      75%  tokens · asked ")


@pytest.mark.parametrize("command", ["status", "limits", "usage", "explain", "doctor"])
def test_what_is_no_terminal_and_what_is_data_get_no_colour(
    home: Home, gateway: Gateway, command: str
) -> None:
    configure(home, gateway)
    assert not CODE.search(run(home, command, env={"TERM": "xterm-256color"}).stdout)
    assert not CODE.search(on_a_terminal(home, command, "--json", env={"FORCE_COLOR": "1"})[1])


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_the_words_are_the_same_with_colour(home: Home, gateway: Gateway, command: str) -> None:
    configure(home, gateway, widht=5)
    plain = run(home, command).stdout
    painted = run(home, command, env={"FORCE_COLOR": "1"}).stdout
    assert CODE.search(painted)
    times = re.compile(r" *(?:[\d,]+ ms|\d\d:\d\d|just now|\d+ s ago|\d+ KiB)")
    assert times.sub("", CODE.sub("", painted)) == times.sub("", plain)
