"""Reads the instants that replies carry: ISO 8601 with a zone, or Unix seconds or milliseconds."""

from datetime import UTC, datetime
from typing import Final

from sidecar.quota.windows import as_number

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


def as_instant(value: object) -> float | None:
    """Return Unix seconds, or None for what is no sane instant. ISO without a zone is taken as UTC."""
    number = as_number(value)
    if number is None:
        number = _from_iso(value)
    if number is None:
        return None
    seconds = float(number) / 1000 if number > _LATEST else float(number)
    return seconds if _EARLIEST <= seconds <= _LATEST else None


def _from_iso(value: object) -> float | None:
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None
