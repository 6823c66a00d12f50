"""The longer texts, one Markdown file each beside this one, and how they stand in a terminal."""

import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

WIDTH: Final = 80
"""Columns of a page; its examples are copied, and stay as they are in any terminal."""

_TABLE: Final = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_EDGE: Final = re.compile(r" *(?<!\\)\| *")


def mapping_page() -> str:
    """Return the page that teaches the mapping language, as Markdown."""
    return (files("sidecar.texts") / "mapping.md").read_text("utf-8")


def in_terminal(page: str) -> str:
    """Return a page with its tables of three columns as lists: what, of which kind, and what it means."""
    return _TABLE.sub(lambda table: "\n".join(_listed(table[0])) + "\n", page)


def _listed(table: str) -> Iterator[str]:
    (_, kind, _), _, *rows = (_EDGE.split(line)[1:-1] for line in table.splitlines())
    for name, value, meaning in rows:
        yield f"{name} ({kind}: {value})" if value else name
        yield textwrap.fill(
            meaning, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
