"""Reads configured routes: what is listed, with headers filled in and edits made, and what is wrong."""

from msgspec import Struct

from sidecar.adapters.secrets import Secret
from sidecar.core.choose import Strategy
from sidecar.protocol import Edit, Target


class Extras(Struct, frozen=True):
    """What a user wants to be different in requests to a target."""

    headers: dict[str, Secret] = {}
    """Lower-case names."""
    edits: tuple[Edit, ...] = ()


class Listed(Struct, frozen=True):
    """A target as it is listed."""

    target: Target
    model: str | None = None
    extras: Extras = Extras()
    context_limit: float | None = None
    output_limit: float | None = None


class RouteRow(Struct, frozen=True):
    """An entry of `routes`."""

    targets: tuple[Listed, ...]
    strategy: Strategy
    max_attempts: int | None = None


class Routes(Struct, frozen=True):
    """All that is configured about where requests may go."""

    rows: tuple[RouteRow, ...] = ()
    extras: dict[str, Extras] = {}
    """By provider."""
    aliases: dict[str, tuple[str, ...]] = {}
    """What means the same model as a model's id."""
