"""`quota-sidecar status`: the report of `/quota_status` in a terminal, or as data.

With `--threshold` the exit code tells a script whether enough is left.
"""

import argparse
import sys
from contextlib import suppress
from typing import Final

from sidecar.cli.terminal import application, project, refuse, show

HELP: Final = "print what is left at every gateway"
ABOUT: Final = "Print the report of /quota_status: what is left at every gateway, and what is to mend."
NOTES: Final = """\
With --threshold the last line says what was compared: the lowest headroom of all gateways that are shown.
Windows that are only shown don't count; unlimited is 100 percent, blocked and over the limit are 0. Values
from before count while they are shown. A gateway of which nothing is known is named, and doesn't count
while another is known.
"""
EXAMPLES: Final = (
    "quota-sidecar status --provider campus --refresh",
    "quota-sidecar status --threshold 20 || echo 'less than 20 percent left'",
)
OUTCOMES: Final = {"met": 0, "below": 1, "nothing_to_compare": 2, "unknown": 3}
"""The exit code with `--threshold`, by its outcome."""

EXIT_CODES: Final = {
    0: "done, also where a gateway failed: the report says so; with --threshold N: N percent is left or more",
    1: "with --threshold N: less than N percent is left somewhere",
    2: "wrong arguments; with --threshold: nothing can be compared, as no gateway says how much of a limit "
    "is left",
    3: "it could not be done: no such provider; with --threshold: nothing is known, because asking or the "
    "configuration failed",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to report, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")
    parser.add_argument("--refresh", action="store_true", help="ask even where the last reply is fresh")
    parser.add_argument("--threshold", metavar="N", type=_percent, help="compare with so many percent")


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
    if arguments.json:
        sys.stdout.write(as_json(report) + "\n")
    else:
        show(render(report, place.config.settings.width))
    return OUTCOMES[report.threshold.outcome] if report.threshold else 0
