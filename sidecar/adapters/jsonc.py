"""Reads JSON with comments into plain data, and says on which line each value stands."""

import codecs
import json
import re
from functools import lru_cache
from typing import Any, Final

import pyjson5
from msgspec import Struct

from sidecar.texts import json_faults as words

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
"""Where a value is: keys of objects and indexes of lists, outermost first."""

_TOKEN: Final = re.compile(
    r"""(?P<skip>\s+|//[^\r\n\u2028\u2029]*|/\*.*?\*/)
      |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      |(?P<punct>[{}\[\]:,])
      |(?P<bare>[^\s{}\[\]:,"'/]+)
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class JsoncError(ValueError):
    """Text that is not JSON; `line` is where it goes wrong, when that is known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        """Take the *reason* in a few words."""
        super().__init__(reason)
        self.reason = reason
        self.line = line


class Lines(Struct, frozen=True):
    """Where the values of a text stand."""

    of: dict[Path, int]
    """The line of each value's key; where there is none, in which it begins. 1 is the first."""
    twice: dict[Path, int]
    """Keys that their object has already, and the line of the one before, which doesn't count."""


class _Level(Struct):
    path: Path
    is_list: bool
    index: int = 0
    key: str | None = None
    keys: dict[str, int] = {}


def decode(raw: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return the plain data of *raw*; comments and trailing commas are fine."""
    if len(raw) > max_bytes:
        raise JsoncError(f"it is larger than {max_bytes // 1024:,} KiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_other = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        line = None if is_other else _line_at(raw[: error.start].decode("utf-8-sig"))
        raise JsoncError(words.utf_16() if is_other else words.not_utf_8(), line) from error
    if not text.strip():
        return {}
    try:
        return pyjson5.decode(text, MAX_DEPTH)
    except pyjson5.Json5EOF as error:
        if not _has_tokens(text):  # nothing but comments
            return {}
        raise _invalid(text, error) from error
    except pyjson5.Json5NestingTooDeep as error:
        raise JsoncError("it is nested too deeply") from error
    except pyjson5.Json5Exception as error:
        raise _invalid(text, error) from error


@lru_cache(maxsize=8)  # the same few files are read at each command
def lines(raw: bytes) -> Lines:
    """Return the line of every value in valid *raw*, by the value's path."""
    found = Lines({}, {})
    stack: list[_Level] = []
    line = 1
    for match in _TOKEN.finditer(raw.decode("utf-8-sig", "replace")):
        kind, symbol = match.lastgroup, match.group()
        if kind != "skip":
            _take(symbol, kind == "punct", line, stack, found)
        line += _breaks(symbol)
    return found


def _take(symbol: str, is_punctuation: bool, line: int, stack: list[_Level], found: Lines) -> None:
    level = stack[-1] if stack else None
    if not is_punctuation and level and not level.is_list and level.key is None:
        _take_key(_plain(symbol), line, level, found)
    elif not is_punctuation or symbol in "{[":
        path = _place(level)
        if level is None or level.is_list:
            found.of[path] = line
        if is_punctuation:
            stack.append(_Level(path, is_list=symbol == "["))
    elif symbol in "}]" and stack:
        stack.pop()
    elif symbol == "," and level:
        level.index, level.key = level.index + 1, None


def _take_key(key: str, line: int, level: _Level, found: Lines) -> None:
    level.key = key
    path = _place(level)
    if key in level.keys:
        found.twice[path] = level.keys[key]
    level.keys[key] = found.of[path] = line


def _place(level: _Level | None) -> Path:
    if level is None:
        return ()
    return (*level.path, level.index if level.is_list else level.key or "")


def _has_tokens(text: str) -> bool:
    return any(match.lastgroup != "skip" for match in _TOKEN.finditer(text))


def _plain(symbol: str) -> str:
    if symbol[0] == '"':
        try:
            return str(json.loads(symbol))
        except ValueError:
            return symbol[1:-1]
    return symbol[1:-1] if symbol[0] == "'" else symbol


def _invalid(text: str, error: pyjson5.Json5Exception) -> JsoncError:
    if "\0" in text:  # every other character of the simple ones, in UTF-16
        return JsoncError(words.utf_16())
    # Only the first argument is the message; the others hold what was decoded so far, keys included.
    message = str(error.args[0])
    near = re.search(r"near (\d+)", message)
    if near is None:
        return JsoncError(words.not_json(message))
    at = int(near.group(1)) - 1
    if isinstance(error, pyjson5.Json5ExtraData):  # that is where the value ends
        rest = (match.start() for match in _TOKEN.finditer(text, at + 1) if match.lastgroup != "skip")
        at = next(rest, at)
    return JsoncError(words.not_json(message), _line_at(text[:at]))


def _line_at(before: str) -> int:
    """Return the line of what follows *before*."""
    return _breaks(before) + 1


def _breaks(text: str) -> int:
    """Count the line breaks in *text*, as editors do: CR and LF together are one."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")
