"""The store that all sidecars of a user share: one SQLite file, which one thread of ours enters.

What this process knows lives in memory, for whoever can't wait; a lock guards it for microseconds, never
over SQL. Mutations wait there until the thread has written them. Whatever the disk does, they are kept
(bounded) and tried again. A damaged file is set aside by `sqlite_file`, and the call is made again on the
new one.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import structlog

from sidecar.adapters import sqlite_rows as rows
from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.sqlite_file import DamagedError, DatabaseFile, error_name, is_damage
from sidecar.adapters.sqlite_reading import Reader
from sidecar.adapters.sqlite_turns import Turn, result_of
from sidecar.adapters.sqlite_watch import Sight, monotonic
from sidecar.adapters.store import MOST_DECISIONS, Mark, Mutation, ReleaseClaim, State
from sidecar.core.decision import Decision
from sidecar.texts import store as words

DATABASE: Final = "state.db"
RETRY_S: Final = 5.0
BACKLOG: Final = 10_000
PRUNE_S: Final = 3600.0

_UNWRITABLE: Final = (ValueError, OverflowError, sqlite3.IntegrityError)
"""What a value raises that SQLite can't hold: half of a surrogate pair, an int of 65 bits, NaN."""

Change = Mutation | rows.SwapMark
P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()


