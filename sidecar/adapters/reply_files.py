"""Reads what is given to `quota-sidecar map`: a mapping, recorded replies, headers, parameters, a time."""

import json
import re
from collections.abc import Iterable
from collections.abc import Mapping as AbcMapping
from pathlib import Path
from typing import Any

from sidecar.adapters import jsonc
from sidecar.adapters.paths import Places
from sidecar.adapters.preset_files import PresetFiles, PresetRefusedError
from sidecar.plain import is_list, is_object
from sidecar.quota import presets
from sidecar.quota.exchange import Exchange
from sidecar.quota.instants import as_instant
from sidecar.quota.mapping import Context, Mapping, Reply
from sidecar.quota.mapping_checks import MappingError, from_data
from sidecar.texts import problems as words


class InputError(ValueError):
    """Something that was given can't be used; the message names it, and the cure."""


def preset(places: Places, name: str) -> Mapping:
    """Return the preset *name*, the user's own or ours."""
    known = PresetFiles(places.config)
    try:
        return known.load(name)
    except KeyError as error:
        raise InputError(words.unknown_preset(name, known.names())) from error
    except PresetRefusedError as error:
        problem = error.problem
        raise InputError(words.placed(problem.file, problem.line, problem.path, problem.message)) from error


def mapping(file: Path) -> Mapping:
    """Return the mapping in *file*: TOML, or JSON by its name."""
    text = _text(file)
    try:
        return from_data(jsonc.decode(text.encode())) if _is_json(file) else presets.parse(text)
    except jsonc.JsoncError as error:
        raise InputError(words.placed(str(file), error.line, None, error.reason)) from error
    except MappingError as error:
        raise InputError(
            words.placed(str(file), error.line, error.place, words.plainly(error.reason))
        ) from error


def _is_json(file: Path) -> bool:
    return file.suffix in (".json", ".jsonc")


def headers(file: Path) -> dict[str, str]:
    """Return the headers in *file*, by lower-case name: `name: value` lines as curl -D writes, or JSON."""
    found = _headers(_text(file), str(file))
    if not found:
        raise InputError(f"{file}: it holds no headers; curl -D writes them as `name: value` lines")
    return found


def _headers(text: str, source: str) -> dict[str, str]:
    if not text.lstrip().startswith("{"):
        last = re.split(r"\r?\n(?=HTTP/)", text)[-1]  # curl -L writes one block for each redirect too
        return _joined(line.split(":", 1) for line in last.splitlines() if ":" in line)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: {error}") from error
    rows = data["headers"] if is_object(data.get("headers")) else data
    return _joined(
        (name, item) for name, value in rows.items() for item in (value if is_list(value) else [value])
    )


def parameters(pairs: list[str], mapping: Mapping) -> dict[str, str]:
    """Return `NAME=VALUE` pairs as a dictionary, checked against what *mapping* declares."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in mapping.config:
            known = ", ".join(mapping.config) or "none"
            raise InputError(f"--config {pair}: write NAME=VALUE; the mapping knows {known}")
        found[name] = value
    return found


def instant(text: str) -> float:
    """Return the Unix seconds of an ISO time."""
    moment = as_instant(text)
    if moment is None:
        raise InputError(f"--now {text}: write it like 2026-11-21T00:00:00Z")
    return moment


def answered(
    mapping: Mapping, config: AbcMapping[str, str], raw: bytes, headers: dict[str, str], now: float
) -> tuple[Reply, Context]:
    """Return what expressions see when *raw* was the answer: the last reply, or one for each request.

    Where only headers are read, they may be *raw* themselves.
    """
    if mapping.is_passive:
        return Reply(None, headers or _headers(raw.decode("utf-8-sig", "replace"), "stdin")), Context(
            now, {}, config
        )
    exchange = Exchange(mapping, config)
    for body in _bodies(mapping, raw):
        exchange.answer(Reply(body, headers), now)
    return exchange.whole(), exchange.context(now)


def _bodies(mapping: Mapping, raw: bytes) -> list[Any]:
    """Return the body of each request's reply."""
    documents, wanted = _documents(raw), len(mapping.requests)
    if len(documents) == 1 and wanted > 1:
        named = documents[0] if mapping.requests[0].name else None
        if is_object(named):
            return [named.get(request.name or "") for request in mapping.requests]
        return [None] * (wanted - 1) + documents
    if len(documents) > 1 and len(documents) != wanted:
        requests = "request" if wanted == 1 else "requests"
        raise InputError(f"stdin holds {len(documents)} replies; the mapping makes {wanted} {requests}")
    return documents or [None] * wanted


def _documents(raw: bytes) -> list[Any]:
    """Return the JSON texts that stand one after another in *raw*."""
    if raw.startswith(b"HTTP/"):
        raise InputError("stdin starts with headers; leave out curl's -i, and give them with --headers")
    decoder = json.JSONDecoder()
    try:
        text = raw.decode("utf-8-sig").strip()
        found: list[Any] = []
        while text:
            value, end = decoder.raw_decode(text)
            found.append(value)
            text = text[end:].lstrip()
    except (ValueError, RecursionError) as error:
        raise InputError(f"the reply on stdin is not JSON: {str(error) or 'nested too deeply'}") from error
    return found


def _joined(pairs: Iterable[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        key = str(name).strip().lower()
        found[key] = f"{found[key]}, {str(value).strip()}" if key in found else str(value).strip()
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: it is not UTF-8") from error
