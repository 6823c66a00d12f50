"""Looks at the store from outside, as the doctor does: what is there, and whether it could be used now.

Nothing is created and nothing changed; the file is opened as any sidecar would, for a transaction that is
rolled back.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from sidecar.adapters import sqlite_schema as schema
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.paths import shorten
from sidecar.adapters.sqlite_file import BUSY_S, error_name, is_damage
from sidecar.adapters.sqlite_store import DATABASE
from sidecar.texts.doctor_data import StoreReport, StoreTrouble


def look_at_store(folder: Path, environ: Mapping[str, str]) -> StoreReport:
    """Describe the database in *folder*; waits for others at most as long as a sidecar would."""
    file = folder / DATABASE
    nothing = StoreReport(shorten(file, environ), "not_there")
    try:
        if not file.exists():
            return nothing if _can_create(folder) else _in_memory(nothing, "no_folder")
        report = _files(nothing, folder)
        lock = FileLock(file.with_suffix(".lock"))
        try:
            with suppress(OSError):
                lock.share(BUSY_S)
            return _opened(report, file)
        finally:
            lock.close()
    except OSError as error:
        return _in_memory(nothing, "refused", error.strerror)


def _can_create(folder: Path) -> bool:
    """Say whether the folder is there, or can be made, and can be written into."""
    while not folder.exists():
        if folder.is_symlink():  # to nothing, or to itself
            return False
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _files(report: StoreReport, folder: Path) -> StoreReport:
    file = folder / DATABASE
    parts = [part for part in (file, file.with_name(f"{DATABASE}-wal")) if part.exists()]
    modes = [path.stat().st_mode & 0o777 for path in (folder, file)]
    return msgspec.structs.replace(
        report,
        size_bytes=sum(part.stat().st_size for part in parts),
        folder_mode=f"{modes[0]:04o}",
        file_mode=f"{modes[1]:04o}",
        is_open_to_others=os.name == "posix" and any(mode & 0o077 for mode in modes),
        set_aside=tuple(sorted(path.name for path in folder.glob(f"{DATABASE}.damaged-*"))),
        open_by=_open_by(file),
    )


def _opened(report: StoreReport, file: Path) -> StoreReport:
    try:
        with closing(
            sqlite3.connect(f"{file.as_uri()}?mode=rw", timeout=BUSY_S, isolation_level=None, uri=True)
        ) as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > len(schema.MIGRATIONS):
                return _in_memory(report, "newer")
            db.execute("BEGIN IMMEDIATE")
            db.execute(f"PRAGMA user_version = {version}")  # to begin is granted on a read-only place too
            rows = _rows(db)
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        return _in_memory(report, _trouble(error), error_name(error))
    return msgspec.structs.replace(report, state="on_disk", rows=rows)


def _rows(db: sqlite3.Connection) -> dict[str, int]:
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    return {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}  # noqa: S608


def _trouble(error: sqlite3.Error) -> StoreTrouble:
    name = error_name(error)
    if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
        return "damaged"
    if name.startswith("SQLITE_READONLY"):
        return "read_only"
    return "busy" if name.startswith("SQLITE_BUSY") else "refused"


def _in_memory(report: StoreReport, trouble: StoreTrouble, reason: str | None = None) -> StoreReport:
    return msgspec.structs.replace(report, state="in_memory", trouble=trouble, reason=reason)


def _open_by(file: Path) -> int | None:
    """Count the processes of this user that have *file* open; None where the system doesn't tell."""
    try:
        processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return None
    return sum(_has_open(process, str(file.resolve())) for process in processes)


def _has_open(process: Path, file: str) -> bool:
    try:
        return any(link.readlink() == Path(file) for link in (process / "fd").iterdir())
    except OSError:
        return False  # another user's, or it has just ended
