"""What the commands share: where they are called, and the services for as long as one runs."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sidecar.cli import colour

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidecar.adapters.documents import Problem
    from sidecar.application import Application


def project() -> Path | None:
    """Return the folder that we are called in, or None if somebody has removed it."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


@asynccontextmanager
async def application() -> "AsyncGenerator[Application]":
    """Give every service, and close them."""
    from sidecar.adapters.paths import find_places
    from sidecar.application import Application
    from sidecar.logs import configure_logging

    configure_logging(quiet=True)
    services = Application(find_places(os.environ), os.environ)
    try:
        yield services
    finally:
        await services.aclose()


def show(text: str, stream: TextIO | None = None) -> None:
    """Print a report, with colour where that is wanted; on stdout unless another *stream* is given."""
    to: TextIO = sys.stdout if stream is None else stream
    to.write((colour.paint(text) if colour.is_wanted(to, os.environ) else text) + "\n")


def refuse(reason: object) -> int:
    """Say on stderr why it could not be done, and return the exit code of that."""
    sys.stderr.write(f"quota-sidecar: {reason}\n")
    return 3


def tell(problems: "Iterable[Problem]") -> None:
    """Say on stderr what is wrong in the configuration, and where, beside an answer that doesn't."""
    from sidecar.adapters.paths import shorten
    from sidecar.texts.problems import placed

    for row in problems:
        refuse(placed(shorten(Path(row.file), os.environ), row.line, row.path, row.message))
