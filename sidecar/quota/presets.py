"""The presets that we ship: one TOML file each in `presets/`, read by name."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from sidecar.quota.mapping import Mapping, check

_FOLDER: Final = files("sidecar.quota") / "presets"


@cache
def names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    entries = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml")))


@cache
def load(name: str) -> Mapping:
    """Return the preset *name*; raise KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    mapping = msgspec.convert(tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8")), Mapping)
    check(mapping)
    return mapping
