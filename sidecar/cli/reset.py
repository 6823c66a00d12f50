"""`quota-sidecar reset`: `/rate_limit_reset` in a terminal."""

import argparse
import sys
from typing import Final

from sidecar.cli.terminal import application, project, refuse

HELP: Final = "forget who has to wait, and what was counted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take one provider at most."""
    parser.add_argument("provider", nargs="?", metavar="PROVIDER", help="only of this one")


def run(arguments: argparse.Namespace) -> int:
    """Forget, and print what was forgotten."""
    import anyio

    return anyio.run(_reset, arguments)


async def _reset(arguments: argparse.Namespace) -> int:
    from sidecar.services.limits import UnknownProviderError
    from sidecar.texts.reset import render

    async with application() as services:
        place = services.place(project())
        try:
            report = await services.limits.reset(place, arguments.provider)
        except UnknownProviderError as error:
            return refuse(error)
        trouble = services.store.trouble
    if trouble:
        return refuse(trouble)
    sys.stdout.write(render(report, place.config.settings.width) + "\n")
    return 0
