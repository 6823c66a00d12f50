"""Reads the refusals that somebody recorded, one JSON object a line."""

import json
from typing import Any

from sidecar.core.failure import Refusal
from sidecar.plain import is_list, is_object
from sidecar.texts import classification as words


class RefusalLineError(ValueError):
    """A line that holds no refusal; its text says why."""


def read_refusal(line: bytes) -> Refusal:
    """Return the refusal that *line* holds; keys that are null or unknown are left out."""
    try:
        # Not msgspec: recordings hold lone surrogates, and a provider's body may, too.
        row = json.loads(line.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise RefusalLineError(words.not_json()) from error
    if not is_object(row):
        raise RefusalLineError(words.not_an_object())
    return Refusal(
        provider=_text(row, "provider"),
        status=_status(row.get("status")),
        headers=_headers(row.get("headers")),
        body=_body(row.get("body")),
        message=_text(row, "message"),
        error_name=_text(row, "error_name"),
    )


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusalLineError(words.wrong_kind(key, "a text"))
    return value


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal():  # as some logs write it
        value = float(value[:9])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise RefusalLineError(words.wrong_kind("status", "a whole number"))


def _headers(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not is_object(value):
        raise RefusalLineError(words.wrong_kind("headers", "an object"))
    return {name: _header(item) for name, item in value.items()}


def _header(value: Any) -> str:
    if is_list(value) and value:  # several of one name: what was said first
        value = value[0]
    return value if isinstance(value, str) else json.dumps(value)


def _body(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
