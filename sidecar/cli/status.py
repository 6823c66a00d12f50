"""`quota-sidecar status`: the report of `/quota_status` in a terminal, or as data.

With `--threshold` the exit code tells a script whether enough is left.
"""

import argparse
import sys
from contextlib import suppress
from typing import Final

from sidecar.cli.terminal import application, project, refuse

HELP: Final = "print what is left at every gateway"

EXIT_CODES: Final = {"met": 0, "below": 1, "nothing_to_compare": 2, "unknown": 3}
"""With `--threshold`, by its outcome."""

EPILOG: Final = """\
With --threshold N the last line says what was compared, and the exit code is
  0  the lowest headroom of all gateways shown is at least N percent
  1  it is below N percent
  2  nothing can be compared: no gateway, or none that says how much of a limit is left
  3  it could not be done: no such provider, or nothing is known because asking or the
     configuration failed
Windows that are only shown don't count; unlimited is 100 percent, blocked and over the limit are 0.
Values from before count while they are shown. A gateway of which nothing is known is named, and
doesn't count while another is known.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to report, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")
    parser.add_argument("--refresh", action="store_true", help="ask even where the last reply is fresh")
    parser.add_argument("--threshold", metavar="N", type=_percent, help="compare with so many percent")
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    import anyio

    return anyio.run(_print, arguments)


def _percent(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= 100:
            return value
    raise argparse.ArgumentTypeError("must be a number from 0 to 100")


async def _print(arguments: argparse.Namespace) -> int:
    from msgspec import structs

    from sidecar.services.status import UnknownGatewayError, with_routes
    from sidecar.services.threshold import compare
    from sidecar.texts.data import as_json
    from sidecar.texts.status_report import render

    async with application() as services:
        place = services.place(project())
        try:
            report = await services.status.report(place, arguments.provider, refresh=arguments.refresh)
        except UnknownGatewayError as error:
            return refuse(error)
        if arguments.provider is None:
            report = with_routes(report, await services.choices.routes(place))
    if arguments.threshold is not None:
        report = structs.replace(report, threshold=compare(report, arguments.threshold))
    text = as_json(report) if arguments.json else render(report, place.config.settings.width)
    sys.stdout.write(text + "\n")
    return EXIT_CODES[report.threshold.outcome] if report.threshold else 0
