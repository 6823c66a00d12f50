"""`quota-sidecar presets`: which presets there are, and what stands in one."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from sidecar.cli.terminal import refuse

HELP: Final = "list the presets, or print one"
ABOUT: Final = "List the presets, each a way to ask a service what is left; or print one as its file."
NOTES: Final = """\
Files in quota-presets/ beside the global quota-sidecar.jsonc are presets by their name; one that is
named like one of ours takes its place. `quota-sidecar map --help` teaches the language.
"""
EXAMPLES: Final = (
    "quota-sidecar presets",
    "quota-sidecar presets deepseek > ~/.config/opencode/quota-presets/mine.toml",
)
EXIT_CODES: Final = {3: "it could not be done: no such preset, or one of your own that can't be read"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take one name at most."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one's file")


def run(arguments: argparse.Namespace) -> int:
    """Print the list, or one preset as its file."""
    from sidecar.adapters.paths import find_places, shorten
    from sidecar.adapters.preset_files import PresetFiles, PresetRefusedError
    from sidecar.texts import problems
    from sidecar.texts.preset_list import render

    known = PresetFiles(find_places(os.environ).config)
    if arguments.name is None:
        sys.stdout.write(render(known.rows()))
        return 0
    try:
        sys.stdout.write(known.text(arguments.name))
    except KeyError:
        return refuse(problems.unknown_preset(arguments.name, known.names()))
    except PresetRefusedError as error:
        file = shorten(Path(error.problem.file), os.environ)
        return refuse(problems.placed(file, error.problem.line, error.problem.path, error.problem.message))
    return 0
