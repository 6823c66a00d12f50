"""An OS lock on a file, shared or exclusive, that ends with the process that holds it."""

import os
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: an open database can't be renamed there, so nothing needs the lock
    fcntl = None


class FileLock:
    """At most one lock on *path*; every call first lets go of the one before."""

    def __init__(self, path: Path) -> None:
        """Use *path*, which is created and never removed."""
        self._path = path
        self._fd: int | None = None

    def share(self) -> bool:
        """Hold it together with others; False when somebody has it alone."""
        return self._take(exclusive=False)

    def take_alone(self) -> bool:
        """Hold it alone; False when anybody else has it."""
        return self._take(exclusive=True)

    def release(self) -> None:
        """Let go."""
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = None

    def _take(self, *, exclusive: bool) -> bool:
        self.release()
        if fcntl is None:
            return not exclusive
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        except OSError:  # a file system without locks: as safe as it gets
            return not exclusive
        return True
