"""Reads the start of a regular file, and of nothing else, and replaces a file as a whole.

A pipe or a terminal would keep a reader waiting.
"""

import errno
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_READ: Final = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
"""Without the last one, Windows changes line ends and stops at a Ctrl-Z."""

_IN_USE_S: Final = (0.001, 0.005, 0.02, 0.05, 0.1)
"""Windows refuses to replace a file while somebody has it open: so long it is tried again."""


def read(path: Path, limit: int) -> bytes:
    """Return at most *limit* bytes of *path*; raise OSError, also for what is not a regular file."""
    fd = os.open(path, _READ)
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return stream.read(limit)


def replace(source: Path, target: Path) -> None:
    """Make *source* the file at *target*; raises OSError."""
    for pause_s in _IN_USE_S:
        try:
            source.replace(target)
        except PermissionError:
            time.sleep(pause_s)
        else:
            return
    source.replace(target)


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make *data* the whole of *path* unless it is already; readers see the old file or the new one.

    The folder is made where it is missing, for nobody but the user. Raises OSError.
    """
    with suppress(OSError):
        if read(path, len(data) + 1) == data:
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
        Path(name).chmod(mode)
        replace(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
