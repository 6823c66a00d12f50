"""Loads the configuration: the global files and what a project may set, as one `Config`.

Only global files name URLs, keys, headers and mappings. Nothing here raises for what a user wrote:
it becomes a `Problem`, and what is not affected by it stays in force.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.adapters import jsonc
from sidecar.adapters.automatic import find_automatic
from sidecar.adapters.catalogue import NOTHING, Catalogue
from sidecar.adapters.credentials import key_finder
from sidecar.adapters.documents import Document, DocumentReader, Problem
from sidecar.adapters.entries import Finding, convert_entries, spell
from sidecar.adapters.failure_patterns import read_patterns
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.gateways import GatewayBuilder
from sidecar.adapters.host_config import GATEWAYS_PATH, HostConfig, read_host_config
from sidecar.adapters.listeners import Listeners
from sidecar.adapters.paths import Places
from sidecar.adapters.preset_files import PresetFiles
from sidecar.adapters.providers import Providers
from sidecar.adapters.routes import RouteReader, Routes
from sidecar.adapters.secrets import Placeholders
from sidecar.adapters.settings import (
    ENTRY_KEYS,
    PROJECT_KEYS,
    PROJECT_MAY_SET,
    SETTING_KEYS,
    ProjectSettings,
    ProviderEntry,
    Settings,
)
from sidecar.adapters.targets import Targets
from sidecar.adapters.virtual_models import VirtualModel, VirtualModelReader
from sidecar.adapters.webhook_entries import read_hooks
from sidecar.adapters.webhooks import Hook
from sidecar.core.failure import Pattern
from sidecar.nearest import nearest
from sidecar.plain import is_list, is_object
from sidecar.texts import problems as words

OUR_FILES: Final = ("quota-sidecar.jsonc", "quota-sidecar.json")

ONE_BY_ONE: Final = ("gateways", "routes", "failurePatterns")
"""Lists of ours whose entries are converted where something is built of them."""

MAX_PROJECT_BYTES: Final = 64 * 1024
"""Anybody may have written a project's file; it is read anew at each command and must not cost seconds."""


MISSPELLED: Final = 0.8
"""So much is a key in a project's file like one that may stand there, if it is meant for it."""


class Config(Struct, frozen=True):
    """Everything that is configured, for one workspace."""

    settings: Settings
    gateways: tuple[Gateway, ...]
    problems: tuple[Problem, ...]
    switched_off: tuple[str, ...] = ()
    """Providers whose gateways are not shown, because somebody switched them off."""
    listeners: Listeners = Listeners()
    targets: Targets = Targets()
    webhooks: tuple[Hook, ...] = ()
    failure_patterns: tuple[Pattern, ...] = ()
    virtual_models: dict[str, VirtualModel] = {}
    unasked: tuple[str, ...] = ()
    """Providers that would say what is left, if `undocumented` were set for them."""

    def listening_to(self, provider_id: str) -> tuple[Gateway, ...]:
        """Return what reads *provider_id*'s ordinary answers: its entries that listen, else our presets."""
        if not self.settings.enabled or not _is_enabled(self.settings, provider_id):
            return ()
        own = (row for row in self.gateways if row.provider_id == provider_id)
        return tuple(row for row in own if row.mapping.is_passive) or self.listeners.of(provider_id)


class ConfigLoader:
    """Reads the files anew at each `load`: they are few and small."""

    def __init__(self, places: Places, environ: Mapping[str, str]) -> None:
        """Look in *places*, and take variables from *environ*."""
        self._places = places
        self._environ = environ
        self.reader = DocumentReader()
        """Knows which files were looked for."""

    def load(
        self, workspace: Path | None, workspaces: Iterable[Path] = (), catalogue: Catalogue = NOTHING
    ) -> Config:
        """Return the configuration of *workspace*.

        *workspaces* are all folders that are open: secrets are never read from inside one. *catalogue* is
        what the host offers.
        """
        problems: list[Problem] = []
        placeholders = Placeholders(self._environ, {*workspaces, *([workspace] if workspace else [])})
        host = read_host_config(self._places, self.reader)
        problems.extend(host.problems)
        ours = self._first(self._places.config, problems)
        settings = _settings(ours, problems)
        keys, presets = key_finder(self._environ, host, placeholders), PresetFiles(self._places.config)
        builder = GatewayBuilder(keys, presets, host.providers, placeholders, catalogue.names)
        gateways = _gateways(builder, ours, host, problems)
        automatic = find_automatic(builder, settings, catalogue, _chosen(ours, host))
        gateways.extend(automatic.gateways)
        providers = Providers(host.providers, keys, placeholders)
        routes = _routes(RouteReader(placeholders, catalogue, host.providers), ours, settings, problems)
        settings = msgspec.structs.replace(settings, routes=[row.entry for row in routes.rows])
        problems.extend(providers.problems(routes.providers()))
        reader = VirtualModelReader(catalogue, settings, routes.aliases, host.providers)
        virtual = _virtual_models(reader, host, ours, problems)
        hooks = read_hooks(ours, placeholders, problems)
        patterns = read_patterns(ours, problems)
        if workspace and workspace / ".opencode" != self._places.config:
            project = self._first(workspace / ".opencode", problems, MAX_PROJECT_BYTES)
            settings = _with_project(settings, project, problems)
        shown = tuple(gateway for gateway in gateways if _is_enabled(settings, gateway.provider_id))
        hidden = dict.fromkeys(gateway.provider_id for gateway in gateways if gateway not in shown)
        return Config(
            settings,
            shown,
            tuple(dict.fromkeys(problems)),
            tuple(hidden),
            Listeners(builder),
            Targets(settings, routes, providers, virtual),
            tuple(hooks),
            patterns,
            virtual,
            tuple(name for name in automatic.unasked if _is_enabled(settings, name)),
        )

    def _first(
        self, folder: Path, problems: list[Problem], max_bytes: int = jsonc.MAX_BYTES
    ) -> Document | None:
        """Return our file in *folder*; a second one is reported."""
        documents = [
            document for name in OUR_FILES if (document := self.reader.read(folder / name, max_bytes))
        ]
        problems.extend(document.problem for document in documents if document.problem)
        problems.extend(problem for document in documents[:1] for problem in document.repetitions())
        problems.extend(
            Problem(str(extra.file), words.second_file(documents[0].file.name)) for extra in documents[1:]
        )
        return documents[0] if documents else None