class SqliteStore:
    """Implements `Store`. Nothing is opened and no thread begins before the first call."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Keep the file in *folder*; *clock* gives Unix seconds, to know when to try a bad disk again."""
        self.trouble: str | None = None
        self._clock = clock
        self._lock = threading.Lock()
        # Under the lock:
        self._memory = MemoryStore()
        self._waiting: deque[Change] = deque(maxlen=BACKLOG)
        self._thread: ThreadPoolExecutor | None = None
        self._next: Turn | None = None
        # By one call at a time, in whichever thread: a closed store may be used again.
        self._entered = threading.Lock()
        self._file = DatabaseFile(folder / DATABASE)
        self._sight: Sight | None = None  # read by the loop
        self._next_sight: Sight | None = None
        self._reader = Reader()
        self._retry_at = 0.0
        self._pruned_at: float | None = None

    def state(self, now: float) -> State:
        with self._lock:
            return self._memory.state(now)

    def fresh(self, now: float) -> State | None:
        sight = self._sight
        if sight is None or not sight.is_still_true(now):
            return None
        return self.state(now)

    async def load(self, now: float, within_s: float | None = None) -> State:
        with self._lock:
            turn = self._join()
            turn.news_at = now
        await result_of(turn.done, within_s)
        return self.state(now)

    async def apply(self, mutations: Sequence[Mutation], within_s: float | None = None) -> None:
        with self._lock:
            self._remember(mutations)
            turn = self._join()
        await result_of(turn.done, within_s)

    async def claim(
        self, key: str, owner: str, ttl_s: float, now: float, within_s: float | None = None
    ) -> bool:
        with self._lock:
            asked = self._submit(self._claim, key, owner, ttl_s, now)
        return await self._granted(asked, ReleaseClaim(key, owner), within_s)

    async def swap(self, key: str, old: Mark | None, new: Mark | None) -> bool:
        with self._lock:
            asked = self._submit(self._swap, rows.SwapMark(key, old, new))
        return await self._granted(asked, rows.SwapMark(key, new, old))

    async def decisions(self, limit: int = MOST_DECISIONS) -> list[Decision]:
        with self._lock:
            asked = self._submit(self._decisions, limit)
        return await result_of(asked) or []

    async def aclose(self) -> None:
        with self._lock:
            if self._thread is None:
                return
            closed = self._submit(self._close)
            self._thread.shutdown(wait=False)
            self._thread = None
        await result_of(closed)

    async def _granted(self, asked: Future[bool], back: Change, within_s: float | None = None) -> bool:
        """Return whether it is granted in time; what is granted to who has gone is undone by *back*."""
        granted = None
        try:
            granted = await result_of(asked, within_s)
        finally:
            if not granted:  # it may be yet
                asked.add_done_callback(partial(self._give_back, back))
        return bool(granted)

    # What follows is called under the lock.

    def _remember(self, mutations: Sequence[Mutation]) -> None:
        self._memory.remember(mutations)
        # Leases are worth nothing by the time that a bad disk works again, and would push out what is.
        self._waiting.extend(one for one in mutations if not (self.trouble and rows.is_lease(one)))

    def _join(self) -> Turn:
        if self._next is None:
            self._next = Turn()
            self._next.done = self._submit(self._take_turn, self._next)
        return self._next

    def _submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "store")
        return self._thread.submit(self._enter, call, *args, **kwargs)

    # What follows is called in the thread.

    def _enter(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._entered:
            self._next_sight = None
            result = call(*args, **kwargs)
            self._sight = self._next_sight  # now that what was read is in memory
        with self._lock:
            if self._thread is not None and self._next is None and self._is_prune_due():
                self._submit(self._prune)
        return result

    def _give_back(self, back: Change, asked: Future[bool]) -> None:
        if asked.cancelled() or asked.exception() or not asked.result():
            return
        with self._lock:
            if not isinstance(back, rows.SwapMark):
                self._remember([back])
            elif self._memory.try_swap(back.key, back.old, back.new):
                self._waiting.append(back)
            if self._thread is not None:
                self._join()

    def _take_turn(self, turn: Turn) -> None:
        with self._lock:
            self._next = None
        news_at = turn.news_at
        if news_at is None:
            self._attempt(lambda _: None)
        elif news := self._attempt(lambda db: self._reader.news(db, self._file, news_at)):
            memory = MemoryStore(news)
            with self._lock:
                memory.inherit(self._memory)
                memory.remember([one for one in self._waiting if not isinstance(one, rows.SwapMark)])
                self._memory = memory

    def _claim(self, key: str, owner: str, ttl_s: float, now: float) -> bool:
        granted = self._attempt(lambda db: rows.claim(db, key, owner, ttl_s, now))
        if granted is None:
            with self._lock:
                return self._memory.try_claim(key, owner, ttl_s, now)
        return granted

    def _swap(self, change: rows.SwapMark) -> bool:
        granted = self._attempt(lambda db: rows.swap(db, change))
        with self._lock:
            if granted is None:
                granted = self._memory.try_swap(change.key, change.old, change.new)
                if granted:
                    self._waiting.append(change)
            elif granted:
                self._memory.put_mark(change.key, change.new)
        return granted

    def _decisions(self, limit: int) -> list[Decision]:
        found = self._attempt(lambda db: rows.read_decisions(db, limit))
        if found is None:
            with self._lock:
                return self._memory.last_decisions(limit)
        return found

    def _attempt(self, call: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what *call* returns after everything that waits was written; None if the disk fails."""
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
        began = monotonic()
        with self._file.use() as db:
            self._flush(db)
            result = call(db)
            self._next_sight = self._reader.sight(db, self._file, began)
            return result

    def _flush(self, db: sqlite3.Connection) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, deque(maxlen=BACKLOG)
        if not batch:
            return
        try:
            db.execute("BEGIN IMMEDIATE")
            for mutation in batch:
                self._write(db, mutation)
            if any(rows.is_rewrite(mutation, self._clock()) for mutation in batch):
                schema.note_rewritten(db)
            db.execute("COMMIT")
        except BaseException:
            with self._lock:
                self._waiting = deque([*batch, *self._waiting], maxlen=BACKLOG)
            raise

    def _write(self, db: sqlite3.Connection, mutation: Change) -> None:
        try:
            rows.write(db, mutation)
        except _UNWRITABLE as error:
            log.warning("store.unwritable", what=type(mutation).__name__, error=error_name(error))
        if isinstance(mutation, rows.SwapMark):
            self._reader.forget()  # it may have lost

    def _is_prune_due(self) -> bool:
        if self.trouble:
            return False
        return self._pruned_at is None or not 0 <= self._clock() - self._pruned_at < PRUNE_S

    def _prune(self) -> None:
        """Drop old rows after the first use, and once an hour: a sidecar may live for weeks.

        Nobody has waited for the turn of this; who comes meanwhile waits for a part of it at most.
        """
        self._pruned_at = self._clock()
        with suppress(sqlite3.Error, OSError, schema.NewerSchemaError), self._file.use_if_free() as db:
            before = db.total_changes
            if schema.prune(db, self._pruned_at):
                self._pruned_at = None
            if db.total_changes > before:
                self._reader.forget()
            else:
                self._next_sight = self._sight

    def _close(self) -> None:
        with self._lock:
            is_waiting = bool(self._waiting)
        if is_waiting:
            self._retry_at = 0.0  # the last chance
            self._attempt(lambda _: None)
        self._file.close()

    def _go_on_without(self, reason: str) -> None:
        if self.trouble is None:
            log.warning("store.in_memory", reason=reason)
        self.trouble = words.not_kept(reason)
        self._retry_at = self._clock() + RETRY_S
