"""`quota-sidecar prepare`: what an installed plugin runs once, straight out of its wheel.

Here, and in all that it imports, there is nothing but Python's own library: nothing else is installed yet.
"""

import argparse
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sidecar.preparation.preparing import prepare
from sidecar.texts.preparation import DONE, NOT_A_WHEEL, failed

HELP: Final = "make an installed plugin's environment, as its first start does"
ABOUT: Final = """\
Make the environment that OpenCode starts the sidecar from, as its first start does by itself. It runs out of
the plugin's wheel.
"""
NOTES: Final = ""
EXAMPLES: Final = ("python3 -I PATH/TO/NAME.whl/sidecar prepare",)
EXIT_CODES: Final = {0: "the environment is there", 3: "it could not be made: the reason is printed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the shape of the answer."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Prepare, and say how it went; 3 if it could not be done."""
    wheel = next((folder for folder in Path(__file__).parents if folder.suffix == ".whl"), None)
    if wheel is None:
        sys.stderr.write(NOT_A_WHEEL + "\n")
        return 3
    _end_orderly()
    outcome = prepare(wheel, os.environ, (lambda _: None) if arguments.json else _progress)
    if arguments.json:
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    elif outcome.kind in DONE:
        sys.stdout.write(DONE[outcome.kind] + "\n")
    else:
        sys.stdout.write(failed(outcome.kind, outcome.detail, outcome.command) + "\n")
    return 0 if outcome.kind in DONE else 3


def _progress(text: str) -> None:
    with suppress(OSError):  # who reads it may go away; it goes on
        sys.stderr.write(text)
        sys.stderr.flush()


def _end_orderly() -> None:
    """Let who ends us, or closes our terminal, end uv and pip too, and nothing unfinished stay."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
