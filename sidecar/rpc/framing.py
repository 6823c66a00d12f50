"""Bytes in, lines out: no I/O here, so every way in which bytes can arrive can be tried.

Rule: memory is bounded. A line longer than the limit is drained as it comes and reported once.
"""

from collections.abc import Iterator
from typing import Final


class Oversize:
    """Stands for a line that was too long and has been dropped."""


OVERSIZE: Final = Oversize()


class LineBuffer:
    """Splits a stream at newlines; blank lines and the newline itself are left out."""

    def __init__(self, limit: int) -> None:
        """Hold lines of at most *limit* bytes."""
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._draining = False

    def feed(self, chunk: bytes) -> Iterator[bytes | Oversize]:
        """Yield every line that *chunk* completes."""
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            line = self._finish(piece)
            if isinstance(line, Oversize) or line.strip():
                yield line
        self._keep(rest)

    def _finish(self, piece: bytes) -> bytes | Oversize:
        self._keep(piece)
        line = OVERSIZE if self._draining else b"".join(self._parts)
        self._parts, self._size, self._draining = [], 0, False
        return line

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            self._draining = True
            self._parts = []
        elif piece:
            self._parts.append(piece)
