"""What the event loop may ask the database itself: whether anybody has written to it. It takes 2 us."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final

from msgspec import Struct

UNVERIFIED_S: Final = 60.0
"""So long a file counts as the one at its path; every answer of a model looks again, some seconds apart.

If another sidecar sets it aside meanwhile, what others learn is not seen for so long: a refusal costs a
moment more then, and nothing is lost.
"""


class Watch:
    """A connection that only asks for `data_version`, which changes with every commit of any other.

    It is opened and closed in the store's thread. Neither reads a file that another may keep for long: a
    journal that is no WAL is not watched, as there one would have to ask the disk for its locks.
    """

    def __init__(self, path: Path) -> None:
        """Open the database at *path*, which somebody has open; raise sqlite3.Error if that fails."""
        self._lock = Lock()
        self._db: sqlite3.Connection | None = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            is_quick = self._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        except sqlite3.Error:
            self.close()
            raise
        if not is_quick:
            self.close()

    def version(self) -> int | None:
        """Return a number that is another one after each commit; None if that can't be said at once."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._db and int(self._db.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return None
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection, once nobody asks."""
        with self._lock:
            db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()


class Sight(Struct, frozen=True):
    """When what a process has read was all that there was."""

    watch: Watch
    version: int
    hour: float
    """Of its reading; before it, hours of usage may be missing."""
    verified_at: float
    """In seconds of `monotonic`: before the file was seen to be the one at its path."""

    def is_still_true(self, now: float) -> bool:
        """Say whether nobody has written since, if that can be said at once; *now* in Unix seconds."""
        return (
            now // 3600 >= self.hour
            and monotonic() - self.verified_at <= UNVERIFIED_S
            and self.watch.version() == self.version
        )
