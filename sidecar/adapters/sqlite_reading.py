"""How the rows become what a process knows: all of them at first, and then what may have changed since.

The usage of two days is most of what there is, and only its last hours change. Who changes others leaves a
row (`sqlite_schema.note_rewritten`), upon which everybody reads all hours again; the same happens once an
hour. Of the other tables all rows are fetched, and those decoded that are new.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Struct

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.memory_store import Hours, Known
from sidecar.adapters.sqlite_watch import Sight, Watch
from sidecar.adapters.store import USAGE_HOURS, HourUsage, Lease, Mark, QuotaKey, QuotaSnapshot
from sidecar.core.account import Account
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import SessionRoute

REREAD_HOURS: Final = 2
"""This one and the one before: a request may be counted in the hour in which it began."""

_MarkRow = tuple[str, float, float, float | None]
_LeaseRow = tuple[str, str, float]
_Row = tuple[Any, ...]

_snapshots: Final = msgspec.json.Decoder(QuotaSnapshot)
_cooldowns: Final = msgspec.json.Decoder(Cooldown)
_routes: Final = msgspec.json.Decoder(SessionRoute)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class _Table(Struct, frozen=True):
    """The rows of a table, each with what it says: a key and a value, or None if it can't be read."""

    rows: dict[_Row, Any]
    values: dict[Any, Any]


class Reading(Struct, frozen=True):
    """What all rows said at one instant."""

    known: Known
    hour: int
    """In which it was read."""
    rewritten: str
    """The row that was left by whoever last changed older hours of usage."""
    tables: tuple[_Table, _Table, _Table]


_NO_TABLE: Final = _Table({}, {})


class Watched(Protocol):
    """A file that is open, as `sqlite_file` gives it."""

    generation: int
    watch: Watch | None


