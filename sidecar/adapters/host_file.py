"""Writes `host.json`, which the shim reads before a sidecar runs. Readers see the old file or the new one."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from sidecar.host_json import HostFile

NAME: Final = "host.json"


def write_host_file(folder: Path, content: HostFile) -> None:
    """Put *content* into *folder* unless it is there already; raises OSError."""
    target = folder / NAME
    data = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    with suppress(OSError):
        if target.read_bytes() == data:
            return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=folder, prefix=f".{NAME}.")  # 0600
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
