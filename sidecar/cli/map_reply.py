"""`quota-sidecar map`: what a preset or a mapping makes of a reply, without asking anybody."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from sidecar.cli.parser import Formatter

HELP: Final = "try a preset or a mapping on a recorded reply"
ABOUT: Final = """\
Print the windows that a preset or a mapping of your own reads in the reply on stdin, as a JSON list. Nobody
is asked.
"""
NOTES: Final = "(here stands the page about the language)"
EXAMPLES: Final = (
    "quota-sidecar map --preset openrouter < body.json",
    "quota-sidecar map --mapping mine.toml --headers h.txt --explain < body.json",
)
EXIT_CODES: Final = {
    0: "done, also where no figure was found: stderr says so",
    3: "it could not be done: a file, the mapping or the reply can't be used",
}


class _WithPage(Formatter):
    """Puts the page in where it is shown: `serve` starts without having read it."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        before, page, after = text.partition(NOTES)
        if not page:
            return super()._fill_text(text, width, indent)
        from sidecar.texts.pages import in_terminal, mapping_page

        return before + in_terminal(mapping_page()) + "\n" + super()._fill_text(after, width, indent)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the mapping, and what belongs to the reply beside its body."""
    parser.formatter_class = _WithPage
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--preset", metavar="NAME", help="one of `quota-sidecar presets`")
    which.add_argument(
        "--mapping", metavar="FILE", type=Path, help="a mapping in TOML, or in JSON (.json, .jsonc)"
    )
    parser.add_argument(
        "--headers",
        metavar="FILE",
        type=Path,
        help="the reply's headers: `name: value` lines, or a JSON object",
    )
    parser.add_argument("--now", metavar="ISO", help="the time to read at, like 2026-11-21T00:00:00Z")
    parser.add_argument(
        "--config", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the mapping"
    )
    parser.add_argument(
        "--explain", action="store_true", help="print to stderr what is asked and what each expression finds"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the windows as a JSON list."""
    from sidecar.adapters.reply_files import InputError
    from sidecar.texts.data import as_json

    try:
        reading = _read(arguments)
    except InputError as error:
        sys.stderr.write(f"quota-sidecar: {error}\n")
        return 3
    if reading.is_refusal:
        sys.stderr.write("quota-sidecar: by `ok`, this reply is an error: it holds no windows\n")
    elif reading.is_too_large:
        sys.stderr.write("quota-sidecar: the reply has too many rows to go through in the time of a chat\n")
    elif not reading.windows:
        sys.stderr.write("quota-sidecar: no figure was found; --explain shows what each expression finds\n")
    sys.stdout.write(as_json(reading.windows) + "\n")
    return 0


def _read(arguments: argparse.Namespace) -> Any:
    from sidecar.adapters import reply_files
    from sidecar.adapters.paths import find_places
    from sidecar.quota.explain import explain
    from sidecar.quota.mapping import read
    from sidecar.texts.explanation import remarks, render

    places = find_places(os.environ)
    mapping = (
        reply_files.preset(places, arguments.preset)
        if arguments.preset
        else reply_files.mapping(arguments.mapping)
    )
    headers = reply_files.headers(arguments.headers) if arguments.headers else {}
    config = reply_files.parameters(arguments.config, mapping)
    now = reply_files.instant(arguments.now) if arguments.now else time.time()
    reply, context = reply_files.answered(mapping, config, sys.stdin.buffer.read(), headers, now)
    explanation = explain(mapping, reply, context)
    sys.stderr.write((render(explanation) if arguments.explain else "") + remarks(explanation))
    return read(mapping, reply, context)