class Reader:
    """Reads what others have written; knows whether that is all that there is."""

    def __init__(self) -> None:
        """Have read nothing yet."""
        self._hour = 0
        self._last: Reading | None = None
        self._generation: int = 0
        self._seen: tuple[int, int] | None = None

    def news(self, db: sqlite3.Connection, file: Watched, now: float) -> Known | None:
        """Return all that is known if another has written to *file*, else None; to ask takes 2 us.

        *db* is the connection of its `generation`: what was known of one does not hold for the next.
        """
        generation, hour = file.generation, int(now // 3600)
        newest = (generation, _version(db))
        if newest == self._seen and hour >= self._hour:  # else hours may be missing: a clock set back
            return None
        self._last = read(db, now, self._last if generation == self._generation else None)
        self._seen, self._generation, self._hour = newest, generation, hour
        return self._last.known

    def sight(self, db: sqlite3.Connection, file: Watched, verified_at: float) -> Sight | None:
        """Say from when on the event loop may watch *file*; None if there is more than was read last.

        The order matters: what is written after the loop's version was taken, the loop will notice, and
        what others wrote before that shows in ours.
        """
        watch = file.watch
        version = watch and watch.version()
        if watch is None or version is None or self._seen != (file.generation, _version(db)):
            return None
        return Sight(watch, version, self._hour, verified_at)

    def forget(self) -> None:
        """Read again when somebody asks, whoever has written."""
        self._seen = None


def _version(db: sqlite3.Connection) -> int:
    """Return a number that changes with every commit of others."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def read(db: sqlite3.Connection, now: float, last: Reading | None = None) -> Reading:
    """Return what the database says at one instant; a row that can't be read is left out.

    *last* is an earlier reading of the same file: what can't have changed since is taken from it.
    """
    db.execute("BEGIN")
    hour, rewritten = int(now // 3600), _rewritten(db)
    is_same = last is not None and (last.hour, last.rewritten) == (hour, rewritten)
    usage = _hours(db, hour, last.known.usage if last and is_same else None)
    marks = valid(db, "SELECT key, level, at, resets_at FROM mark", kind=_MarkRow)
    leases = valid(db, "SELECT request_id, provider_id, until FROM lease ORDER BY until", kind=_LeaseRow)
    quotas, cooldowns, sessions = last.tables if last else (_NO_TABLE,) * 3
    quotas = _table(db, "SELECT provider_id, origin, fingerprint, url, snapshot FROM quota", _quota, quotas)
    cooldowns = _table(db, "SELECT cooldown FROM cooldown", _cooldown, cooldowns)
    sessions = _table(db, "SELECT route FROM session ORDER BY at", _session, sessions)
    db.execute("COMMIT")
    known = Known(
        quotas.values,
        usage,
        {key: Mark(level, at, resets_at) for key, level, at, resets_at in marks},
        cooldowns.values,
        sessions.values,
        {request_id: Lease(provider_id, until) for request_id, provider_id, until in leases},
    )
    return Reading(known, hour, rewritten, (quotas, cooldowns, sessions))


def _rewritten(db: sqlite3.Connection) -> str:
    return str(fetch(db, "SELECT owner FROM claim WHERE key = ?", (schema.REWRITTEN,)))


def _hours(db: sqlite3.Connection, hour: int, last: Hours | None) -> Hours:
    """Read the usage of two days; with *last* only the hours that end it."""
    since = hour - (USAGE_HOURS if last is None else REREAD_HOURS)
    rows = valid(
        db,
        "SELECT hour, provider_id, model_id, requests, failures, tokens, cost, ttfb_s, answered"
        " FROM usage WHERE hour > ? ORDER BY hour",
        since,
        kind=HourUsage,
    )
    hours = {at: rows for at, rows in (last or {}).items() if at <= since}
    for at, several in groupby(rows, lambda row: row.hour):
        hours[at] = {(row.provider_id, row.model_id): row for row in several}
    return hours


def _table(db: sqlite3.Connection, query: str, read: Callable[[_Row], tuple[K, V]], last: _Table) -> _Table:
    """Read all rows, and decode those that *last* does not hold."""
    fetched = fetch(db, query, ())
    if fetched == [*last.rows]:
        return last
    rows = {row: last.rows[row] if row in last.rows else _readable(row, read) for row in fetched}
    return _Table(rows, dict(pair for pair in rows.values() if pair))


def _readable(row: _Row, read: Callable[[_Row], T]) -> T | None:
    with suppress(msgspec.MsgspecError, TypeError):
        return read(row)
    return None


def _quota(row: _Row) -> tuple[QuotaKey, QuotaSnapshot]:
    provider_id, origin, fingerprint, url = msgspec.convert(row[:4], tuple[str, str, str, str])
    return QuotaKey(Account(provider_id, origin, fingerprint), url), _snapshots.decode(row[4])


def _cooldown(row: _Row) -> tuple[CooldownKey, Cooldown]:
    cooldown = _cooldowns.decode(row[0])
    return cooldown.key, cooldown


def _session(row: _Row) -> tuple[str, SessionRoute]:
    route = _routes.decode(row[0])
    return route.session_id, route


def valid(db: sqlite3.Connection, query: str, *parameters: object, kind: type[T]) -> list[T]:
    """Return the rows of this type: SQLite keeps whatever a damaged byte makes of a value."""
    rows = fetch(db, query, parameters)
    try:
        return msgspec.convert(rows, list[kind])  # four times as fast as one by one
    except msgspec.ValidationError:
        return list(_one_by_one(rows, lambda row: msgspec.convert(row, kind)))


def decoded(db: sqlite3.Connection, query: str, *parameters: object, kind: type[T]) -> list[T]:
    """Return what the blobs of the only column hold."""
    rows = fetch(db, query, parameters)
    return list(_one_by_one(rows, lambda row: msgspec.json.decode(row[0], type=kind)))


def _one_by_one(rows: list[Any], read: Callable[[Any], T]) -> Iterator[T]:
    for row in rows:
        with suppress(msgspec.MsgspecError, TypeError):
            yield read(row)


def fetch(db: sqlite3.Connection, query: str, parameters: tuple[object, ...]) -> list[Any]:
    """Return all rows of *query*, with a replacement for what is no text in a text."""
    try:
        return db.execute(query, parameters).fetchall()
    except sqlite3.OperationalError:  # of a text that is none, maybe; else it is raised again
        db.text_factory = schema.any_text
        return db.execute(query, parameters).fetchall()
    finally:
        db.text_factory = str
