"""Reads JSON with comments into plain data, and says on which line each value stands."""

import json
import re
from typing import Any, Final

import pyjson5
from msgspec import Struct

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
"""Where a value is: keys of objects and indexes of lists, outermost first."""

_TOKEN: Final = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
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


class _Level(Struct):
    path: Path
    is_list: bool
    index: int = 0
    key: str | None = None


def decode(raw: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return the plain data of *raw*; comments and trailing commas are fine."""
    if len(raw) > max_bytes:
        raise JsoncError(f"it is larger than {max_bytes // 1024:,} KiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise JsoncError("it is not UTF-8") from error
    if not text.strip():
        return {}
    try:
        return pyjson5.decode(text, MAX_DEPTH)
    except pyjson5.Json5EOF as error:
        if not _has_tokens(text):  # nothing but comments
            return {}
        raise JsoncError("it is not valid JSON", _line_of(text, error)) from error
    except pyjson5.Json5NestingTooDeep as error:
        raise JsoncError("it is nested too deeply") from error
    except pyjson5.Json5Exception as error:
        raise JsoncError("it is not valid JSON", _line_of(text, error)) from error


def lines(raw: bytes) -> dict[Path, int]:
    """Return the line of every value in valid *raw*, by the value's path."""
    found: dict[Path, int] = {}
    stack: list[_Level] = []
    line = 1
    for match in _TOKEN.finditer(raw.decode("utf-8-sig", "replace")):
        kind, symbol = match.lastgroup, match.group()
        if kind != "skip":
            _take(symbol, kind == "punct", line, stack, found)
        line += symbol.count("\n")
    return found


def _take(symbol: str, is_punctuation: bool, line: int, stack: list[_Level], found: dict[Path, int]) -> None:
    level = stack[-1] if stack else None
    if not is_punctuation:
        if level and not level.is_list and level.key is None:
            level.key = _plain(symbol)
        else:
            found.setdefault(_place(level), line)
    elif symbol in "{[":
        path = _place(level)
        found.setdefault(path, line)
        stack.append(_Level(path, is_list=symbol == "["))
    elif symbol in "}]" and stack:
        stack.pop()
    elif symbol == "," and level:
        level.index, level.key = level.index + 1, None


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


def _line_of(text: str, error: pyjson5.Json5Exception) -> int | None:
    # Only the first argument is the message; the others hold what was decoded so far, keys included.
    near = re.search(r"near (\d+)", str(error.args[0]))
    return text.count("\n", 0, int(near.group(1)) - 1) + 1 if near else None