def _settings(document: Document | None, problems: list[Problem]) -> Settings:
    if document is None:
        return Settings()
    found: list[Finding] = []
    data = document.data
    if is_object(data):
        data = {key: value for key, value in data.items() if key not in ONE_BY_ONE}
    settings = convert_entries(Settings, data, (), found)
    problems.extend(document.locate(found))
    return settings


def _routes(
    reader: RouteReader, ours: Document | None, settings: Settings, problems: list[Problem]
) -> Routes:
    found: list[Finding] = []
    routes = reader.read(ours, settings, found)
    if ours:
        problems.extend(ours.locate(found))
    return routes


def _virtual_models(
    reader: VirtualModelReader, host: HostConfig, ours: Document | None, problems: list[Problem]
) -> dict[str, VirtualModel]:
    found: list[Finding] = []
    hosts_found: list[tuple[Document, Finding]] = []
    models = reader.read(host.virtual, found, hosts_found)
    problems.extend(problem for document, row in hosts_found for problem in document.locate([row]))
    if ours:
        problems.extend(ours.locate(found))
    return models


def _gateways(
    builder: GatewayBuilder, ours: Document | None, host: HostConfig, problems: list[Problem]
) -> list[Gateway]:
    """Build ours first; an entry of the host's files for the same account and URL adds nothing."""
    gateways: dict[tuple[Any, ...], Gateway] = {}
    places: dict[tuple[Any, ...], tuple[Document, str]] = {}
    for document, path, entries in _listed(ours, host):
        if not is_list(entries):
            problems.extend(document.locate([Finding(path, words.not_an_object("a list"))]))
            continue
        for index, entry in enumerate(entries):
            here = (*path, index)
            if gateway := builder.build(entry, document, here, problems):
                key = (gateway.account, gateway.urls() or gateway.key())
                gateways.setdefault(key, gateway)
                of, first = places.setdefault(key, (document, spell(here)))
                if of is document and first != spell(here):
                    problems.extend(document.locate([Finding(here, words.same_again(first))]))
    return list(gateways.values())


def _listed(ours: Document | None, host: HostConfig) -> Iterator[tuple[Document, tuple[str, ...], Any]]:
    """Yield what should be lists of entries, and where each stands."""
    if ours and is_object(ours.data):
        yield ours, ("gateways",), ours.data.get("gateways", [])
    if host.gateways_document:
        yield host.gateways_document, GATEWAYS_PATH, host.gateways


def _chosen(ours: Document | None, host: HostConfig) -> set[str]:
    """Return the providers that have an entry, one that can't be used too: it says where to look."""
    entries = (entry for _, _, listed in _listed(ours, host) if is_list(listed) for entry in listed)
    names = (entry.get("providerId") for entry in entries if is_object(entry))
    return {name for name in names if isinstance(name, str)}


def _with_project(settings: Settings, document: Document | None, problems: list[Problem]) -> Settings:
    """Apply what a project may set: it can switch off, never on, and choose the width."""
    if document is None:
        return settings
    found: list[Finding] = []
    project = convert_entries(ProjectSettings, _allowed(document.data, found), (), found)
    problems.extend(document.locate(found))
    providers = dict(settings.providers)
    for key in [key for key, row in project.providers.items() if not row.enabled]:
        providers[key] = msgspec.structs.replace(providers.get(key, ProviderEntry()), enabled=False)
    return msgspec.structs.replace(
        settings,
        enabled=settings.enabled and project.enabled is not False,
        toasts=settings.toasts and project.toasts is not False,
        auto_route=settings.auto_route and project.auto_route is not False,
        dry_run=settings.dry_run or project.dry_run is True,
        width=project.width or settings.width,
        providers=providers,
    )


def _allowed(data: Any, found: list[Finding]) -> Any:
    """Leave out, with a finding, what a project may not set."""
    if not is_object(data):
        return data
    allowed: dict[str, Any] = {}
    for key, value in data.items():
        if key in ("$schema", "width") or (key in PROJECT_MAY_SET and PROJECT_MAY_SET[key] is value):
            allowed[key] = value
        elif key == "providers":
            allowed[key] = _only_off(value, found)
        elif key not in SETTING_KEYS and nearest(key, PROJECT_KEYS, MISSPELLED):
            allowed[key] = value  # and is told as what it is
        else:
            found.append(Finding((key,), words.not_for_projects()))
    return allowed


def _only_off(providers: Any, found: list[Finding]) -> Any:
    """Leave out what a project would set of a provider, but for switching it off."""
    if not is_object(providers):
        return providers
    kept: dict[str, Any] = {}
    for provider_id, row in providers.items():
        if is_object(row):
            denied = [key for key in row if key in ENTRY_KEYS and (key != "enabled" or row[key] is True)]
            found.extend(Finding(("providers", provider_id, key), words.not_for_projects()) for key in denied)
            kept[provider_id] = {key: value for key, value in row.items() if key not in denied}
        else:
            kept[provider_id] = row
    return kept


def _is_enabled(settings: Settings, provider_id: str) -> bool:
    return settings.providers.get(provider_id, ProviderEntry()).enabled
