"""The terminal's commands. Exit codes: 0 done, 2 wrong arguments, 3 it could not be done."""

import argparse
import io
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

from sidecar import __version__


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a bar still gets the words
    arguments = _parser().parse_args()
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
        if threading.active_count() > 1:
            os._exit(code)  # the answer is out: a name that is still looked up must not keep the prompt
        sys.exit(code)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quota-sidecar", description="What is left at your gateways and providers, and where from."
    )
    parser.add_argument("--version", action="version", version=f"quota-sidecar {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    status = commands.add_parser("status", help="print what is left at every gateway")
    status.add_argument("--json", action="store_true", help="print data instead of text")
    status.add_argument("--provider", metavar="ID", help="only this provider")
    status.add_argument("--refresh", action="store_true", help="ask even where the last reply is fresh")
    status.set_defaults(run=_status)

    serve = commands.add_parser("serve", help="answer an OpenCode plugin: JSON-RPC on stdin and stdout")
    serve.set_defaults(run=_serve)

    schema = commands.add_parser("schema", help="print a JSON Schema")
    schema.add_argument(
        "what", nargs="?", default="config", choices=("config", "protocol", "host"),
        help="of quota-sidecar.jsonc (default), of the wire; `host` prints the built-in host.json",
    )  # fmt: skip
    schema.set_defaults(run=_schema)
    return parser


def _serve(_: argparse.Namespace) -> int:
    from sidecar.server import serve

    serve(os.environ)
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from sidecar.schema import documents

    sys.stdout.write(documents()[arguments.what])
    return 0


def _status(arguments: argparse.Namespace) -> int:
    import anyio

    return anyio.run(_print_status, arguments)


def _project() -> Path | None:
    """Return the folder that we are called in, or None if somebody has removed it."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


async def _print_status(arguments: argparse.Namespace) -> int:
    from sidecar.adapters.paths import find_places
    from sidecar.application import Application
    from sidecar.logs import configure_logging
    from sidecar.services.status import UnknownGatewayError, as_json
    from sidecar.texts.status_report import render

    configure_logging(quiet=True)
    application = Application(find_places(os.environ), os.environ)
    try:
        config = application.loader.load(_project())
        report = await application.status.report(config, arguments.provider, refresh=arguments.refresh)
    except UnknownGatewayError as error:
        sys.stderr.write(f"quota-sidecar: {error}\n")
        return 3
    finally:
        await application.aclose()
    text = as_json(report).decode() if arguments.json else render(report, config.settings.width)
    sys.stdout.write(text + "\n")
    return 0
