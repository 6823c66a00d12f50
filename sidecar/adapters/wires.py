"""Which wire a provider speaks, where, and how a key is carried there: `wires.toml`, read once."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from sidecar.protocol import Wire

Spoken = Literal["openai-chat", "openai-responses", "anthropic-messages"]


class WireRow(Struct, frozen=True):
    """How a request of a wire is sent."""

    path: str
    """Below the base URL."""
    auth: dict[str, str]
    """The headers that carry the key, at `{key}`."""
    headers: dict[str, str] = {}


class Origins(Struct, frozen=True):
    """Where requests of the host are known to go that ours never do."""

    providers: dict[str, str]
    logins: dict[str, str]
    """Of those that are called elsewhere with a login than with a key."""


class Wires(Struct, frozen=True):
    """The file."""

    npm: dict[str, Spoken]
    defaults: dict[str, str]
    wires: dict[Spoken, WireRow]
    bases: dict[Spoken, dict[str, str]]
    variables: dict[str, list[str]]
    refused: dict[str, list[str]]
    """By origin, the paths of what is refused there."""
    origins: Origins

    def of(self, npm: str | None) -> Wire:
        """Return what the package *npm* speaks."""
        return self.npm.get(npm or "", "other")

    def of_provider(self, provider_id: str) -> Wire:
        """Return what a provider of the catalogue speaks, of several wires the first."""
        spoken: list[Wire] = [wire for wire, rows in self.bases.items() if provider_id in rows]
        return spoken[0] if spoken else "other"

    def base(self, provider_id: str, wire: Wire) -> str | None:
        """Return where a provider of the catalogue speaks *wire*."""
        return None if wire == "other" else self.bases[wire].get(provider_id)

    def providers(self) -> set[str]:
        """Return the ids of all providers that are known."""
        return {provider_id for rows in self.bases.values() for provider_id in rows}


@cache
def wires() -> Wires:
    """Return the table; it is read from the disk by the first who asks."""
    text = (files("sidecar.adapters") / "wires.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Wires)
