"""`quota-sidecar serve`: what a plugin starts; a person has no use for it."""

import argparse
import os
from typing import Final

HELP: Final = "answer an OpenCode plugin: JSON-RPC on stdin and stdout"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_: argparse.Namespace) -> int:
    """Serve until EOF on stdin."""
    from sidecar.server import serve

    serve(os.environ)
    return 0
