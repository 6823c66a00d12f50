"""Turns configured entries into gateways, with all resolved: URL, mapping, headers and key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential, KeyFinder, sendable
from sidecar.adapters.documents import Document, Problem
from sidecar.adapters.entries import Finding, convert_entry, steps_of
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.host_config import HostProvider, Setting
from sidecar.adapters.jsonc import Path as Steps
from sidecar.adapters.own_places import is_for, serving, token_for
from sidecar.adapters.preset_files import PresetFiles, PresetRefusedError
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.settings import GatewayEntry
from sidecar.adapters.wires import wires
from sidecar.core.account import account_of
from sidecar.quota.mapping import DEFAULT_PATH, Mapping
from sidecar.quota.mapping_checks import (
    RESERVED_HEADERS,
    MappingError,
    config_used,
    from_data,
    headers_read,
    with_path,
)
from sidecar.texts import problems as words

_NOWHERE: Final = Document(Path(), None)
"""Where an entry stands that nobody has written."""


class _RefusedError(ValueError):
    """An entry that can't be used; carries the words and where: in the entry, or in OpenCode's own files."""

    def __init__(self, message: str, *steps: str | int, setting: Setting | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.steps = steps
        self.setting = setting


class GatewayBuilder(Struct, frozen=True):
    """Resolves entries against what is configured and what the environment holds."""

    keys: KeyFinder
    presets: PresetFiles
    providers: dict[str, HostProvider]
    placeholders: Placeholders
    names: dict[str, str]
    """What the host calls its providers, by id; weaker than a name in the configuration."""

    def build(self, data: Any, document: Document, path: Steps, problems: list[Problem]) -> Gateway | None:
        """Return the gateway that *data* describes, or None with a problem."""
        found: list[Finding] = []
        entry = convert_entry(GatewayEntry, data, path, found)
        gateway = None
        if entry:
            problems.extend(self._unresolved_key(entry.provider_id))
            try:
                gateway = self._gateway(entry, document, path, found)
            except UnresolvedError:
                pass  # the provider's own key: told at its place
            except PresetRefusedError as error:
                problems.append(error.problem)
            except _RefusedError as error:
                if error.setting:
                    problems.append(error.setting.problem(error.message))
                else:
                    found.append(Finding((*path, *error.steps), error.message))
        problems.extend(document.locate(found))
        return gateway

    def listener(self, provider_id: str, mapping: Mapping) -> Gateway:
        """Return who reads a provider's ordinary answers by *mapping*.

        What they tell is of the key that OpenCode uses, and of the origin that it calls.
        """
        host = self.providers.get(provider_id)
        try:
            base = self._inherited(host.base_url) if host and host.base_url else None
        except _RefusedError:
            base = None
        credential = self.keys.find_hosts(provider_id, self._variables(provider_id))
        key = credential.used.key.reveal() if credential else None
        account = account_of(provider_id, base.origin if base else "", key)
        hears = frozenset(headers_read(mapping))
        return Gateway(provider_id, self._name(provider_id), mapping, account, base, credential, hears=hears)

    def unconfigured(self, provider_id: str, preset: str) -> Gateway | None:
        """Return who asks a provider by a preset that is for it, as an entry for it without more would.

        None where there is nothing to send, or nothing that may go there.
        """
        try:
            mapping = self.presets.load(preset)
            entry = GatewayEntry(provider_id, base_url=mapping.base_url, preset=preset)
            gateway = self._gateway(entry, _NOWHERE, (), [])
        except (UnresolvedError, PresetRefusedError, _RefusedError):
            return None
        wants_login = provider_id in mapping.login and not gateway.is_by_login
        return None if gateway.credential is None or wants_login else gateway

    def has_credential(self, provider_id: str) -> bool:
        """Say whether there is a key or a login of *provider_id*."""
        return self.keys.has(provider_id, self._variables(provider_id))

    def _unresolved_key(self, provider_id: str) -> Iterator[Problem]:
        """Name the place of OpenCode's own key for the provider if it can't be filled in."""
        error, host = self.keys.config_keys.get(provider_id), self.providers.get(provider_id)
        if isinstance(error, UnresolvedError) and host and host.api_key:
            yield host.api_key.problem(str(error))

    def _gateway(self, entry: GatewayEntry, document: Document, path: Steps, found: list[Finding]) -> Gateway:
        host = self.providers.get(entry.provider_id)
        mapping = self._mapping(entry, document, path, found)
        if mapping.is_passive:
            found.extend(Finding((*path, key), words.nothing_to_fetch()) for key in _only_fetched(entry))
            heard, config = self.listener(entry.provider_id, mapping), self._config(entry, document, mapping)
            label, filled = entry.label or heard.label, _filled(entry, config)
            return msgspec.structs.replace(heard, label=label, config=config, filled=filled)
        base = self._base_url(entry, host, document, mapping)
        credential = self._credential(entry, token_for(mapping, entry.provider_id, base))
        if credential and not credential.is_named:
            self._refuse_strangers(base, entry, host, mapping)
        if credential and entry.api_key_env and not credential.is_named:
            found.append(Finding((*path, "apiKeyEnv"), words.another_source(credential.used.source)))
        key = (credential.identity or credential.used.key).reveal() if credential else None
        config = self._config(entry, document, mapping, credential)
        gateway = Gateway(
            provider_id=entry.provider_id,
            label=entry.label or self._name(entry.provider_id),
            mapping=mapping,
            account=account_of(entry.provider_id, serving(mapping, base) or base.origin, key),
            base=base,
            credential=credential,
            headers=self._headers(entry, document),
            config=config,
            filled=_filled(entry, config),
        )
        for request in mapping.requests:
            _parse(gateway.url_of(request.path), "quotaPath")
        return gateway

    def _mapping(self, entry: GatewayEntry, document: Document, path: Steps, found: list[Finding]) -> Mapping:
        """Return how to ask and read: a preset knows both, a mapping's name only how the reply reads."""
        if entry.preset and entry.mapping is not None:
            found.append(Finding((*path, "mapping"), words.preset_and_mapping()))
        if entry.preset or isinstance(entry.mapping, dict):
            mapping = self._preset(entry.preset, "preset") if entry.preset else _inline(entry.mapping)
            return self._with_path(mapping, entry, document) if entry.quota_path else mapping
        mapping = self._preset(entry.mapping or "neutral", "mapping")
        return self._with_path(mapping, entry, document)

    def _with_path(self, mapping: Mapping, entry: GatewayEntry, document: Document) -> Mapping:
        """Return *mapping* with its one request at the entry's own path."""
        if mapping.is_passive:
            return mapping
        if len(mapping.requests) != 1:
            raise _RefusedError(words.several_requests(), "quotaPath" if entry.quota_path else "mapping")
        quota_path = self._fill(entry.quota_path or DEFAULT_PATH, document, "quotaPath")
        if not quota_path.startswith("/"):
            raise _RefusedError(words.bad_path(), "quotaPath")
        try:
            return with_path(mapping, quota_path)
        except MappingError as error:
            raise _RefusedError(words.plainly(error.reason), "quotaPath") from error

    def _preset(self, name: str, field: str) -> Mapping:
        try:
            return self.presets.load(name)
        except KeyError as error:
            raise _RefusedError(words.unknown_preset(name, self.presets.names()), field) from error

    def _config(
        self, entry: GatewayEntry, document: Document, mapping: Mapping, credential: Credential | None = None
    ) -> dict[str, str]:
        """Return the mapping's parameters: as the entry says, else as the login does that is sent."""
        said = self._said_by_login(entry.provider_id, mapping) if credential and credential.identity else {}
        for name in sorted(config_used(mapping)):
            if not (entry.config.get(name, "").strip() or name in said):
                raise _RefusedError(words.missing_parameter(name, mapping.config[name]), "config")
        for name in entry.config:
            if name not in mapping.config:
                raise _RefusedError(words.unknown_key(name, mapping.config), "config", name)
        return said | {
            name: self._fill(value, document, "config", name) for name, value in entry.config.items()
        }

    def _said_by_login(self, provider_id: str, mapping: Mapping) -> dict[str, str]:
        said = {name: self.keys.said_by_login(provider_id, of) for name, of in mapping.from_login.items()}
        return {name: text for name, text in said.items() if text and sendable(text)}

    def _variables(self, provider_id: str) -> tuple[str, ...]:
        """Return the variables that OpenCode takes the provider's key from, as far as we know."""
        host = self.providers.get(provider_id)
        return (*(host.variables if host else ()), *wires().variables.get(provider_id, ()))

    def _name(self, provider_id: str) -> str:
        host = self.providers.get(provider_id)
        return (host and host.name) or self.names.get(provider_id, provider_id)

    def _base_url(
        self, entry: GatewayEntry, host: HostProvider | None, document: Document, mapping: Mapping
    ) -> urls.Endpoint:
        """Return the base to ask at: the entry's own, else OpenCode's of the provider, else the preset's."""
        if entry.base_url:
            return _parse(self._fill(entry.base_url, document, "baseURL"), "baseURL")
        if host is not None and host.base_url is not None:
            own = self._inherited(host.base_url)
            known = _parse(mapping.base_url, "preset") if mapping.base_url else own
            return known if serving(mapping, known) == own.origin else own
        if mapping.base_url:
            return _parse(mapping.base_url, "preset")
        raise _RefusedError(words.no_base_url(entry.provider_id, self.providers), "providerId")

    def _inherited(self, setting: Setting) -> urls.Endpoint:
        try:
            return _parse(self._fill(setting.text, setting.document))
        except _RefusedError as error:
            raise _RefusedError(error.message, setting=setting) from error

    def _refuse_strangers(
        self, base: urls.Endpoint, entry: GatewayEntry, host: HostProvider | None, mapping: Mapping
    ) -> None:
        """Raise unless *base* is the provider's own place: its key goes there and nowhere else."""
        own = self._inherited(host.base_url) if host and host.base_url else None
        if own and own.origin not in (base.origin, serving(mapping, base)):
            raise _RefusedError(words.key_of_another_origin(), "baseURL")
        is_ours = entry.preset is not None and entry.preset not in self.presets.own
        if (
            own is None
            and not entry.base_url
            and is_ours
            and not is_for(entry.provider_id, entry.preset or "", mapping)
        ):
            raise _RefusedError(words.key_of_another_service(entry.provider_id), "preset")

    def _credential(self, entry: GatewayEntry, token: str | None) -> Credential | None:
        variables = self._variables(entry.provider_id)
        credential = self.keys.find(entry.provider_id, entry.api_key_env, variables, token)
        if credential is None and entry.api_key_env:
            raise _RefusedError(words.no_such_variable(), "apiKeyEnv")
        if credential and not sendable(credential.used.key.reveal()):
            raise _RefusedError(words.unsendable_key(credential.used.source), "providerId")
        return credential

    def _headers(self, entry: GatewayEntry, document: Document) -> dict[str, Secret]:
        headers: dict[str, Secret] = {}
        for name, value in entry.headers.items():
            filled = self._fill(value, document, "headers", name)
            if name.lower() in RESERVED_HEADERS or not sendable(filled):
                raise _RefusedError(words.bad_header(name), "headers", name)
            headers[name] = Secret(filled)
        return headers

    def _fill(self, text: str, document: Document, *steps: str) -> str:
        try:
            return self.placeholders.fill(text, document.file)
        except UnresolvedError as error:
            raise _RefusedError(str(error), *steps) from error


def _filled(entry: GatewayEntry, config: dict[str, str]) -> tuple[Secret, ...]:
    return tuple(Secret(value) for name, value in config.items() if value != entry.config.get(name))


def _only_fetched(entry: GatewayEntry) -> list[str]:
    """Return the keys of *entry* that say how it is asked."""
    keys = {
        "baseURL": entry.base_url,
        "quotaPath": entry.quota_path,
        "apiKeyEnv": entry.api_key_env,
        "headers": entry.headers,
    }
    return [key for key, value in keys.items() if value]


def _parse(url: str, *steps: str) -> urls.Endpoint:
    try:
        return urls.parse(url)
    except urls.UrlRefusedError as error:
        raise _RefusedError(words.url_not_allowed(str(error)), *steps) from error


def _inline(data: Any) -> Mapping:
    try:
        return from_data(data)
    except MappingError as error:
        raise _RefusedError(words.plainly(error.reason), "mapping", *steps_of(f".{error.place}")) from error
