"""An OS lock on a file, shared or exclusive, that ends with the process that holds it."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows: an open database can't be renamed there, so nothing needs the lock
    fcntl = None

_POLL_S: Final = 0.005


class FileLock:
    """At most one lock on *path*, which stays open from the first to `close`."""

    def __init__(self, path: Path) -> None:
        """Use *path*, which is created when it is first needed and never removed."""
        self._path = path
        self._fd: int | None = None

    def share(self, wait_s: float = 0.0) -> bool:
        """Hold it together with others; False when somebody has it alone, and goes on to."""
        return self._take(wait_s, exclusive=False)

    def take_alone(self, wait_s: float = 0.0) -> bool:
        """Hold it alone; False when anybody else has it, and goes on to."""
        return self._take(wait_s, exclusive=True)

    def release(self) -> None:
        """Let go."""
        if self._fd is not None and fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go, and close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _take(self, wait_s: float, *, exclusive: bool) -> bool:
        if fcntl is None:
            return True
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        how = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._fd, how)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL_S)
            except OSError:  # a file system without locks: as safe as it gets
                return not exclusive
            else:
                return True
