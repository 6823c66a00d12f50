"""The recorded replies of `data/gateways.jsonl`, and what we read of them."""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from sidecar.quota import presets
from sidecar.quota.exchange import Exchange
from sidecar.quota.instants import as_instant
from sidecar.quota.mapping import Context, Mapping, Reading, Reply, read
from sidecar.quota.windows import Window

NOW: Final = 1_795_219_200.0
"""2026-11-21T00:00:00Z, which all of them were recorded for."""

Row = dict[str, Any]

RECORDED: Final[list[Row]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "gateways.jsonl").read_text("utf-8").splitlines()
]


def id_of(row: Row) -> str:
    return f"{row['preset']}: {row.get('variant', 'as recorded')}"


def config_of(mapping: Mapping) -> dict[str, str]:
    """Return a value for everything that *mapping* asks the user for."""
    return {name: f"my {name}" for name in mapping.config}


def bodies_of(row: Row) -> list[Any]:
    """Return the bodies of a fetched row, one for each request of its preset; None for a failure."""
    mapping = presets.load(row["preset"])
    if "replies" in row:
        return row["replies"]
    if any(request.name for request in mapping.requests):
        return [row["example"].get(request.name) for request in mapping.requests]
    return [*[None] * (len(mapping.requests) - 1), row["example"]]


def at_loopback(folder: Path, name: str, origin: str) -> None:
    """Put our preset *name* into the user's own folder, as it is but for where its service is."""
    base = presets.load(name).base_url or ""
    folder.mkdir(exist_ok=True)
    text = presets.text(name).replace(base, origin + urlsplit(base).path, 1)
    (folder / f"{name}.toml").write_text(text, "utf-8")


def reading_of(row: Row) -> Reading:
    """Return what the preset of *row* reads."""
    mapping = presets.load(row["preset"])
    if mapping.is_passive:
        return read(mapping, Reply(None, row["example"]["headers"]), Context(NOW))
    exchange = Exchange(mapping, config_of(mapping))
    for body in bodies_of(row):
        exchange.answer(Reply(body, {}), NOW)
    assert exchange.next() is None
    return exchange.reading(NOW)


def rounded(window: Window) -> Window:
    """Return *window* as the recorded ones are written: to the second, and six digits."""
    fields = msgspec.structs.asdict(window)
    figures = {name: round(value, 6) for name, value in fields.items() if isinstance(value, float)}
    resets_at = None if window.resets_at is None else float(int(window.resets_at))
    return msgspec.structs.replace(window, **(figures | {"resets_at": resets_at}))


def expected(row: Row) -> list[Window]:
    """Return the windows of *row* as we keep them: instants are Unix seconds."""
    return [
        msgspec.convert(window | {"resets_at": as_instant(window.get("resets_at"))}, Window)
        for window in row["expected_windows"]
    ]
