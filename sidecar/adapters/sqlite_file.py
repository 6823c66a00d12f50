"""The database file of the store: who may open it when, and what becomes of a damaged one.

Every call holds an OS lock together with others; setting a damaged file aside takes it alone. Between two
calls a file may so be replaced under an open connection, by another sidecar or by a person: whoever comes
next sees that the file at the path is not the one that it has open, and opens the new one. (To a file that
was renamed or removed SQLite would go on writing, and lose it.)
"""

import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.sqlite_reading import read
from sidecar.adapters.sqlite_watch import Watch

BUSY_S: Final = 5.0
"""How long a call waits for others: twenty writers on a busy machine were seen to need more than two."""

_POLL_S: Final = 0.005

KEPT_ASIDE: Final = 3
"""So many damaged files are kept, the newest; a disk that wears out may leave one after the other."""

_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")
"""The last is no table where one must be: a page, or the -shm that leads to it, was overwritten."""

_IN_USE: Final = 32
"""What Windows says of a file that somebody has open: a sidecar that hasn't yet seen the damage."""

log = structlog.get_logger()


class DamagedError(Exception):
    """The file is damaged and still in its place."""

    def __init__(self, *, held: bool) -> None:
        """Say by *held* whether somebody else kept it from being set aside."""
        self.held = held


class DatabaseFile:
    """A connection to the file at *path*, opened when it is needed."""

    def __init__(self, path: Path) -> None:
        """Do nothing yet."""
        self._path = path
        self._lock = FileLock(path.with_suffix(".lock"))
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self.generation = 0
        """Counts the connections: what was known of one doesn't hold for the next."""
        self.watch: Watch | None = None
        """On the same file as the connection, and open for as long; None also if that was refused."""

    @contextmanager
    def use(self) -> Generator[sqlite3.Connection]:
        """Give the connection, which nobody replaces meanwhile; after any error it is a new one.

        Raises sqlite3.Error, OSError, or `schema.NewerSchemaError`.
        """
        try:
            yield self._current()
        except BaseException:
            self._disconnect()
            raise
        finally:
            self._lock.release()

    @contextmanager
    def use_if_free(self) -> Generator[sqlite3.Connection]:
        """Do what `use` does, and don't wait for who writes."""
        with self.use() as db:
            db.execute("PRAGMA busy_timeout = 0")
            yield db
            db.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")

    def close(self) -> None:
        """Close the connection, if there is one."""
        # Under the lock: the last one to close removes the -wal at the path, which must not be a new file's.
        with suppress(OSError):
            self._lock.share(BUSY_S)
        self._disconnect()
        self._lock.close()

    def mend(self, now: float) -> None:
        """Set the file aside if it is damaged, with the time on its name, and save what can be read.

        Raises `DamagedError`, sqlite3.Error or OSError.
        """
        try:
            if not self._lock.take_alone(BUSY_S):
                raise DamagedError(held=True)
            if not self._is_damaged():  # another sidecar was first
                return
            aside = self._path.with_name(f"{self._path.name}.damaged-{int(now)}")
            try:
                self._rename(aside)
            except OSError as error:
                raise DamagedError(held=getattr(error, "winerror", None) == _IN_USE) from error
            log.warning("store.set_aside", name=aside.name)
            self._save_from(aside)
            self._drop_oldest()
        finally:
            self._lock.release()

    def _current(self) -> sqlite3.Connection:
        if self._db is not None:
            self._share()
            if self._opened == self._identity():
                return self._db
            self._disconnect()
            self._lock.close()  # the folder may have been removed with it
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._share()
        self._db, self._opened = self._connect(), self._identity()
        self.generation += 1
        with suppress(sqlite3.Error):
            self.watch = Watch(self._path)
        return self._db

    def _share(self) -> None:
        if not self._lock.share(BUSY_S):
            raise sqlite3.OperationalError("the file is being set aside")

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _connect(self) -> sqlite3.Connection:
        with suppress(FileExistsError):  # an existing one stays shut: closing it would drop SQLite's locks
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = _open(self._path)
        try:
            _use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def _disconnect(self) -> None:
        if self.watch is not None:
            self.watch.close()
            self.watch = None
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _is_damaged(self) -> bool:
        if not self._path.exists():
            return False
        with closing(_open(self._path)) as db:
            try:
                if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                    return True
                schema.migrate(db)
                read(db, 0.0)
            except schema.NewerSchemaError:
                return False
            except sqlite3.DatabaseError as error:
                return is_damage(error)
            return False

    def _rename(self, aside: Path) -> None:
        """Move the file away, its -wal first: left beside a new file it would be taken for the new one's."""
        for companion in ("-wal", ""):
            path = self._path.with_name(self._path.name + companion)
            if path.exists():
                path.rename(aside.with_name(aside.name + companion))
        # It may be what is damaged, and others may still have it open: SQLite makes another from the -wal.
        self._path.with_name(f"{self._path.name}-shm").unlink(missing_ok=True)

    def _save_from(self, aside: Path) -> None:
        with closing(_open(aside)) as old, closing(self._connect()) as new:
            schema.copy_readable(old, new)

    def _drop_oldest(self) -> None:
        copies: dict[str, list[Path]] = {}
        for path in self._path.parent.glob(f"{self._path.name}.damaged-*"):
            time = path.name.rpartition(".damaged-")[2].partition("-")[0]  # without -wal and -shm
            copies.setdefault(time, []).append(path)
        for time in sorted(copies)[:-KEPT_ASIDE]:
            for path in copies[time]:
                path.unlink(missing_ok=True)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Say whether *error* means a damaged file, and not a disk or a process that refuses."""
    return error_name(error).startswith(_DAMAGED)


def error_name(error: Exception) -> str:
    """Return SQLite's own name of an error, or else Python's."""
    return getattr(error, "sqlite_errorname", "") or type(error).__name__


def _use_wal(db: sqlite3.Connection) -> None:
    """Let readers and a writer not keep each other waiting, where the file system has what that needs."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            # On a network's file system it stays as it was, without an error.
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Of two that change a new file at once SQLite refuses one at once, whatever the timeout.
            if not error_name(error).startswith("SQLITE_BUSY") or time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
