"""`quota-sidecar schema`: prints the generated documents."""

import argparse
import sys
from typing import Final

HELP: Final = "print the JSON Schema of quota-sidecar.jsonc, or another"
ABOUT: Final = "Print a document that this version is built of."
NOTES: Final = """\
An editor that finds the schema by "$schema" in quota-sidecar.jsonc completes keys, explains them, and marks
mistakes. After the example below, the line to write there is
  "$schema": "./quota-sidecar.schema.json",

The documents:
  config    the JSON Schema of quota-sidecar.jsonc
  protocol  the JSON Schema of what the plugin and the sidecar tell each other
  host      the built-in host.json: what the plugin says while no sidecar runs
"""
EXAMPLES: Final = ("quota-sidecar schema > ~/.config/opencode/quota-sidecar.schema.json",)
EXIT_CODES: Final[dict[int, str]] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a document."""
    parser.add_argument(
        "what", nargs="?", default="config", choices=("config", "protocol", "host"), metavar="DOCUMENT",
        help="config (the default), protocol or host",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from sidecar.schema import documents

    sys.stdout.write(documents()[arguments.what])
    return 0
