"""The store that all sidecars of a user share: one SQLite file, written by one thread at a time.

Whatever the disk does, the state lives on in memory: writes that failed are kept (bounded) and tried
again. A damaged file is set aside by `sqlite_file`, and the call is made again on the new one.
"""

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
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.sqlite_file import DamagedError, DatabaseFile, error_name, is_damage
from sidecar.adapters.store import Mark, Mutation, State
from sidecar.texts import store as words

DATABASE: Final = "state.db"
RETRY_S: Final = 5.0
BACKLOG: Final = 10_000
PRUNE_S: Final = 3600.0

_UNWRITABLE: Final = (ValueError, OverflowError, sqlite3.IntegrityError)
"""What a value raises that SQLite can't hold: half of a surrogate pair, an int of 65 bits, NaN."""

T = TypeVar("T")
log = structlog.get_logger()


class SqliteStore:
    """Implements `Store`. Calls on the database are made in a thread, one at a time."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Keep the file in *folder*; *clock* gives Unix seconds, to know when to try a bad disk again."""
        self.trouble: str | None = None
        self._file = DatabaseFile(folder / DATABASE)
        self._clock = clock
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._seen: tuple[int, int] | None = None
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
        """Read the database if another has written to it since we last did; to ask that takes 2 us."""
        version = int(db.execute("PRAGMA data_version").fetchone()[0])
        newest = (self._file.generation, version)
        if newest == self._seen:
            return None
        state = schema.read_state(db, now)
        self._seen = newest
        return state

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
            result = self._mending(call)
        except schema.NewerSchemaError:
            self._go_on_without(words.newer())
        except DamagedError as error:
            self._go_on_without(words.corrupt(held=error.held))
        except (sqlite3.Error, OSError) as error:
            self._go_on_without(words.refused(error_name(error)))
        else:
            if self.trouble:
                log.info("store.recovered")
                self.trouble = None
            return result
        return None

    def _mending(self, call: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._use(call)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        self._file.mend(self._clock())
        return self._use(call)

    def _use(self, call: Callable[[sqlite3.Connection], T]) -> T:
        with self._file.use() as db:
            if self._backlog:
                self._flush(db)
            self._prune(db)
            return call(db)

    def _flush(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        for mutation in self._backlog:
            try:
                schema.write(db, mutation)
            except _UNWRITABLE as error:
                log.warning("store.unwritable", what=type(mutation).__name__, error=error_name(error))
            if isinstance(mutation, schema.SwapMark):
                self._seen = None  # it may have lost
        db.execute("COMMIT")
        self._backlog.clear()

    def _prune(self, db: sqlite3.Connection) -> None:
        """Drop old rows at the first use, and once an hour: a sidecar may live for weeks."""
        now = self._clock()
        if self._pruned_at is not None and 0 <= now - self._pruned_at < PRUNE_S:
            return
        self._pruned_at, self._seen = now, None
        with suppress(sqlite3.OperationalError):  # a full or busy disk can still be read; it can wait an hour
            schema.prune(db, now)

    def _close(self) -> None:
        if self._backlog:
            self._attempt(lambda _: None)
        self._file.close()

    def _go_on_without(self, reason: str) -> None:
        if self.trouble is None:
            log.warning("store.in_memory", reason=reason)
        self.trouble = words.not_kept(reason)
        self._retry_at = self._clock() + RETRY_S
