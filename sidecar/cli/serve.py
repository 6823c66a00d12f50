"""`quota-sidecar serve`: what a plugin starts; a person has no use for it."""

import argparse
import os
import threading
from typing import Final

from sidecar.preparation.places import tidy

HELP: Final = "answer the plugin in OpenCode, by JSON-RPC on stdin and stdout"
ABOUT: Final = "Answer the plugin in OpenCode: JSON-RPC 2.0 on stdin and stdout, an object a line."
NOTES: Final = "The plugin starts it by itself. It writes its log to stderr, and ends when stdin does."
EXAMPLES: Final = ()
EXIT_CODES: Final = {0: "stdin has ended, or the plugin has asked it to end"}


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_: argparse.Namespace) -> int:
    """Serve until EOF on stdin."""
    from sidecar.server import serve

    threading.Thread(target=tidy, name="tidy", daemon=True).start()
    return serve(os.environ)
