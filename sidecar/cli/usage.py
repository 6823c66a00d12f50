"""`quota-sidecar usage`: what is left at each account, a line each, or as data."""

import argparse
import sys
from typing import Final

from sidecar.cli.terminal import application, project, refuse, show, tell

HELP: Final = "print what is left at each account, in a line each"
ABOUT: Final = "Print what is left at each account, in a line each."
NOTES: Final = """\
Of each account: what is left in the window with the least, when that turns, its pace, and where
this is from: asked at its quota URL, or heard in the headers of ordinary answers. The pace is what
is left less the share of the time that is left, in points of a hundred: below 0 it is used faster
than time passes. What is older than quotaCacheS is asked again first, for quotaTimeoutS at most.
With --json an account of which nothing is known has no headroom_percent.
"""
EXAMPLES: Final = (
    "quota-sidecar usage",
    "quota-sidecar usage --json | jq '.[] | {provider_id, headroom_percent}'",
)
EXIT_CODES: Final = {3: "it could not be done: no such provider"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to report, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")
    parser.add_argument("--refresh", action="store_true", help="ask even where the last reply is fresh")


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    import anyio

    return anyio.run(_print, arguments)


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.services.status import UnknownGatewayError
    from sidecar.services.usage import usage
    from sidecar.texts.data import as_json
    from sidecar.texts.usage_report import render

    async with application() as services:
        place = services.place(project())
        tell(place.config.problems)
        try:
            report = await services.status.report(place, arguments.provider, refresh=arguments.refresh)
        except UnknownGatewayError as error:
            return refuse(error)
    rows = usage(report)
    if arguments.json:
        sys.stdout.write(as_json(rows) + "\n")
    else:
        show(render(rows, report.at, place.config.settings.width))
    return 0
