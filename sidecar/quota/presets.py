"""The presets that we ship: one TOML file each in `presets/`, read by name. Users' own are the same."""

import re
import tomllib
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from sidecar.quota.mapping import Mapping
from sidecar.quota.mapping_checks import MappingError, from_data

_FOLDER: Final = files("sidecar.quota") / "presets"
_OWN: Final = re.compile(r"^providers = \[(.*)\]", re.MULTILINE)
_PASSIVE: Final = re.compile(r"^requests = \[\]", re.MULTILINE)
_PLACE: Final = re.compile(r"(windows|requests)\[(\d+)\](?:\.(\w+))?")


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
        raise MappingError("", f"it is not TOML: {error}{_cure(toml, str(error))}") from error
    return from_data(data)


def _cure(toml: str, message: str) -> str:
    """Name the mistake that most people made."""
    if toml.lstrip().startswith("{"):
        return "; this is JSON: give the file a name that ends in .json, or put it into `mapping`"
    if "Invalid value" in message:
        return "; every value but numbers and true or false stands in quotes"
    if "Expected newline" in message:
        return "; quotes inside a value need the other kind around it: 'headers.\"x-name\"'"
    return ""


def line_of(toml: str, place: str) -> int | None:
    """Return the line in *toml* where *place* (as in a `MappingError`) most likely stands."""
    match = _PLACE.match(place)
    lines = toml.splitlines()
    first, key = 0, place.partition(".")[0]
    if match:
        headers = [number for number, line in enumerate(lines) if line.strip() == f"[[{match[1]}]]"]
        if int(match[2]) >= len(headers):
            return None
        first, key = headers[int(match[2])], match[3]
    for number, line in enumerate(lines[first:], first + 1):
        if key is None or re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return first + 1 if match else None
