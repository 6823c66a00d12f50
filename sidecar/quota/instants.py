"""Reads the instants that replies carry: ISO 8601, HTTP dates, or Unix seconds, milliseconds and finer."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote

from sidecar.quota.windows import as_number

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_ASIDE: Final = re.compile(r"\s*(?:\[[^\[]*\]|\([^(]*\))$")
"""What Java and JavaScript add: `[Asia/Shanghai]`, `(Central European Time)`."""
_DATE: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", re.ASCII)
_HALF: Final = re.compile(r"\b(1[0-2]|0?[1-9])(:[0-5]\d(?::[0-5]\d)?)\s?([AP])\.?M\b\.?", re.IGNORECASE)
"""`8:00 PM`."""
_ZONE: Final = re.compile(r"\s*(?:([+-]\d\d:?\d\d)(?:\s[A-Z]{3,4})?|Z|UTC|GMT)$")
"""A zone after a space, or twice: `+0000 UTC`, as programs in Go print a time."""


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
    if not isinstance(value, str) or not 8 <= len(value) <= 80:
        return None
    text = unquote(value).strip()  # headers that look like queries write 00%3A00%3A00
    text = _HALF.sub(_of_24_hours, _ASIDE.sub("", text))
    try:
        moment = _from_iso(text) if text[:4].isdecimal() else _from_words(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _from_iso(text: str) -> datetime:
    """Read a date that starts with its year, and what may follow it."""
    date = _DATE.match(text)
    if date:
        text = f"{date[1]}-{date[2]:0>2}-{date[3]:0>2}{text[date.end() :]}"
    zone = _ZONE.search(text) if ":" in text else None
    if zone:
        text = text[: zone.start()] + (zone[1] or "Z")
    return datetime.fromisoformat(text)


def _from_words(text: str) -> datetime:
    """Read `Tue, 01 Dec 2026 00:00:00 GMT`, `Tue Dec 01 2026 01:00:00 GMT+0100` or `December 1, 2026`."""
    text = re.sub(r"(?:GMT|UTC)(?=[+-]\d{4}$)| at\b", "", text)
    return parsedate_to_datetime(text if ":" in text else f"{text} 00:00:00")


def _of_24_hours(match: re.Match[str]) -> str:
    hour = int(match[1]) % 12 + (12 if match[3].upper() == "P" else 0)
    return f"{hour:02}{match[2]}"
