"""An OS lock on a file, shared or exclusive, that ends with the process that holds it.

`flock` where there is one. Windows has locks on ranges of bytes, each for one open file alone: there, who
shares holds one byte of a row, and who is alone holds the whole row.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SHARERS: Final = 128
"""So many share a lock on Windows; who comes later is told that somebody has it alone."""

_POLL_S: Final = 0.005


class Way(Protocol):
    """How one open file is locked. Who takes it again lets go of what it had, be it in vain."""

    def take(self, fd: int, *, exclusive: bool) -> None:
        """Return at once; BlockingIOError: others keep us from it, OSError: there are no locks here."""
        ...

    def let_go(self, fd: int) -> None:
        """Raise OSError where nothing was held."""
        ...


class Ranges:
    """By ranges of bytes, as Windows locks them; *change* takes or frees (fd, begin, length, is_taken)."""

    def __init__(self, change: Callable[[int, int, int, bool], None]) -> None:
        """*change* raises PermissionError for a range of which somebody has a part."""
        self._change = change
        self._held: tuple[int, int] | None = None

    def take(self, fd: int, *, exclusive: bool) -> None:
        self.let_go(fd)
        mine = os.getpid() % SHARERS  # usually nobody else's
        row = [(0, SHARERS)] if exclusive else [((mine + n) % SHARERS, 1) for n in range(SHARERS)]
        for begin, length in row:
            with suppress(PermissionError):
                self._change(fd, begin, length, True)
                self._held = begin, length
                return
        raise BlockingIOError

    def let_go(self, fd: int) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._change(fd, *held, False)


if sys.platform == "win32":

    def _change(fd: int, begin: int, length: int, is_taken: bool) -> None:
        os.lseek(fd, begin, os.SEEK_SET)  # it may lie beyond the file's end
        msvcrt.locking(fd, msvcrt.LK_NBLCK if is_taken else msvcrt.LK_UNLCK, length)

    def way_here() -> Way:
        """Return how a file is locked on this machine."""
        return Ranges(_change)

else:

    class _Flock:
        def take(self, fd: int, *, exclusive: bool) -> None:
            fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)

        def let_go(self, fd: int) -> None:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def way_here() -> Way:
        """Return how a file is locked on this machine."""
        return _Flock()


class FileLock:
    """At most one lock on *path*, which stays open from the first to `close`."""

    def __init__(self, path: Path, way: Way | None = None) -> None:
        """Use *path*, which is created when it is first needed and never removed."""
        self._path = path
        self._way = way or way_here()
        self._fd: int | None = None

    def share(self, wait_s: float = 0.0) -> bool:
        """Hold it together with others; False when somebody has it alone, and goes on to."""
        return self._take(wait_s, exclusive=False)

    def take_alone(self, wait_s: float = 0.0) -> bool:
        """Hold it alone; False when anybody else has it, and goes on to."""
        return self._take(wait_s, exclusive=True)

    def release(self) -> None:
        """Let go."""
        if self._fd is not None:
            with suppress(OSError):
                self._way.let_go(self._fd)

    def close(self) -> None:
        """Let go, and close the file."""
        if self._fd is not None:
            self.release()  # Windows may take its time with what is only closed
            os.close(self._fd)
            self._fd = None

    def _take(self, wait_s: float, *, exclusive: bool) -> bool:
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # no child inherits it
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self._way.take(self._fd, exclusive=exclusive)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_POLL_S)
            except OSError:  # a file system without locks: as safe as it gets
                return not exclusive
            else:
                return True
