"""`quota-sidecar classify`: what refusals mean, one JSON line each, with the user's own patterns."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidecar.cli.terminal import refuse, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sidecar.adapters.documents import Problem

HELP: Final = "say what recorded refusals mean, one JSON object a line"
ABOUT: Final = "Print what each refusal on stdin means: one JSON line for each line that is not blank."
NOTES: Final = """\
Each line of stdin is an object with any of
  provider    OpenCode's id
  status      the HTTP status; null or absent: there was no answer
  headers     an object
  body        a text, or the JSON that it was
  message     what an SDK or the network made of it
  error_name  the name of the exception
and each line of stdout is an object with class, scope, retry_after_s, reset_at and evidence; what
is not known is absent. The failurePatterns of the global quota-sidecar.jsonc are asked first.

A line that can't be read is told on stderr and answered with {}: the lines of stdout stay beside
those of stdin.
"""
EXAMPLES: Final = ("""echo '{"status": 429, "body": "try again in 5m"}' | quota-sidecar classify""",)
EXIT_CODES: Final = {
    0: "done: every line was read",
    3: "a line could not be read, or --now is no time",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the time to read at."""
    parser.add_argument("--now", metavar="ISO", help="the time to read at, like 2026-11-21T00:00:00Z")


def _ours(problems: "Iterable[Problem]") -> "Iterator[Problem]":
    """Yield which of the user's own patterns are left out: they would look like some that don't match."""
    from sidecar.adapters.config import OUR_FILES

    for row in problems:
        if Path(row.file).name in OUR_FILES and (row.path or "failurePatterns").startswith("failurePatterns"):
            yield row


def run(arguments: argparse.Namespace) -> int:
    """Answer line by line."""
    from sidecar.adapters.config import ConfigLoader
    from sidecar.adapters.paths import find_places
    from sidecar.adapters.refusal_lines import RefusalLineError, read_refusal
    from sidecar.adapters.reply_files import InputError, instant
    from sidecar.core.failure import classify
    from sidecar.texts.classification import bad_line
    from sidecar.texts.data import as_json_line

    try:
        now = instant(arguments.now) if arguments.now is not None else None
    except InputError as error:
        return refuse(error)
    config = ConfigLoader(find_places(os.environ), os.environ).load(None)
    patterns = config.failure_patterns
    tell(_ours(config.problems))
    code = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            failure = classify(read_refusal(line), time.time() if now is None else now, patterns)
            sys.stdout.write(as_json_line(failure) + "\n")
        except RefusalLineError as error:
            sys.stderr.write(bad_line(number, str(error)))
            sys.stdout.write("{}\n")
            code = 3
    return code
