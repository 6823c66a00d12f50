"""The tables of the store, as a list of migrations, and the statements for each mutation."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from sidecar.adapters.store import (
    CLOCK_SLACK_S,
    USAGE_HOURS,
    CountRequest,
    HourUsage,
    Mark,
    Mutation,
    PutQuota,
    QuotaKey,
    QuotaSnapshot,
    ReleaseClaim,
    State,
)
from sidecar.core.account import Account

KEEP_QUOTA_S: Final = 14 * 86400
KEEP_USAGE_HOURS: Final = 62 * 24
KEEP_MARK_S: Final = 62 * 86400
MOST_ROWS: Final = 1000
"""So many quotas and marks are kept, the newest: others choose the names of models and windows."""
_QUOTA_KEYS: Final = "(provider_id, origin, fingerprint, url)"

_KEPT: Final = {"quota": 4, "usage": 3, "mark": 1}
"""The tables that hold more than a moment, with the number of the columns that are the key."""

_QuotaRow = tuple[str, str, str, str, bytes]
_UsageRow = tuple[int, str, str, int, int]
_MarkRow = tuple[str, float, float, float | None]

_snapshots: Final = msgspec.json.Decoder(QuotaSnapshot)

T = TypeVar("T")


def _first_tables(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE quota (provider_id TEXT, origin TEXT, fingerprint TEXT, url TEXT,"
        " attempted_at REAL NOT NULL, snapshot BLOB NOT NULL,"
        " PRIMARY KEY (provider_id, origin, fingerprint, url)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE usage (hour INTEGER, provider_id TEXT, model_id TEXT,"
        " requests INTEGER NOT NULL, failures INTEGER NOT NULL,"
        " PRIMARY KEY (hour, provider_id, model_id)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE claim (key TEXT PRIMARY KEY, owner TEXT NOT NULL, expires_at REAL NOT NULL)"
        " WITHOUT ROWID"
    )


def _marks(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE mark (key TEXT PRIMARY KEY, level REAL NOT NULL, at REAL NOT NULL, resets_at REAL)"
        " WITHOUT ROWID"
    )


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_first_tables, _marks)
"""Applied once each, in order; `user_version` counts them. Append, never change."""


class SwapMark(Struct, frozen=True):
    """A swap that was granted while the disk failed; it is written unless somebody else was first."""

    key: str
    old: Mark | None
    new: Mark | None


class NewerSchemaError(Exception):
    """The file was written by a newer version of us."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring *db* to the newest schema; raise `NewerSchemaError` if it is beyond.

    After another error the caller closes *db*, which takes back what was done.
    """
    if _version(db) > len(MIGRATIONS):
        raise NewerSchemaError
    if _version(db) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    for step in MIGRATIONS[_version(db) :]:  # another sidecar may have migrated while we waited
        step(db)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.execute("COMMIT")


def prune(db: sqlite3.Connection, now: float) -> None:
    """Drop what nobody will ask for again, so that the file stays small."""
    db.execute("DELETE FROM quota WHERE attempted_at < ?", (now - KEEP_QUOTA_S,))
    db.execute("DELETE FROM usage WHERE hour < ?", (int(now // 3600) - KEEP_USAGE_HOURS,))
    db.execute("DELETE FROM claim WHERE expires_at < ?", (now,))
    db.execute("DELETE FROM mark WHERE at < ?", (now - KEEP_MARK_S,))
    for table, keys, instant in (("quota", _QUOTA_KEYS, "attempted_at"), ("mark", "(key)", "at")):
        row = keys.strip("()")
        older = f"SELECT {row} FROM {table} ORDER BY {instant} DESC LIMIT -1 OFFSET {MOST_ROWS}"  # noqa: S608
        db.execute(f"DELETE FROM {table} WHERE {keys} IN ({older})")  # noqa: S608 - our own names


def read_state(db: sqlite3.Connection, now: float) -> State:
    """Return the store's state; a row that can't be read is left out."""
    quotas: dict[QuotaKey, QuotaSnapshot] = {}
    for provider_id, origin, fingerprint, url, blob in _valid(
        db.execute("SELECT provider_id, origin, fingerprint, url, snapshot FROM quota"), _QuotaRow
    ):
        with suppress(msgspec.MsgspecError):
            quotas[QuotaKey(Account(provider_id, origin, fingerprint), url)] = _snapshots.decode(blob)
    usage = db.execute(
        "SELECT hour, provider_id, model_id, requests, failures FROM usage WHERE hour > ?",
        (int(now // 3600) - USAGE_HOURS,),
    )
    marks = db.execute("SELECT key, level, at, resets_at FROM mark")
    return State(
        quotas,
        tuple(HourUsage(*row) for row in _valid(usage, _UsageRow)),
        {key: Mark(level, at, resets_at) for key, level, at, resets_at in _valid(marks, _MarkRow)},
    )


def copy_readable(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy every row of a damaged file that can be reached from either end of its table."""
    new.execute("BEGIN IMMEDIATE")
    for table, keys in _KEPT.items():
        for order in ("ASC", "DESC"):
            by = ", ".join(f"{number + 1} {order}" for number in range(keys))
            with suppress(sqlite3.Error):
                for row in old.execute(f"SELECT * FROM {table} ORDER BY {by}"):  # noqa: S608 - our own names
                    marks = ", ".join("?" * len(row))
                    new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
    new.execute("COMMIT")


def _valid(cursor: sqlite3.Cursor, kind: type[T]) -> list[T]:
    """Return the rows of this type: SQLite keeps whatever a damaged byte makes of a value."""
    rows = cursor.fetchall()
    try:
        return msgspec.convert(rows, list[kind])  # four times as fast as one by one
    except msgspec.ValidationError:
        return [row for row in rows if _is(row, kind)]


def _is(row: object, kind: type) -> bool:
    try:
        msgspec.convert(row, kind)
    except msgspec.ValidationError:
        return False
    return True


def write(db: sqlite3.Connection, mutation: Mutation | SwapMark) -> None:
    """Apply one mutation inside the caller's transaction."""
    match mutation:
        case PutQuota(key, snapshot):
            account = key.account
            db.execute(
                "INSERT OR REPLACE INTO quota VALUES (?, ?, ?, ?, ?, ?)",
                (account.provider_id, account.origin, account.fingerprint, key.url,
                 snapshot.attempted_at, msgspec.json.encode(snapshot)),
            )  # fmt: skip
        case CountRequest(at, provider_id, model_id, failed):
            db.execute(
                "INSERT INTO usage VALUES (?, ?, ?, 1, ?) ON CONFLICT DO UPDATE"
                " SET requests = requests + 1, failures = failures + excluded.failures",
                (int(at // 3600), provider_id, model_id, int(failed)),
            )
        case ReleaseClaim(key, owner):
            db.execute("DELETE FROM claim WHERE key = ? AND owner = ?", (key, owner))
        case SwapMark():
            swap(db, mutation)


def claim(db: sqlite3.Connection, key: str, owner: str, ttl_s: float, now: float) -> bool:
    """Take *key* unless somebody else holds it; one that ends absurdly late was left by a wrong clock."""
    cursor = db.execute(
        "INSERT INTO claim VALUES (:key, :owner, :until) ON CONFLICT DO UPDATE"
        " SET owner = excluded.owner, expires_at = excluded.expires_at"
        " WHERE owner = excluded.owner OR expires_at <= :now OR expires_at > :absurd",
        {"key": key, "owner": owner, "until": now + ttl_s, "now": now, "absurd": now + ttl_s + CLOCK_SLACK_S},
    )
    return cursor.rowcount == 1


def swap(db: sqlite3.Connection, change: SwapMark) -> bool:
    """Replace a mark in one statement; False unless the old one is there."""
    key = change.key
    match (change.old, change.new):
        case None, None:
            return db.execute("SELECT 1 FROM mark WHERE key = ?", (key,)).fetchone() is None
        case None, Mark(level, at, resets_at):
            cursor = db.execute(
                "INSERT INTO mark VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (key, level, at, resets_at)
            )
        case Mark(level, at, resets_at), None:
            cursor = db.execute(
                "DELETE FROM mark WHERE key = ? AND level = ? AND at = ? AND resets_at IS ?",
                (key, level, at, resets_at),
            )
        case Mark() as old, Mark() as new:
            cursor = db.execute(
                "UPDATE mark SET level = ?, at = ?, resets_at = ?"
                " WHERE key = ? AND level = ? AND at = ? AND resets_at IS ?",
                (new.level, new.at, new.resets_at, key, old.level, old.at, old.resets_at),
            )
    return cursor.rowcount == 1


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
