"""The store that all sidecars of a user share: one SQLite file, written by one thread at a time.

Whatever the disk does, the state lives on in memory: writes that failed are kept (bounded) and tried
again. Only SQLITE_CORRUPT and SQLITE_NOTADB mean a damaged file; it is set aside, with its -wal and
-shm, under a lock that every sidecar shares while it has the file open: renaming a database that
somebody still writes to would lose what they committed.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import structlog

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.store import Mark, Mutation, State
from sidecar.texts import store as words

DATABASE: Final = "state.db"
RETRY_S: Final = 5.0
BUSY_S: Final = 2.0
BACKLOG: Final = 10_000
PRUNE_S: Final = 3600.0

_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

T = TypeVar("T")
log = structlog.get_logger()


class SqliteStore:
    """Implements `Store`. Calls on the database are made in a thread, one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Keep the file in *folder*; *clock* gives Unix seconds, to know when to try a bad disk again."""
        self.trouble: str | None = None
        self._file = folder / DATABASE
        self._lock = FileLock(folder / "state.lock")
        self._clock = clock
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._db: sqlite3.Connection | None = None
        self._watch: sqlite3.Connection | None = None
        self._seen_version = -1
        self._retry_at = 0.0
        self._pruned_at: float | None = None
        self._memory = MemoryStore()
        self._backlog: deque[Mutation | schema.SwapMark] = deque(maxlen=BACKLOG)

    async def load(self, now: float) -> State:
        return await self._in_thread(self._load, now)

    async def apply(self, mutations: Sequence[Mutation]) -> None:
        await self._in_thread(self._write, mutations)

    async def claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
        return await self._in_thread(self._claim, key, owner, ttl_s, now)

    async def swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        return await self._in_thread(self._swap, schema.SwapMark(key, old, new))

    async def aclose(self) -> None:
        await self._in_thread(self._close)

    async def _in_thread(self, call: Callable[..., T], *args: Any) -> T:
        # Not abandoned when its caller is cancelled: the next call would enter the database beside it.
        return await anyio.to_thread.run_sync(call, *args, limiter=self._one_at_a_time)

    def _load(self, now: float) -> State:
        news = self._attempt(lambda db: self._news(db, now))
        if news is not None and not self._backlog:
            self._memory.replace(news)
        return self._memory.state(now)

    def _news(self, db: sqlite3.Connection, now: float) -> State | None:
        """Read the database if anybody has written to it since we last did; to ask that takes 2 us."""
        version = _data_version(self._watch or db)
        if version == self._seen_version:
            return None
        self._seen_version = version
        return schema.read_state(db, now)

    def _write(self, mutations: Sequence[Mutation]) -> None:
        self._memory.remember(mutations)
        self._backlog.extend(mutations)
        self._attempt(lambda _: None)

    def _claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
        granted = self._attempt(lambda db: schema.claim(db, key, owner, ttl_s, now))
        return self._memory.try_claim(key, owner, ttl_s, now) if granted is None else granted

    def _swap(self, change: schema.SwapMark) -> bool:
        granted = self._attempt(lambda db: schema.swap(db, change))
        if granted is None:
            granted = self._memory.try_swap(change.key, change.old, change.new)
            if granted:
                self._backlog.append(change)
        elif granted:
            self._memory.put_mark(change.key, change.new)
        return granted

    def _attempt(self, call: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what *call* returns after everything that waits to be written; None if the disk fails."""
        if self.trouble and 0 < self._retry_at - self._clock() <= RETRY_S:
            return None
        try:
            try:
                result = self._call(call)
            except sqlite3.DatabaseError as error:
                if not self._mend(error):
                    return None
                result = self._call(call)
        except schema.NewerSchemaError:
            self._disconnect()
            self._go_on_without(words.newer())
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            self._go_on_without(words.refused(_name(error)))
        else:
            if self.trouble:
                log.info("store.recovered")
                self.trouble = None
            return result
        return None

    def _call(self, call: Callable[[sqlite3.Connection], T]) -> T:
        db = self._db or self._connect()
        if self._backlog:
            self._flush(db)
        self._prune(db)
        return call(db)

    def _flush(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            for mutation in self._backlog:
                schema.write(db, mutation)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        self._backlog.clear()

    def _prune(self, db: sqlite3.Connection) -> None:
        """Drop old rows at the first use, and once an hour: a sidecar may live for weeks."""
        now = self._clock()
        if self._pruned_at is not None and 0 <= now - self._pruned_at < PRUNE_S:
            return
        self._pruned_at = now
        with suppress(sqlite3.OperationalError):  # a full or busy disk can still be read; it can wait an hour
            schema.prune(db, now)

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._lock.share():
            raise sqlite3.OperationalError("the file is being set aside")
        with suppress(FileExistsError):  # an existing one stays shut: closing it would drop SQLite's locks
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = self._open(BUSY_S)
        try:
            db.execute("PRAGMA journal_mode = WAL")  # refused on a network's file system: then without
            db.execute("PRAGMA synchronous = NORMAL")
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        self._db, self._watch = db, self._open(0.0)
        return db

    def _open(self, busy_s: float) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=busy_s, isolation_level=None, check_same_thread=False)

    def _close(self) -> None:
        if self._backlog:
            self._attempt(lambda _: None)
        self._disconnect()

    def _disconnect(self) -> None:
        for db in (self._db, self._watch):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()
        self._db = self._watch = None
        self._seen_version = -1
        self._lock.release()

    def _mend(self, error: sqlite3.DatabaseError) -> bool:
        """Set a damaged file aside; False when it could not be done, and `trouble` says why."""
        if not _name(error).startswith(_DAMAGED):
            raise error
        self._disconnect()
        try:
            if not self._lock.take_alone():
                self._go_on_without(words.corrupt(held=True))
                return False
            if self._is_damaged() and not self._set_aside():
                self._go_on_without(words.corrupt(held=False))
                return False
            return True
        finally:
            self._lock.release()

    def _is_damaged(self) -> bool:
        """Look again, now alone: another sidecar may have set the file aside before us."""
        db = self._open(BUSY_S)
        try:
            return db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
        except sqlite3.DatabaseError as error:
            return _name(error).startswith(_DAMAGED)
        finally:
            db.close()

    def _set_aside(self) -> bool:
        """Rename the damaged file with its companions; the next attempt starts a new one."""
        suffix = f".damaged-{int(self._clock())}"
        try:
            for companion in ("-wal", "-shm", ""):
                path = self._file.with_name(DATABASE + companion)
                if path.exists():
                    path.rename(path.with_name(path.name + suffix))
        except OSError:
            return False
        log.warning("store.set_aside", suffix=suffix)
        return True

    def _go_on_without(self, reason: str) -> None:
        if self.trouble is None:
            log.warning("store.in_memory", reason=reason)
        self.trouble = words.not_kept(reason)
        self._retry_at = self._clock() + RETRY_S


def _name(error: Exception) -> str:
    return getattr(error, "sqlite_errorname", "") or type(error).__name__


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])
