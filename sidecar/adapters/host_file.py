"""Writes `host.json`, which the shim reads before a sidecar runs. Readers see the old file or the new one."""

from pathlib import Path
from typing import Final

import msgspec

from sidecar.adapters import files
from sidecar.host_json import HostFile

NAME: Final = "host.json"


def write_host_file(folder: Path, content: HostFile) -> None:
    """Put *content* into *folder* unless it is there already; raises OSError."""
    files.put(folder / NAME, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
