"""`quota-sidecar status`: the report of `/quota_status` in a terminal, or as data."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

HELP: Final = "print what is left at every gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to report, and how."""
    parser.add_argument("--json", action="store_true", help="print data instead of text")
    parser.add_argument("--provider", metavar="ID", help="only this provider")
    parser.add_argument("--refresh", action="store_true", help="ask even where the last reply is fresh")


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    import anyio

    return anyio.run(_print, arguments)


def project() -> Path | None:
    """Return the folder that we are called in, or None if somebody has removed it."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.paths import find_places
    from sidecar.application import Application
    from sidecar.logs import configure_logging
    from sidecar.services.status import UnknownGatewayError
    from sidecar.texts.data import as_json
    from sidecar.texts.status_report import render

    configure_logging(quiet=True)
    application = Application(find_places(os.environ), os.environ)
    try:
        config = application.loader.load(project())
        report = await application.status.report(config, arguments.provider, refresh=arguments.refresh)
    except UnknownGatewayError as error:
        sys.stderr.write(f"quota-sidecar: {error}\n")
        return 3
    finally:
        await application.aclose()
    text = as_json(report) if arguments.json else render(report, config.settings.width)
    sys.stdout.write(text + "\n")
    return 0
