"""The terminal's commands, one module each.

A command's module has `add_arguments` and `run`, and what its help says: `HELP` in the list of all, `ABOUT`
above its options and `NOTES` below them, `EXAMPLES`, and `EXIT_CODES` where they mean more than
`parser.CODES`. What it needs is imported when it runs, because `serve` has to be ready in a moment.
"""

import errno
import io
import os
import sys
import threading
import traceback
from contextlib import suppress
from typing import Final, NoReturn

from sidecar import __version__
from sidecar.adapters.systems import ON_WINDOWS
from sidecar.cli import (
    classify,
    doctor,
    explain,
    limits,
    map_reply,
    parser,
    prepare,
    presets,
    reset,
    route,
    schema,
    serve,
    status,
    usage,
)
from sidecar.preparation.places import RemovedError, use_environment
from sidecar.texts.preparation import REMOVED

ABOUT: Final = "What is left at your providers and gateways, and where requests go when one refuses."

COMMANDS: Final = {
    "Every day": {
        "status": status,
        "usage": usage,
        "limits": limits,
        "explain": explain,
        "reset": reset,
    },
    "To set it up, and to mend it": {
        "doctor": doctor,
        "presets": presets,
        "map": map_reply,
        "classify": classify,
        "schema": schema,
    },
    "For scripts and programs": {
        "route": route,
        "prepare": prepare,
        "serve": serve,
    },
}
"""In the order in which `--help` lists them, by title and name."""


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a bar still gets the words
    try:
        _environment = use_environment()  # held until the end
    except RemovedError:
        sys.stderr.write(REMOVED + "\n")
        sys.exit(3)
    code = _code()
    if threading.active_count() > 1:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os._exit(code)  # the answer is out: a name that is still looked up must not keep the prompt
    sys.exit(code)


def _code() -> int:
    """Return the exit code, with all that was said written out."""
    try:
        code = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _is_of_a_pipe(error):  # that is only whoever read our output and has gone
            traceback.print_exc()
        # Python would complain once more while it flushes what it could not write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 3  # Python's own 1 would say that too little is left
    return code


def _is_of_a_pipe(error: Exception) -> bool:
    """Windows says of a pipe that nobody reads that the argument is invalid."""
    is_invalid = isinstance(error, OSError) and error.errno == errno.EINVAL
    return isinstance(error, BrokenPipeError) or (ON_WINDOWS and is_invalid)


def _run() -> int:
    program = parser.program(ABOUT, f"quota-sidecar {__version__}", COMMANDS)
    try:
        arguments = parser.read(program, sys.argv[1:])
    except SystemExit as end:  # help, or what is wrong, is printed
        return end.code if isinstance(end.code, int) else 0
    return arguments.run(arguments)
