"""What a command prints for a script: JSON with snake_case names and ISO times, absent where unknown."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from sidecar.plain import is_list, is_object


def as_json(value: Any) -> str:
    """Return *value*, a struct or a list of them, as indented JSON.

    A float that is named `at` or `*_at` is Unix seconds, and is written as a time.
    """
    return msgspec.json.format(as_json_line(value).encode(), indent=2).decode()


def as_json_line(value: Any) -> str:
    """Return the same in one line."""
    plain = msgspec.json.decode(msgspec.json.encode(value))
    return msgspec.json.encode(_with_times(plain)).decode()


def _with_times(value: object, key: str = "") -> object:
    if is_object(value):
        return {name: _with_times(item, name) for name, item in value.items()}
    if is_list(value):
        return [_with_times(item) for item in value]
    if isinstance(value, float) and (key == "at" or key.endswith("_at")):
        return iso(value)
    return value


def iso(at: float) -> str:
    """Return Unix seconds as a time in UTC: `2026-11-21T13:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
