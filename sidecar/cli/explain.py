"""`quota-sidecar explain`: the last decisions, with everybody who was considered."""

import argparse
import sys
import time
from contextlib import suppress
from typing import Final

from sidecar.cli.terminal import application, project, show, tell

HELP: Final = "print why the last requests went where they went"
ABOUT: Final = "Print the last decisions: who was considered in which order, who was out, and why."
NOTES: Final = """\
The newest comes first. Numbers are the order in which targets would be asked; what is out says why.
A target is healthy (something is known to be left), unknown, at the reserve (no more than
that is left, 5 percent by default), used up, limited (at a limit of your own), due (its wait is
over, one request finds out) or cooling. What is used slower than its time lasts until it resets.
"""
EXAMPLES: Final = ("quota-sidecar explain", "quota-sidecar explain --count 1 --json")
EXIT_CODES: Final[dict[int, str]] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how many, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument(
        "-n", "--count", metavar="N", type=_count, default=10, help="how many, 1 to 200; default 10"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the decisions."""
    import anyio

    return anyio.run(_print, arguments)


def _count(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (value := int(text)) <= 200:
            return value
    raise argparse.ArgumentTypeError("must be a whole number from 1 to 200")


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.texts.data import as_json
    from sidecar.texts.decisions import explain

    async with application() as services:
        config = services.place(project()).config
        tell(config.problems)
        rows = await services.limits.explain(arguments.count)
    if arguments.json:
        sys.stdout.write(as_json(rows) + "\n")
    else:
        show(explain(rows, time.time(), config.settings.width))
    return 0
