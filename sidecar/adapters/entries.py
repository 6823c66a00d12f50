"""Converts plain data into structs, entry by entry: a bad entry is reported with its place, and skipped."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from sidecar.adapters.jsonc import Path
from sidecar.plain import is_list, is_object
from sidecar.texts import problems as words

S = TypeVar("S", bound=Struct)

IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{,40}")
_AT: Final = re.compile(r" - at `\$?(.*)`$")


class Finding(Struct, frozen=True):
    """Something wrong at a path within one document."""

    path: Path
    message: str


def convert_entries(kind: type[S], data: Any, path: Path, found: list[Finding]) -> S:
    """Return *data* as *kind*; lists and maps of structs are converted item by item.

    Only for a *kind* whose fields all have defaults: what can't be converted keeps its default.
    """
    if not is_object(data):
        found.append(Finding(path, words.not_an_object("an object")))
        data = {}
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found.extend(_unknown(data, fields, path))
    values: dict[str, Any] = {}
    for key in [key for key in data if key in fields]:
        value = _convert_field(fields[key].type, data[key], (*path, key), found)
        if value is not msgspec.UNSET:
            values[fields[key].name] = value
    return kind(**values)


def convert_entry(kind: type[S], data: Any, path: Path, found: list[Finding]) -> S | None:
    """Return *data* as *kind*, or None with a finding."""
    found.extend(_unknown_within(kind, data, path))
    value = _convert(kind, data, path, found)
    return value if isinstance(value, kind) else None


def _convert_field(kind: Any, data: Any, path: Path, found: list[Finding]) -> Any:
    container = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    item = get_args(container)[-1] if get_origin(container) in (list, dict) else None
    if item is None or not (isinstance(item, type) and issubclass(item, Struct)):
        return _convert(kind, data, path, found)
    if not isinstance(data, get_origin(container)):
        found.append(
            Finding(path, words.not_an_object("a list" if get_origin(container) is list else "an object"))
        )
        return msgspec.UNSET
    if is_list(data):
        rows = (convert_entry(item, row, (*path, index), found) for index, row in enumerate(data))
        return [row for row in rows if row is not None]
    pairs = {key: convert_entry(item, row, (*path, key), found) for key, row in data.items()}
    return {key: row for key, row in pairs.items() if row is not None}


def _convert(kind: Any, data: Any, path: Path, found: list[Finding]) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason, steps = reason_and_steps_of(error)
        found.append(Finding((*path, *steps), words.invalid(reason)))
        return msgspec.UNSET


def reason_and_steps_of(error: msgspec.ValidationError) -> tuple[str, Path]:
    """Return what is wrong, and where below the value that was converted."""
    reason = str(error)
    inner = _AT.search(reason)
    return _AT.sub("", reason), tuple(steps_of(inner.group(1))) if inner else ()


def _unknown_within(kind: type[Struct], data: Any, path: Path) -> Iterator[Finding]:
    """Name the unknown keys of *data*, and of the structs that it holds."""
    if not is_object(data):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    yield from _unknown(data, fields, path)
    for key in [key for key in data if key in fields]:
        rows: list[tuple[Path, Any]] = [((*path, key), data[key])]
        if is_list(data[key]):
            rows = [((*path, key, index), row) for index, row in enumerate(data[key])]
        for inner in _structs_in(fields[key].type):
            for place, row in rows:
                yield from _unknown_within(inner, row, place)


def _structs_in(kind: Any) -> Iterator[type[Struct]]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
    elif get_origin(kind) is not dict:
        for part in get_args(kind):
            yield from _structs_in(part)


def _unknown(data: dict[Any, Any], known: Any, path: Path) -> Iterator[Finding]:
    for key in data:
        if key not in known:
            yield Finding((*path, str(key)), words.unknown_key(str(key), known))


def steps_of(text: str) -> Iterator[str | int]:
    """Take apart what `spell` writes."""
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", text):
        yield name or int(index)


def spell(path: Path) -> str:
    """Write *path* as a user would: `gateways[1].baseURL`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif IDENTIFIER.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{words.quoted(step)}]"
    return text
