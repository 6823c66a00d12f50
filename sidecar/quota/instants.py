"""Reads the instants that replies carry: ISO 8601, HTTP dates, or Unix seconds, milliseconds and finer."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote

from sidecar.quota.windows import as_number

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_GO_ZONE: Final = re.compile(r" ([+-]\d{4} )?(UTC|GMT|[A-Z]{3,4})$")


def as_instant(value: object) -> float | None:
    """Return Unix seconds, or None for what is no sane instant. ISO without a zone is taken as UTC."""
    number = as_number(value)
    if number is None:
        number = _from_text(value)
    if number is None:
        return None
    seconds = float(number)
    for _ in range(3):  # milliseconds, microseconds, nanoseconds
        if seconds > _LATEST:
            seconds /= 1000
    return seconds if _EARLIEST <= seconds <= _LATEST else None


def _from_text(value: object) -> float | None:
    if not isinstance(value, str) or not 10 <= len(value) <= 50:
        return None
    text = unquote(value).strip()  # headers that look like queries write 00%3A00%3A00
    try:
        moment = datetime.fromisoformat(text) if text[:1].isdigit() else parsedate_to_datetime(text)
    except ValueError:
        moment = _from_go(text)
    try:
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _from_go(text: str) -> datetime | None:
    """Read `2026-12-01 00:00:00 +0000 UTC`, as programs in Go print a time."""
    zone = _GO_ZONE.search(text)
    if zone is None or (zone[1] is None and zone[2] not in ("UTC", "GMT")):
        return None
    try:
        return datetime.fromisoformat(text[: zone.start()] + (zone[1] or "").strip())
    except ValueError:
        return None
