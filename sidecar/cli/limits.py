"""`quota-sidecar limits`: the report of `/rate_limit_status` in a terminal, or as data."""

import argparse
import sys
from typing import Final

from sidecar.cli.terminal import application, project, refuse, show, tell

HELP: Final = "print who has to wait, your own limits, and the last decisions"
ABOUT: Final = """\
Print the report of /rate_limit_status: who has to wait and until when, what you use of your own limits, and
where the last requests went.
"""
NOTES: Final = ""
EXAMPLES: Final = ("quota-sidecar limits", "quota-sidecar limits --provider anthropic")
EXIT_CODES: Final = {3: "it could not be done: no such provider"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to report, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    import anyio

    return anyio.run(_print, arguments)


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.services.limits import UnknownProviderError
    from sidecar.texts.data import as_json
    from sidecar.texts.limits_report import render

    async with application() as services:
        place = services.place(project())
        tell(place.config.problems)
        try:
            report = await services.limits.report(place, arguments.provider)
        except UnknownProviderError as error:
            return refuse(error)
    if arguments.json:
        sys.stdout.write(as_json(report) + "\n")
    else:
        show(render(report, place.config.settings.width))
    return 0
