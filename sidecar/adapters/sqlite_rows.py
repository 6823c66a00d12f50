"""The rows of the store: how its state is read from them, and the statements for each mutation."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.store import (
    CLOCK_SLACK_S,
    MOST_DECISIONS,
    USAGE_HOURS,
    ClearCooldown,
    CountRequest,
    CountTokens,
    HourUsage,
    Mark,
    Mutation,
    PutCooldown,
    PutDecision,
    PutQuota,
    PutSession,
    QuotaKey,
    QuotaSnapshot,
    ReleaseClaim,
    ResetProvider,
    RouteMutation,
    State,
)
from sidecar.core.account import Account
from sidecar.core.cooldown import Cooldown, merge
from sidecar.core.decision import Decision, SessionRoute

_QuotaRow = tuple[str, str, str, str, bytes]
_MarkRow = tuple[str, float, float, float | None]

_snapshots: Final = msgspec.json.Decoder(QuotaSnapshot)
_encode: Final = msgspec.json.Encoder().encode

_THIS_COOLDOWN: Final = "scope = ? AND origin = ? AND provider_id = ? AND fingerprint = ? AND model_id = ?"

T = TypeVar("T")


class SwapMark(Struct, frozen=True):
    """A swap that was granted while the disk failed; it is written unless somebody else was first."""

    key: str
    old: Mark | None
    new: Mark | None


def read_state(db: sqlite3.Connection, now: float) -> State:
    """Return the store's state of one instant; a row that can't be read is left out."""
    db.execute("BEGIN")
    quotas = _valid(db, "SELECT provider_id, origin, fingerprint, url, snapshot FROM quota", kind=_QuotaRow)
    usage = _valid(
        db,
        "SELECT hour, provider_id, model_id, requests, failures, tokens, cost FROM usage WHERE hour > ?",
        int(now // 3600) - USAGE_HOURS,
        kind=HourUsage,
    )
    marks = _valid(db, "SELECT key, level, at, resets_at FROM mark", kind=_MarkRow)
    cooldowns = _decoded(db, "SELECT cooldown FROM cooldown", kind=Cooldown)
    sessions = _decoded(db, "SELECT route FROM session ORDER BY at", kind=SessionRoute)
    db.execute("COMMIT")
    return State(
        dict(_quotas(quotas)),
        tuple(usage),
        {key: Mark(level, at, resets_at) for key, level, at, resets_at in marks},
        {row.key: row for row in cooldowns},
        {row.session_id: row for row in sessions},
    )


def _quotas(rows: list[_QuotaRow]) -> Iterator[tuple[QuotaKey, QuotaSnapshot]]:
    for provider_id, origin, fingerprint, url, blob in rows:
        with suppress(msgspec.MsgspecError):
            yield QuotaKey(Account(provider_id, origin, fingerprint), url), _snapshots.decode(blob)


def read_decisions(db: sqlite3.Connection, limit: int) -> list[Decision]:
    """Return the last decisions, the newest first; one that can't be read is left out."""
    return _decoded(db, "SELECT decision FROM decision ORDER BY id DESC LIMIT ?", limit, kind=Decision)


def _valid(db: sqlite3.Connection, query: str, *parameters: object, kind: type[T]) -> list[T]:
    """Return the rows of this type: SQLite keeps whatever a damaged byte makes of a value."""
    rows = _fetch(db, query, parameters)
    try:
        return msgspec.convert(rows, list[kind])  # four times as fast as one by one
    except msgspec.ValidationError:
        return list(_one_by_one(rows, lambda row: msgspec.convert(row, kind)))


def _decoded(db: sqlite3.Connection, query: str, *parameters: object, kind: type[T]) -> list[T]:
    """Return what the blobs of the only column hold."""
    rows = _fetch(db, query, parameters)
    try:
        return msgspec.json.decode(b"[" + b",".join([blob for (blob,) in rows]) + b"]", type=list[kind])
    except (msgspec.MsgspecError, TypeError):
        return list(_one_by_one(rows, lambda row: msgspec.json.decode(row[0], type=kind)))


