"""The terminal's commands, one module each. Exit codes: 0 done, 2 wrong arguments, 3 it could not be done.

A command's module has `HELP`, `add_arguments` and `run`; what it needs is imported when it runs, because
`serve` has to be ready in a moment.
"""

import argparse
import io
import os
import sys
import threading
import traceback
from typing import Final, NoReturn

from sidecar import __version__
from sidecar.cli import (
    classify,
    doctor,
    explain,
    limits,
    map_reply,
    prepare,
    presets,
    reset,
    route,
    schema,
    serve,
    status,
    usage,
)
from sidecar.preparation.places import use_environment

COMMANDS: Final = {
    "status": status,
    "usage": usage,
    "route": route,
    "limits": limits,
    "explain": explain,
    "reset": reset,
    "doctor": doctor,
    "presets": presets,
    "map": map_reply,
    "classify": classify,
    "prepare": prepare,
    "serve": serve,
    "schema": schema,
}
"""In the order in which `--help` lists them."""


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a bar still gets the words
    _environment = use_environment()  # held until the end
    arguments = _parser().parse_args()
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
        if threading.active_count() > 1:
            os._exit(code)  # the answer is out: a name that is still looked up must not keep the prompt
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not isinstance(error, BrokenPipeError):  # that is only whoever read our output and has gone
            traceback.print_exc()
        # Python would complain once more while it flushes what it could not write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(3)  # Python's own 1 would say that too little is left


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quota-sidecar", description="What is left at your gateways and providers, and where from."
    )
    parser.add_argument("--version", action="version", version=f"quota-sidecar {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, help=command.HELP)
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser
