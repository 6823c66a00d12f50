"""The tables of the store: how they came to be, what is dropped and what is saved; rows: `sqlite_rows`."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

KEEP_QUOTA_S: Final = 14 * 86400
KEEP_USAGE_HOURS: Final = 62 * 24
KEEP_MARK_S: Final = 62 * 86400
KEEP_COOLDOWN_S: Final = 2 * 86400
"""After its end."""
KEEP_SESSION_S: Final = 30 * 86400
MOST_ROWS: Final = 1000
"""So many of each kind are kept, the newest: others choose the names of models, windows and sessions."""
PRUNED_AT_ONCE: Final = 1000
"""So many hours of usage: somebody may come meanwhile, and would wait."""

REWRITTEN: Final = "usage-rewritten"
"""A claim that nobody gives back, and nobody's: its owner is another one whenever older usage has changed."""

_QUOTA_KEYS: Final = "provider_id, origin, fingerprint, url"
_COOLDOWN_KEYS: Final = "scope, origin, provider_id, fingerprint, model_id"

_KEPT: Final = {"quota": 4, "usage": 3, "mark": 1, "cooldown": 5, "session": 1, "decision": 1}
"""The tables that hold more than a moment, with the number of the columns that are the key."""

_BOUNDED: Final = (
    ("quota", _QUOTA_KEYS, "attempted_at"),
    ("mark", "key", "at"),
    ("cooldown", _COOLDOWN_KEYS, "since"),
    ("session", "id", "at"),
    ("lease", "request_id", "until"),
)
"""Tables of `MOST_ROWS`: the columns of the key, and the one that says how new a row is."""


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


def _routes(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE cooldown (scope TEXT, origin TEXT, provider_id TEXT, fingerprint TEXT, model_id TEXT,"
        " since REAL NOT NULL, until REAL NOT NULL, cooldown BLOB NOT NULL,"
        " PRIMARY KEY (scope, origin, provider_id, fingerprint, model_id)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE session (id TEXT PRIMARY KEY, at REAL NOT NULL, route BLOB NOT NULL) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE decision (id INTEGER PRIMARY KEY, decision BLOB NOT NULL)")
    db.execute("ALTER TABLE usage ADD COLUMN tokens REAL NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE usage ADD COLUMN cost REAL")


def _leases(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE lease (request_id TEXT PRIMARY KEY, provider_id TEXT NOT NULL, until REAL NOT NULL)"
        " WITHOUT ROWID"
    )
    db.execute("ALTER TABLE usage ADD COLUMN ttfb_s REAL NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE usage ADD COLUMN answered INTEGER NOT NULL DEFAULT 0")


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    _first_tables,
    _marks,
    _routes,
    _leases,
)
"""Applied once each, in order; `user_version` counts them. Append, never change."""


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


def prune(db: sqlite3.Connection, now: float) -> bool:
    """Drop what nobody will ask for again, so that the file stays small; say whether some is left to drop."""
    db.execute("DELETE FROM quota WHERE attempted_at < ?", (now - KEEP_QUOTA_S,))
    db.execute("DELETE FROM claim WHERE expires_at < ?", (now,))
    db.execute("DELETE FROM lease WHERE until < ?", (now,))
    db.execute("DELETE FROM mark WHERE at < ?", (now - KEEP_MARK_S,))
    db.execute("DELETE FROM cooldown WHERE until < ?", (now - KEEP_COOLDOWN_S,))
    db.execute("DELETE FROM session WHERE at < ?", (now - KEEP_SESSION_S,))
    for table, keys, instant in _BOUNDED:
        older = f"SELECT {keys} FROM {table} ORDER BY {instant} DESC LIMIT -1 OFFSET {MOST_ROWS}"  # noqa: S608
        db.execute(f"DELETE FROM {table} WHERE ({keys}) IN ({older})")  # noqa: S608 - our own names
    keys = "hour, provider_id, model_id"
    cursor = db.execute(
        f"DELETE FROM usage WHERE ({keys}) IN (SELECT {keys} FROM usage WHERE hour < ? LIMIT ?)",  # noqa: S608
        (int(now // 3600) - KEEP_USAGE_HOURS, PRUNED_AT_ONCE),
    )
    if cursor.rowcount:
        note_rewritten(db)
    return cursor.rowcount == PRUNED_AT_ONCE


def note_rewritten(db: sqlite3.Connection) -> None:
    """Let everybody read all usage again: what changed is not in its last hours."""
    db.execute("INSERT OR REPLACE INTO claim VALUES (?, hex(randomblob(8)), 9e99)", (REWRITTEN,))


def copy_readable(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy every row of a damaged file that can be reached from either end of its table."""
    old.text_factory = any_text
    new.execute("BEGIN IMMEDIATE")
    for table, keys in _KEPT.items():
        for order in ("ASC", "DESC"):
            by = ", ".join(f"{number + 1} {order}" for number in range(keys))
            with suppress(sqlite3.Error):
                rows = old.execute(f"SELECT * FROM {table} ORDER BY {by}")  # noqa: S608 - our own names
                names = ", ".join(column[0] for column in rows.description)  # an older file has fewer
                marks = ", ".join("?" * len(rows.description))
                for row in rows:
                    new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608
    new.execute("COMMIT")


def any_text(data: bytes) -> str:
    """Read a text that may be damaged: one bad byte must not hide the other rows."""
    return data.decode("utf-8", "replace")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
