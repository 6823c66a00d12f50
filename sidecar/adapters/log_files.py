"""Reads what the last sidecars have left in their logs.

The shim writes one file per process of OpenCode: the sidecar's own lines (JSON with a `level`), the shim's
notes (JSON with `"logger": "shim"`), and whatever else the sidecar's process wrote to stderr, such as the
complaint of a Python that can't start.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.adapters import files
from sidecar.adapters.paths import shorten
from sidecar.core.redaction import gives_away
from sidecar.plain import is_list, is_object
from sidecar.texts.doctor_data import LogLine, LogReport, PreparationReport

LINES: Final = 5
MAX_FILES: Final = 10
MAX_BYTES: Final = 2 << 20
MAX_TEXT: Final = 300
HOUR_S: Final = 3600.0

_FILE: Final = re.compile(r"\d+\.log")
_STARTED: Final = "sidecar_spawned"
_FAILED: Final = frozenset({"error", "critical", "sidecar_dead", "hook_failed"})
_WARNED: Final = frozenset(
    {"warning", "sidecar_killed", "sidecar_suspect", "command_ignored", "toast_refused"}
)
"""Levels of the sidecar's lines, and events of the shim's notes, which have no level."""

_PREPARATION: Final = ("preparation_began", "preparation_ended")

_SAYS: Final = ("what", "reason", "why", "kind", "detail", "hook", "error", "suffix")
"""The fields of a line that say what happened; no other is shown."""


class _Entry(Struct, frozen=True):
    line: LogLine
    event: str
    is_told: bool
    """It is of level warning or above."""
    preparation: PreparationReport | None = None


def read_logs(
    folder: Path, environ: Mapping[str, str], now: float, secrets: Iterable[str], marker: str
) -> LogReport:
    """Describe the newest files in *folder*; *marker* replaces a text that holds part of one of *secrets*."""
    secrets = list(secrets)
    entries: list[_Entry] = []
    newest = _newest(folder)
    for path, changed_at in newest:
        entries += _entries(path, changed_at)
    entries.sort(key=lambda entry: entry.line.at or 0.0)
    recent = [entry for entry in entries if entry.line.at is not None and now - entry.line.at <= HOUR_S]
    told = [entry.line for entry in entries if entry.is_told][-LINES:]
    prepared = [entry.preparation for entry in entries if entry.preparation]
    return LogReport(
        folder=shorten(folder, environ),
        files=len(newest),
        starts_last_hour=sum(entry.event == _STARTED for entry in recent),
        failures_last_hour=sum(entry.line.is_failure for entry in recent),
        lines=tuple(_without_secrets(line, secrets, marker) for line in told),
        preparation=prepared[-1] if prepared else None,
    )


def _newest(folder: Path) -> list[tuple[Path, float]]:
    try:
        found = [(path, path.stat().st_mtime) for path in folder.iterdir() if _FILE.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda pair: -pair[1])[:MAX_FILES]


def _entries(path: Path, changed_at: float) -> Iterator[_Entry]:
    """Yield the file's lines; of lines that are no JSON in a row the last one, which says the most."""
    try:
        text = files.read(path, MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    raw, at = "", None
    for line in text.splitlines():
        data = _decode(line)
        if data is None:
            raw = line.strip() or raw
            continue
        before, at = at, _instant(data.get("timestamp"))
        if raw:
            yield _raw(path, raw, before or at or changed_at)
        raw = ""
        yield _entry(path, data, at)
    if raw:
        yield _raw(path, raw, at or changed_at)


def _entry(path: Path, data: dict[str, Any], at: float | None) -> _Entry:
    event = str(data.get("event", ""))
    rank = event if data.get("logger") == "shim" else str(data.get("level", ""))
    is_failure = rank in _FAILED
    said = [event, *(f"{name}={data[name]}" for name in _SAYS if isinstance(data.get(name), str | int))]
    raised = data.get("exception")
    if is_list(raised) and raised and is_object(raised[0]):
        said.append(f"{raised[0].get('exc_type')}: {raised[0].get('exc_value')}")
    line = LogLine(path.name, " ".join(said)[:MAX_TEXT], at, is_failure)
    return _Entry(line, event, is_failure or rank in _WARNED, _preparation(event, data, at))


def _preparation(event: str, data: dict[str, Any], at: float | None) -> PreparationReport | None:
    if event not in _PREPARATION:
        return None
    kind, detail, command = (str(data.get(name, ""))[:MAX_TEXT] for name in ("kind", "detail", "command"))
    return PreparationReport(kind or "began", detail, command, at)


def _raw(path: Path, text: str, at: float) -> _Entry:
    return _Entry(LogLine(path.name, text[:MAX_TEXT], at), "", is_told=True)


def _decode(line: str) -> dict[str, Any] | None:
    try:
        data = msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None
    return data if is_object(data) else None


def _instant(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):  # the last is Windows', for years out of its reach
        return None


def _without_secrets(line: LogLine, secrets: list[str], marker: str) -> LogLine:
    return msgspec.structs.replace(line, text=marker) if gives_away(line.text, secrets) else line
