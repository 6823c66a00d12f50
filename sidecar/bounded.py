"""Dictionaries that can't grow for ever: what was put first goes first."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def put_last(rows: dict[K, V], key: K, value: V, most: int) -> None:
    """Put a row behind all others of *rows*, and drop the first while there are more than *most*."""
    rows.pop(key, None)
    rows[key] = value
    while len(rows) > most:
        del rows[next(iter(rows))]
