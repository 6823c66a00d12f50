"""Reads the start of a regular file, and of nothing else, and replaces a file as a whole.

A pipe or a terminal would keep a reader waiting.
"""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def read(path: Path, limit: int) -> bytes:
    """Return at most *limit* bytes of *path*; raise OSError, also for what is not a regular file."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return stream.read(limit)


def put(path: Path, data: bytes) -> None:
    """Make *data* the whole of *path* unless it is already; readers see the old file or the new one.

    The folder is made where it is missing, for nobody but the user. Raises OSError.
    """
    with suppress(OSError):
        if path.read_bytes() == data:
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
