"""Colour in a terminal's reports: bars by how much is left, and what is wrong. The words stay the same.

It reads the finished text, as people do: a bar with its percentage, a line that a `!` begins. So reports
know nothing of it, and without its codes a text is what it was.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TextIO

from sidecar.adapters.systems import ON_WINDOWS

LOW, VERY_LOW = 20, 5
"""Percent left: from here on yellow, and red; the steps of the toasts."""

_CODES: Final = {"red": "31", "yellow": "33", "green": "32"}

_SHARE: Final = re.compile(r"[■·]{6,} +(?:(<?\d+)%|over)|(?<= )(<?\d+)%(?=  \S)")
_MARK: Final = re.compile(r"^( *)! ")
_INNER_MARK: Final = re.compile(r"(?<=[ ·] )! [^·]*[^· ]")
_FINDING: Final = re.compile(r"^( *\d+\. )\S")
_FINDINGS: Final = re.compile(r"^[\d,]+ problems?:$")


def is_wanted(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Say whether *stream* should get colour: NO_COLOR, FORCE_COLOR and TERM=dumb decide, else what it is."""
    if environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR"):
        return forced != "0"
    if environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    return not ON_WINDOWS or bool(environ.get("WT_SESSION"))  # an older console would print the codes


def paint(text: str) -> str:
    """Return *text* with the codes of a terminal put in."""
    return "\n".join(_painted(text.split("\n")))


def _painted(lines: list[str]) -> Iterator[str]:
    wrong: int | None = None
    """Where the text of a problem begins, in lines that go on with it."""
    are_findings = False
    for line in lines:
        are_findings = bool(are_findings or _FINDINGS.match(line))
        if mark := _MARK.match(line):
            wrong = mark.end()
        elif are_findings and (finding := _FINDING.match(line)):
            wrong = finding.end(1)
        elif wrong is not None and not _goes_on(line, wrong):
            wrong = None
        yield _in("red", line) if wrong is not None else _INNER_MARK.sub(_red, _SHARE.sub(_by_share, line))


def _goes_on(line: str, column: int) -> bool:
    """Say whether *line* has its text at *column*, and is no detail or cure of its own."""
    text = line[column:]
    return line[:column].isspace() and text[:1] not in ("", " ") and not text.startswith(("- ", "Cure: "))


def _by_share(found: re.Match[str]) -> str:
    percent = found[1] or found[2] or "0"  # nothing is left of what is over
    left = float(percent.replace("<", "0."))
    return _in("red" if left <= VERY_LOW else "yellow" if left <= LOW else "green", found[0])


def _red(found: re.Match[str]) -> str:
    return _in("red", found[0])


def _in(colour: str, text: str) -> str:
    """Return *text* in *colour*, but for the spaces before it."""
    words = text.lstrip()
    return f"{text[: len(text) - len(words)]}\x1b[{_CODES[colour]}m{words}\x1b[0m" if words else text
