"""Mappings of one window, and what they read."""

from typing import Any

from sidecar.quota.mapping import Context, Mapping, Reply, read
from sidecar.quota.mapping_checks import from_data
from sidecar.quota.windows import Window

NOW = 1_795_219_200.0
"""2026-11-21T00:00:00Z"""
HOUR, DAY = 3600.0, 86400.0


def mapping_of(**fields: Any) -> Mapping:
    return from_data({"windows": [{"name": "w", "unit": "credits", **fields}]})


def windows(mapping: Mapping, body: object, headers: dict[str, str] | None = None) -> list[Window]:
    return read(mapping, Reply(body, headers or {}), Context(NOW)).windows


def only(body: object, **fields: Any) -> Window:
    """Return the one window that a mapping with *fields* finds in *body*."""
    (window,) = windows(mapping_of(**fields), body)
    return window
