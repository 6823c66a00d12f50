"""The rows of the store: the statements for each mutation; how they are read: `sqlite_reading`."""

import sqlite3
from typing import Final

import msgspec
from msgspec import Struct

from sidecar.adapters.sqlite_reading import decoded
from sidecar.adapters.store import (
    CLOCK_SLACK_S,
    MOST_DECISIONS,
    USAGE_HOURS,
    ClearCooldown,
    CountRequest,
    CountTokens,
    DropLease,
    Lease,
    Mark,
    Mutation,
    PutCooldown,
    PutDecision,
    PutLease,
    PutQuota,
    PutSession,
    ReleaseClaim,
    ResetProvider,
    RouteMutation,
)
from sidecar.core.cooldown import Cooldown, merge
from sidecar.core.decision import Decision

_LATE_S: Final = 600.0
"""A write that takes longer than most of an hour may be missed by who reads only the last two."""

_encode: Final = msgspec.json.Encoder().encode

_THIS_COOLDOWN: Final = "scope = ? AND origin = ? AND provider_id = ? AND fingerprint = ? AND model_id = ?"


class SwapMark(Struct, frozen=True):
    """A swap that was granted while the disk failed; it is written unless somebody else was first."""

    key: str
    old: Mark | None
    new: Mark | None


def read_decisions(db: sqlite3.Connection, limit: int) -> list[Decision]:
    """Return the last decisions, the newest first; one that can't be read is left out."""
    return decoded(db, "SELECT decision FROM decision ORDER BY id DESC LIMIT ?", limit, kind=Decision)


def is_rewrite(mutation: Mutation | SwapMark, now: float) -> bool:
    """Say whether *mutation* changes usage of hours that nobody expects to change any more."""
    match mutation:
        case CountRequest(at=at) | CountTokens(at=at):
            return at // 3600 < (now - _LATE_S) // 3600
        case _:
            return isinstance(mutation, ResetProvider)


def is_lease(mutation: Mutation) -> bool:
    """Say whether *mutation* is about a request under way, and so about seconds."""
    return isinstance(mutation, PutLease | DropLease)


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
        case CountRequest() | CountTokens():
            _count(db, mutation)
        case ReleaseClaim(key, owner):
            db.execute("DELETE FROM claim WHERE key = ? AND owner = ?", (key, owner))
        case SwapMark():
            swap(db, mutation)
        case PutLease(request_id, Lease(provider_id, until)):
            db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?)", (request_id, provider_id, until))
        case DropLease(request_id):
            db.execute("DELETE FROM lease WHERE request_id = ?", (request_id,))
        case _:
            _write_route(db, mutation)


def _count(db: sqlite3.Connection, mutation: CountRequest | CountTokens) -> None:
    which = (int(mutation.at // 3600), mutation.provider_id, mutation.model_id)
    match mutation:
        case CountRequest(failed=failed, ttfb_s=ttfb_s):
            db.execute(
                "INSERT INTO usage (hour, provider_id, model_id, requests, failures, ttfb_s, answered)"
                " VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " requests = requests + 1, failures = failures + excluded.failures,"
                " ttfb_s = ttfb_s + excluded.ttfb_s, answered = answered + excluded.answered",
                (*which, int(failed), ttfb_s or 0.0, int(ttfb_s is not None)),
            )
        case CountTokens(tokens=tokens, cost=cost):
            db.execute(
                "INSERT INTO usage (hour, provider_id, model_id, requests, failures, tokens, cost)"
                " VALUES (?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO UPDATE SET"
                " tokens = tokens + excluded.tokens,"
                " cost = CASE WHEN excluded.cost IS NULL THEN cost ELSE ifnull(cost, 0) + excluded.cost END",
                (*which, tokens, cost),
            )


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
    old = decoded(db, f"SELECT cooldown FROM cooldown WHERE {_THIS_COOLDOWN}", *keys, kind=Cooldown)  # noqa: S608
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
