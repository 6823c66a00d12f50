"""`quota-sidecar schema`: prints the generated documents."""

import argparse
import sys
from typing import Final

HELP: Final = "print a JSON Schema"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a document."""
    parser.add_argument(
        "what", nargs="?", default="config", choices=("config", "protocol", "host"),
        help="of quota-sidecar.jsonc (default), of the wire; `host` prints the built-in host.json",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from sidecar.schema import documents

    sys.stdout.write(documents()[arguments.what])
    return 0
