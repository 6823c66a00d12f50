"""`quota-sidecar reset`: `/rate_limit_reset` in a terminal."""

import argparse
import sys
from typing import Final

from sidecar.cli.terminal import application, project, refuse, show, tell

HELP: Final = "forget who has to wait, and what was counted"
ABOUT: Final = """\
Forget who has to wait, and what was counted today, as /rate_limit_reset does; print what that was.
"""
NOTES: Final = "All OpenCodes of this user forget it. The next request goes there as if nothing had happened."
EXAMPLES: Final = ("quota-sidecar reset --provider anthropic", "quota-sidecar reset")
EXIT_CODES: Final = {3: "it could not be done: no such provider, or the store can't be written"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take one provider at most, and the form."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")


def run(arguments: argparse.Namespace) -> int:
    """Forget, and print what was forgotten."""
    import anyio

    return anyio.run(_reset, arguments)


async def _reset(arguments: argparse.Namespace) -> int:
    from sidecar.services.limits import UnknownProviderError
    from sidecar.texts.data import as_json
    from sidecar.texts.reset import render

    async with application() as services:
        place = services.place(project())
        try:
            report = await services.limits.reset(place, arguments.provider)
        except UnknownProviderError as error:
            return refuse(error)
        trouble = services.store.trouble
        tell(place.config.problems)
    if trouble:
        return refuse(trouble)
    if arguments.json:
        sys.stdout.write(as_json(report) + "\n")
    else:
        show(render(report, place.config.settings.width))
    return 0
