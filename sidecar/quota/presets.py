"""The presets that we ship: one TOML file each in `presets/`, read by name. Users' own are the same."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from sidecar.quota.mapping import Mapping
from sidecar.quota.mapping_checks import MappingError, from_data

_FOLDER: Final = files("sidecar.quota") / "presets"
_OWN: Final = re.compile(r"^providers = \[(.*)\]", re.MULTILINE)
_PASSIVE: Final = re.compile(r"^requests = \[\]", re.MULTILINE)
_AT: Final = re.compile(r" \(at line (\d+), column \d+\)")
_TABLE: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY: Final = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART: Final = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


@cache
def names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    entries = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml")))


@cache
def text(name: str) -> str:
    """Return the file of the preset *name*; raise KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    return (_FOLDER / f"{name}.toml").read_text("utf-8")


@cache
def load(name: str) -> Mapping:
    """Return the preset *name*; raise KeyError when there is none."""
    return parse(text(name))


@cache
def listening() -> dict[str, Mapping]:
    """Return the presets that read ordinary answers of providers that nobody has configured."""
    # Parsed are only those: all together would take a new process longer than its handshake.
    return {name: load(name) for name in names() if _PASSIVE.search(text(name)) and _OWN.search(text(name))}


@cache
def asking() -> dict[str, tuple[str, ...]]:
    """Return by provider id which presets ask what is left there, without parsing them."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names():
        if (own := _OWN.search(text(name))) and not _PASSIVE.search(text(name)):
            for provider_id in re.findall(r'"([^"]+)"', own[1]):
                found[provider_id] = (*found.get(provider_id, ()), name)
    return found


def listening_to(provider_id: str) -> list[str]:
    """Return which presets read *provider_id*'s ordinary answers: its own before those for everybody."""
    found = [name for name, mapping in listening().items() if _is_meant(mapping.providers, provider_id)]
    return sorted(found, key=lambda name: provider_id not in listening()[name].providers)


def _is_meant(globs: list[str], provider_id: str) -> bool:
    """Say whether *provider_id* is meant: by one of the globs, and by none that starts with `!`."""
    if any(glob.startswith("!") and fnmatchcase(provider_id, glob[1:]) for glob in globs):
        return False
    return any(fnmatchcase(provider_id, glob) for glob in globs)


@lru_cache(maxsize=128)
def parse(toml: str) -> Mapping:
    """Return the mapping that *toml* describes; raise `MappingError`."""
    try:
        data = tomllib.loads(toml)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        at = _AT.search(str(error))
        reason = _AT.sub("", str(error))
        fault = f"it is not TOML: {reason[:1].lower()}{reason[1:]}{_cure(toml, reason)}"
        raise MappingError("", fault, int(at[1]) if at else None) from error
    try:
        return from_data(data)
    except MappingError as error:
        raise MappingError(error.place, error.reason, _line_of(toml, error.place)) from error


def _cure(toml: str, message: str) -> str:
    """Name the mistake that most people made."""
    if toml.lstrip().startswith("{"):
        return "; this is JSON: give the file a name that ends in .json, or put it into `mapping`"
    if "Invalid value" in message:
        return "; every value but numbers and true or false stands in quotes"
    if "Expected newline" in message:
        return "; quotes inside a value need the other kind around it: 'headers.\"x-name\"'"
    return ""


def _line_of(toml: str, place: str) -> int | None:
    """Return the line in *toml* of *place* (as in a `MappingError`), else of what it stands in."""
    lines = dict(_places(toml))
    steps = re.findall(r"[.\[]?[^.\[]+", place)
    for count in range(len(steps), 0, -1):
        if line := lines.get("".join(steps[:count])):
            return line
    return None


def _places(toml: str) -> Iterator[tuple[str, int]]:
    """Yield the place of every table and key that stands at the start of a line of valid *toml*."""
    table, counts = "", Counter[str]()
    for number, line in enumerate(_without_long_texts(toml).split("\n"), 1):
        if header := _TABLE.match(line):
            name = _joined(header[2])
            if header[1] == "[[":
                table = f"{name}[{counts[name]}]"
                counts[name] += 1
            else:
                parent, dot, rest = name.partition(".")  # of the last of its kind
                table = f"{parent}[{counts[parent] - 1}]{dot}{rest}" if counts[parent] else name
            yield table, number
        elif key := _KEY.match(line):
            yield f"{table}.{_joined(key[1])}".lstrip("."), number


def _joined(key: str) -> str:
    """Return a key of TOML without its quotes and spaces."""
    return ".".join(part.strip("\"'") for part in _PART.findall(key))


def _without_long_texts(toml: str) -> str:
    """Leave out what stands in texts of several lines, but for the ends of lines."""
    return re.sub(r"(\"{3}|'{3}).*?\1", lambda text: "\n" * text[0].count("\n"), toml, flags=re.DOTALL)
