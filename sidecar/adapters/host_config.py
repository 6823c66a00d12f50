"""What we take from OpenCode's own global configuration and logins.

Providers' base URLs and keys, the variables that it takes keys from, the plugins that it loads, and gateways
that were listed for another plugin.
"""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from sidecar.adapters.documents import Document, DocumentReader, Problem
from sidecar.adapters.entries import Finding
from sidecar.adapters.jsonc import Path
from sidecar.adapters.paths import Places
from sidecar.plain import is_list, is_object
from sidecar.protocol import ROUTER
from sidecar.texts import problems as words

FILES: Final = ("config.json", "opencode.json", "opencode.jsonc")
"""In the order in which the host merges them: later ones override."""

GATEWAYS_PATH: Final = ("experimental", "quotaToast", "openaiCompatibleGateways")


class Setting(Struct, frozen=True):
    """A text of the configuration, and where it stands."""

    text: str
    document: Document
    path: Path

    def problem(self, message: str) -> Problem:
        """Say what is wrong with it."""
        return next(self.document.locate([Finding(self.path, message)]))


class HostProvider(Struct):
    """`provider.<id>` over all global files."""

    base_url: Setting | None = None
    api_key: Setting | None = None
    name: str | None = None
    variables: tuple[str, ...] = ()
    """The environment variables that OpenCode takes the provider's key from."""
    npm: str | None = None
    """The package that speaks to it."""
    headers: dict[str, Setting] = {}
    """Sent with each request, by lower-case name."""
    api_ids: dict[str, str] = {}
    """What the provider itself calls its models, by id, where that is another name."""


class HostVirtualModel(Struct, frozen=True):
    """`provider.limit-router.models.<id>`: a model that stands for one of several providers."""

    providers: tuple[str, ...]
    """Those that have it; none: whoever has."""
    document: Document
    path: Path
    name: str | None = None


class HostPlugin(Struct, frozen=True):
    """An entry of `plugin`."""

    spec: Setting
    has_command: bool = False
    """Its options name a command."""


class HostConfig(Struct, frozen=True):
    """OpenCode's global configuration, as far as we read it."""

    providers: dict[str, HostProvider]
    gateways: list[Any]
    """The entries at `GATEWAYS_PATH`, as plain data."""
    gateways_document: Document | None
    auth: dict[str, Any]
    problems: list[Problem]
    plugins: list[HostPlugin]
    misplaced: list[HostPlugin]
    """Those under `plugins`, which OpenCode doesn't read."""
    virtual: dict[str, HostVirtualModel] = {}
    enabled_providers: tuple[str, ...] | None = None
    """The only ones that OpenCode has; absent: all."""


def read_host_config(places: Places, reader: DocumentReader) -> HostConfig:
    """Read every global file. Never raises: what is malformed is left out, or a problem if it is ours."""
    providers: dict[str, HostProvider] = {}
    documents = [
        document
        for folder in places.config_layers
        for name in FILES
        if (document := reader.read(folder / name)) and is_object(document.data)
    ]
    for document in documents:
        _add_providers(document, providers)
    listing = next((document for document in reversed(documents) if _gateways(document) is not None), None)
    auth = reader.read(places.data / "auth.json")
    problems = [document.problem for document in [*documents, auth] if document and document.problem]
    entries: Any = _gateways(listing) if listing else []
    if listing and not is_list(entries):
        problems.extend(listing.locate([Finding(GATEWAYS_PATH, words.not_an_object("a list"))]))
    return HostConfig(
        providers=providers,
        gateways=entries if is_list(entries) else [],
        gateways_document=listing,
        auth=auth.data if auth and is_object(auth.data) else {},
        problems=problems,
        plugins=[plugin for document in documents for plugin in _plugins(document)],
        misplaced=[plugin for document in documents for plugin in _plugins(document, "plugins")],
        virtual={name: model for document in documents for name, model in _virtual(document)},
        enabled_providers=_enabled_providers(documents),
    )


def _enabled_providers(documents: Iterable[Document]) -> tuple[str, ...] | None:
    """Return the last list: a later file's takes the place of an earlier one's."""
    lists = [rows for document in documents if is_list(rows := document.data.get("enabled_providers"))]
    return tuple(name for name in lists[-1] if isinstance(name, str)) if lists else None


def _virtual(document: Document) -> Iterator[tuple[str, HostVirtualModel]]:
    path = ("provider", ROUTER, "models")
    for model_id, row in _items(_at(document.data, path)):
        providers = row.get("providers") if is_object(row) else None
        names = tuple(name for name in providers if isinstance(name, str)) if is_list(providers) else ()
        name = row.get("name") if is_object(row) else None
        called = name if isinstance(name, str) else None
        yield model_id, HostVirtualModel(names, document, (*path, model_id), called)


def read_project_plugins(project: pathlib.Path, reader: DocumentReader) -> list[HostPlugin]:
    """Return the plugins that a project's own files add, as far as this folder holds them."""
    files = [folder / name for folder in (project, project / ".opencode") for name in FILES[1:]]
    documents = [document for file in files if (document := reader.read(file)) and is_object(document.data)]
    found = (plugin for document in documents for plugin in _plugins(document))
    # A project's command is not run.
    return [HostPlugin(plugin.spec) for plugin in found]


def _plugins(document: Document, key: str = "plugin") -> Iterator[HostPlugin]:
    entries = document.data.get(key)
    for index, entry in enumerate(entries if is_list(entries) else ()):
        spec, options = (*entry, None, None)[:2] if is_list(entry) else (entry, None)
        if isinstance(spec, str):
            has_command = is_object(options) and "command" in options
            yield HostPlugin(Setting(spec, document, (key, index)), has_command)


def _add_providers(document: Document, providers: dict[str, HostProvider]) -> None:
    for provider_id, row in _items(document.data.get("provider")):
        if not is_object(row) or provider_id == ROUTER:
            continue
        seen = providers.setdefault(provider_id, HostProvider())
        _add_options(seen, row.get("options"), document, ("provider", provider_id, "options"))
        for model_id, model in _items(row.get("models")):
            if is_object(model) and isinstance(api_id := model.get("id"), str):
                seen.api_ids = seen.api_ids | {model_id: api_id}
        seen.npm = npm if isinstance(npm := row.get("npm"), str) else seen.npm
        seen.name = name if isinstance(name := row.get("name"), str) else seen.name
        if is_list(env := row.get("env")):
            seen.variables = tuple(item for item in env if isinstance(item, str))


def _add_options(seen: HostProvider, options: Any, document: Document, path: Path) -> None:
    for option, value in _items(options):
        if isinstance(value, str):
            setting = Setting(value, document, (*path, option))
            seen.base_url = setting if option == "baseURL" else seen.base_url
            seen.api_key = setting if option == "apiKey" else seen.api_key
        elif option == "headers":
            texts = ((name, text) for name, text in _items(value) if isinstance(text, str))
            found = {name.lower(): Setting(text, document, (*path, option, name)) for name, text in texts}
            seen.headers = seen.headers | found


def _gateways(document: Document) -> Any:
    return _at(document.data, GATEWAYS_PATH)


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        data = data.get(step) if is_object(data) else None
    return data


def _items(data: Any) -> Iterator[tuple[str, Any]]:
    if is_object(data):
        yield from data.items()
