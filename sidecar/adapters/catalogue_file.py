"""`catalogue.json` in the state directory: the last catalogue that a host told, for who has no host to ask.

A terminal's commands learn from it which models there are. It holds what `workspace/open` tells, so no key,
no URL and no option; readers see the old file or the new one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from sidecar.adapters import files
from sidecar.adapters.catalogue import NOTHING, Catalogue
from sidecar.protocol import CatalogueProvider

NAME: Final = "catalogue.json"

MAX_BYTES: Final = 16 * 1024 * 1024
"""Four times what one line of the wire can hold."""


class _CatalogueFile(Struct, frozen=True):
    providers: list[CatalogueProvider]


def write_catalogue(folder: Path, providers: Sequence[CatalogueProvider]) -> None:
    """Put *providers* into *folder* unless they are there already; raises OSError."""
    files.put(folder / NAME, msgspec.json.encode(_CatalogueFile(list(providers))))


def read_catalogue(folder: Path) -> Catalogue:
    """Return what was put into *folder*; nothing where there is none, or none that can be read."""
    try:
        data = files.read(folder / NAME, MAX_BYTES)
        return Catalogue(msgspec.json.decode(data, type=_CatalogueFile).providers)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NOTHING