def _one_by_one(rows: list[Any], read: Callable[[Any], T]) -> Iterator[T]:
    for row in rows:
        with suppress(msgspec.MsgspecError, TypeError):
            yield read(row)


def _fetch(db: sqlite3.Connection, query: str, parameters: tuple[object, ...]) -> list[Any]:
    try:
        return db.execute(query, parameters).fetchall()
    except sqlite3.OperationalError:  # of a text that is none, maybe; else it is raised again
        db.text_factory = schema.any_text
        return db.execute(query, parameters).fetchall()
    finally:
        db.text_factory = str


def write(db: sqlite3.Connection, mutation: Mutation | SwapMark) -> None:
    """Apply one mutation inside the caller's transaction."""
    match mutation:
        case PutQuota(key, snapshot):
            account = key.account
            db.execute(
                "INSERT OR REPLACE INTO quota VALUES (?, ?, ?, ?, ?, ?)",
                (account.provider_id, account.origin, account.fingerprint, key.url,
                 snapshot.attempted_at, _encode(snapshot)),
            )  # fmt: skip
        case CountRequest(at, provider_id, model_id, failed):
            db.execute(
                "INSERT INTO usage (hour, provider_id, model_id, requests, failures) VALUES (?, ?, ?, 1, ?)"
                " ON CONFLICT DO UPDATE"
                " SET requests = requests + 1, failures = failures + excluded.failures",
                (int(at // 3600), provider_id, model_id, int(failed)),
            )
        case CountTokens(at, provider_id, model_id, tokens, cost):
            db.execute(
                "INSERT INTO usage VALUES (?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO UPDATE SET"
                " tokens = tokens + excluded.tokens,"
                " cost = CASE WHEN excluded.cost IS NULL THEN cost ELSE ifnull(cost, 0) + excluded.cost END",
                (int(at // 3600), provider_id, model_id, tokens, cost),
            )
        case ReleaseClaim(key, owner):
            db.execute("DELETE FROM claim WHERE key = ? AND owner = ?", (key, owner))
        case SwapMark():
            swap(db, mutation)
        case _:
            _write_route(db, mutation)


def _write_route(db: sqlite3.Connection, mutation: RouteMutation) -> None:
    match mutation:
        case PutCooldown(new):
            _put_cooldown(db, new)
        case ClearCooldown(key, began_at):
            db.execute(
                f"DELETE FROM cooldown WHERE {_THIS_COOLDOWN} AND since <= ?",  # noqa: S608 - our own names
                (*msgspec.structs.astuple(key), began_at),
            )
        case ResetProvider(provider_id, at):
            which = {"provider": provider_id, "hour": int(at // 3600) - USAGE_HOURS}
            theirs = "(:provider IS NULL OR provider_id = :provider)"
            db.execute(f"DELETE FROM cooldown WHERE {theirs} OR provider_id = ''", which)  # noqa: S608
            db.execute(f"DELETE FROM usage WHERE hour > :hour AND {theirs}", which)  # noqa: S608
        case PutSession(route):
            db.execute(
                "INSERT OR REPLACE INTO session VALUES (?, ?, ?)",
                (route.session_id, route.at, _encode(route)),
            )
        case PutDecision(decision):
            cursor = db.execute("INSERT INTO decision (decision) VALUES (?)", (_encode(decision),))
            db.execute("DELETE FROM decision WHERE id <= ?", ((cursor.lastrowid or 0) - MOST_DECISIONS,))


def _put_cooldown(db: sqlite3.Connection, new: Cooldown) -> None:
    keys = msgspec.structs.astuple(new.key)
    old = _decoded(db, f"SELECT cooldown FROM cooldown WHERE {_THIS_COOLDOWN}", *keys, kind=Cooldown)  # noqa: S608
    row = merge(old[0] if old else None, new)
    db.execute(
        "INSERT OR REPLACE INTO cooldown VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*keys, row.since, row.until, _encode(row)),
    )


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
