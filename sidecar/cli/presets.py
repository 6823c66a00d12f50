"""`quota-sidecar presets`: which presets there are, and what stands in one."""

import argparse
import os
import sys
from typing import Final

HELP: Final = "list the presets, or print one"
EPILOG: Final = """\
Print one to start your own from it:
  quota-sidecar presets deepseek > ~/.config/opencode/quota-presets/mine.toml
Files in quota-presets/ beside the global quota-sidecar.jsonc are presets by their name; one that is
named like one of ours takes its place. `quota-sidecar map --help` teaches the language.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take one name at most."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one's file")


def run(arguments: argparse.Namespace) -> int:
    """Print the list, or one preset as its file."""
    from sidecar.adapters.paths import find_places
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
        sys.stderr.write(f"quota-sidecar: {problems.unknown_preset(arguments.name, known.names())}\n")
        return 3
    except PresetRefusedError as error:
        sys.stderr.write(f"quota-sidecar: {error.problem.file}: {error.problem.message}\n")
        return 3
    return 0
