"""Reads configured routes: what is listed, with headers filled in and edits made, and what is wrong."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import Any, Final, get_args

from msgspec import Struct

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.credentials import sendable
from sidecar.adapters.documents import Document
from sidecar.adapters.entries import Finding, convert_entry
from sidecar.adapters.jsonc import Path
from sidecar.adapters.route_settings import ProviderEntry, RouteEntry, TargetEntry
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.settings import Settings
from sidecar.adapters.target_edits import users
from sidecar.adapters.wires import wires
from sidecar.core.choose import Strategy
from sidecar.plain import is_list, is_object
from sidecar.protocol import Edit, Target
from sidecar.quota.mapping_checks import RESERVED_HEADERS
from sidecar.texts import problems
from sidecar.texts import routes as words

_NOT_THEIRS: Final = ("model", "stream", "messages", "input")
"""Of a body: what it is, not how it is to be answered."""


class Extras(Struct, frozen=True):
    """What a user wants to be different in requests to a target."""

    headers: dict[str, Secret] = {}
    """Lower-case names."""
    edits: tuple[Edit, ...] = ()
    is_broken: bool = False
    """A part of it can't be sent, so nothing is."""


class Listed(Struct, frozen=True):
    """A target as it is listed."""

    target: Target
    model: str | None = None
    extras: Extras = Extras()
    context_limit: float | None = None
    output_limit: float | None = None


class RouteRow(Struct, frozen=True):
    """An entry of `routes`."""

    entry: RouteEntry
    """As it is written."""
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

    def providers(self) -> set[str]:
        """Return the ids of all providers that are listed."""
        return {listed.target.provider_id for row in self.rows for listed in row.targets}


class RouteReader(Struct, frozen=True):
    """Reads routes against what the host offers and the global files know."""

    placeholders: Placeholders
    catalogue: Catalogue
    configured: Container[str]
    """The providers of OpenCode's own global files."""

    def read(self, document: Document | None, settings: Settings, found: list[Finding]) -> Routes:
        """Return what our global file says; *settings* is what else was read of it."""
        if document is None or not is_object(document.data):
            return Routes(aliases=aliases(settings.models))
        entries = document.data.get("routes", [])
        if not is_list(entries):
            found.append(Finding(("routes",), problems.not_an_object("a list")))
            entries = []
        rows = [self._row(entry, ("routes", index), document, found) for index, entry in enumerate(entries)]
        extras = {
            provider_id: self._extras(entry, ("providers", provider_id), document, found)
            for provider_id, entry in settings.providers.items()
        }
        for provider_id in settings.providers:
            found.extend(self._unknown_provider(provider_id, ("providers", provider_id)))
        return Routes(tuple(row for row in rows if row), extras, aliases(settings.models))

    def _row(self, data: Any, path: Path, document: Document, found: list[Finding]) -> RouteRow | None:
        strategy: Any = data.get("strategy") if is_object(data) else None
        if isinstance(strategy, str) and strategy not in get_args(Strategy):
            message = words.unknown_strategy(strategy, get_args(Strategy))
            found.append(Finding((*path, "strategy"), message))
            return None
        entry = convert_entry(RouteEntry, data, path, found)
        if entry is None:
            return None
        path = (*path, "targets")
        listed: dict[Target, Listed] = {}
        for index, row in enumerate(entry.targets):
            one = self._listed(row, (*path, index), document, found)
            if one.target in listed:
                found.append(Finding((*path, index), words.listed_twice()))
            elif not one.extras.is_broken:
                listed[one.target] = one
        if len(entry.targets) < 2:
            found.append(Finding(path, words.too_few()))
        return RouteRow(entry, tuple(listed.values()), entry.strategy, entry.max_attempts)

    def _listed(self, row: str | TargetEntry, path: Path, document: Document, found: list[Finding]) -> Listed:
        entry = TargetEntry(row) if isinstance(row, str) else row
        provider_id, _, model_id = entry.target.partition("/")
        target = Target(provider_id, model_id)
        at = path if isinstance(row, str) else (*path, "target")
        found.extend(self._unknown_provider(provider_id, at))
        models = list(self.catalogue.models(provider_id))
        if models and model_id not in models and entry.model is None:
            found.append(Finding(at, words.unknown_model(provider_id, model_id, models)))
        extras = self._extras(entry, path, document, found)
        return Listed(target, entry.model, extras, entry.context_limit, entry.output_limit)

    def _unknown_provider(self, provider_id: str, path: Path) -> Iterator[Finding]:
        """Name what is spelled almost like a provider; another folder may have providers of its own."""
        offered = set(self.catalogue.providers())
        known = offered | wires().providers()
        if offered and provider_id not in known and provider_id not in self.configured:
            yield from (
                Finding(path, message) for message in words.almost_provider(provider_id, sorted(known))
            )

    def _extras(
        self, entry: TargetEntry | ProviderEntry, path: Path, document: Document, found: list[Finding]
    ) -> Extras:
        headers: dict[str, Secret] = {}
        faults: list[Finding] = []
        for name, text in entry.headers.items():
            at = (*path, "headers", name)
            try:
                filled = self.placeholders.fill(text, document.file)
            except UnresolvedError as error:
                faults.append(Finding(at, str(error)))
                continue
            if name.lower() in RESERVED_HEADERS or not sendable(filled):
                faults.append(Finding(at, problems.bad_header(name)))
            headers[name.lower()] = Secret(filled)
        for key, paths in (("set", list(entry.set)), ("remove", entry.remove)):
            faults.extend(_bad_paths(paths, (*path, key), is_list_there=key == "remove"))
        found.extend(faults)
        return Extras(headers, tuple(users(entry.set, entry.remove)), bool(faults))


def _bad_paths(paths: Iterable[str], path: Path, *, is_list_there: bool) -> Iterator[Finding]:
    for index, dotted in enumerate(paths):
        at = (*path, index if is_list_there else dotted)
        if "" in dotted.split("."):
            yield Finding(at, words.bad_path())
        elif dotted in _NOT_THEIRS:
            yield Finding(at, words.not_theirs(dotted))


def aliases(models: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Return for each id what else means the same model: all that stands in a row with it."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for name, others in models.items():
        row = dict.fromkeys((name, *others))
        for one in row:
            found[one].update(row)
    return {name: tuple(other for other in row if other != name) for name, row in found.items()}
