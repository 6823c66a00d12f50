"""Converts plain data into structs, entry by entry: a bad entry is reported with its place, and skipped."""

import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from sidecar.adapters.jsonc import Path
from sidecar.plain import is_list, is_object
from sidecar.texts import problems as words

S = TypeVar("S", bound=Struct)

IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{,40}")
_NO_CHOICE: Final = re.compile(r"Invalid enum value '(.*)'")
_AT: Final = re.compile(r" - at `\$?(.*)`$")


class Finding(Struct, frozen=True):
    """Something wrong at a path within one document."""

    path: Path
    message: str


def convert_entries(kind: type[S], data: Any, path: Path, found: list[Finding]) -> S:
    """Return *data* as *kind*; maps, and lists of structs, are converted item by item.

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
    origin = get_origin(container)
    item = get_args(container)[-1] if origin in (list, dict) else None
    if origin is not dict and not _is_struct(item):
        return _convert(kind, data, path, found)
    if not isinstance(data, origin or dict):
        found.append(Finding(path, words.not_an_object("a list" if origin is list else "an object")))
        return msgspec.UNSET
    if is_list(data):
        rows = (_item(item, row, (*path, index), found) for index, row in enumerate(data))
        return [row for row in rows if row is not msgspec.UNSET]
    pairs = {key: _item(item, row, (*path, key), found) for key, row in data.items()}
    return {key: row for key, row in pairs.items() if row is not msgspec.UNSET}


def _item(kind: Any, data: Any, path: Path, found: list[Finding]) -> Any:
    if _is_struct(kind):
        found.extend(_unknown_within(kind, data, path))
    return _convert(kind, data, path, found)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _convert(kind: Any, data: Any, path: Path, found: list[Finding]) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason, steps = _reason_and_steps(kind, data, error)
        wrong = _NO_CHOICE.fullmatch(reason)
        choices = _choices(kind, steps) if wrong else ()
        message = words.no_choice(wrong[1], choices) if wrong and choices else words.invalid(reason)
        found.append(Finding((*path, *steps), message))
        return msgspec.UNSET


def _choices(kind: Any, steps: Path) -> tuple[str, ...]:
    """Return the words that may stand at *steps* below a value of *kind*; none if not only such may."""
    kind = _kind_at(kind, steps)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _kind_at(kind: Any, steps: Path) -> Any:
    """Return what stands at *steps* below a value of *kind*: of several kinds the first."""
    for step in (*steps, None):
        while get_origin(kind) in (Annotated, Union, UnionType):
            kind = next(part for part in get_args(kind) if part is not NoneType)
        if isinstance(step, int):
            kind = next(iter(get_args(kind)), None)
        elif step is not None and get_origin(kind) is dict:
            kind = get_args(kind)[-1]
        elif step is not None and _is_struct(kind):
            fields = msgspec.structs.fields(kind)
            kind = next((field.type for field in fields if field.encode_name == step), None)
    return kind


def _reason_and_steps(kind: Any, data: Any, error: msgspec.ValidationError) -> tuple[str, Path]:
    """Return what is wrong, and where below *data*, which could not be converted to *kind*."""
    reason = str(error)
    inner = _AT.search(reason)
    where, hole, _ = inner.group(1).partition("[...]") if inner else ("", "", "")
    steps = tuple(steps_of(where))
    reason = _AT.sub("", reason)
    if not hole:
        return reason, steps
    # It doesn't say which of a map's values it is.
    for step in steps:
        data = data[step]
    kind = _kind_at(kind, (*steps, ""))
    for key, value in data.items():
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as inner_error:
            return reason, (*steps, key, *_reason_and_steps(kind, value, inner_error)[1])
    return reason, steps


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
