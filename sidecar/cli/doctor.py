"""`quota-sidecar doctor`: what is installed, configured and reachable, and what is wrong with it."""

import argparse
import os
import sys
import time
from typing import Final

from sidecar.cli.terminal import project, show

HELP: Final = "look for problems, and say how each is cured"
ABOUT: Final = """\
Look at every file, key and gateway, at OpenCode and at what is kept, and say of each problem how it is cured.
"""
NOTES: Final = """\
It starts `opencode --version`, asks every gateway once, and changes nothing. No part of a key is shown: the
page can go into a report of a bug as it is.
"""
EXAMPLES: Final = ("quota-sidecar doctor", "quota-sidecar doctor --json | jq .problems")
EXIT_CODES: Final = {0: "no problem was found", 1: "there are problems: they are at the end of the page"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the form."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    import anyio

    return anyio.run(_print, arguments)


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.config import ConfigLoader
    from sidecar.adapters.paths import find_places
    from sidecar.adapters.quota_http import QuotaHttp
    from sidecar.logs import configure_logging
    from sidecar.services.doctor import Doctor
    from sidecar.texts.data import as_json
    from sidecar.texts.doctor_report import render

    configure_logging(quiet=True)
    http = QuotaHttp()
    try:
        places = find_places(os.environ)
        loader = ConfigLoader(places, os.environ)
        report = await Doctor(places, os.environ, loader, http, time.time).examine(project())
    except (OSError, RuntimeError) as error:
        sys.stderr.write(f"quota-sidecar: it could not be done: {error}\n")
        return 3
    finally:
        await http.aclose()
    if arguments.json:
        sys.stdout.write(as_json(report) + "\n")
    else:
        show(render(report))
    return 1 if report.problems else 0
