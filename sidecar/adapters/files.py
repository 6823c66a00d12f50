"""Reads the start of a regular file, and of nothing else: a pipe or a terminal would keep us waiting."""

import errno
import os
import stat
from pathlib import Path


def read(path: Path, limit: int) -> bytes:
    """Return at most *limit* bytes of *path*; raise OSError, also for what is not a regular file."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    with os.fdopen(fd, "rb") as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return stream.read(limit)
