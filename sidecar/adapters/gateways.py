"""Turns configured entries into gateways that can be asked: URL, mapping, headers and key, all resolved."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential, KeyFinder, sendable
from sidecar.adapters.documents import Document, Problem
from sidecar.adapters.entries import Finding, convert_entry, reason_and_steps
from sidecar.adapters.host_config import HostProvider, Setting
from sidecar.adapters.jsonc import Path
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.settings import GatewayEntry
from sidecar.adapters.store import QuotaKey
from sidecar.core.account import Account, account_of
from sidecar.quota import mapping, presets
from sidecar.quota.mapping import Mapping, WindowMapping
from sidecar.texts import problems as words

RESERVED_HEADERS: Final = frozenset(
    {"host", "user-agent", "connection", "content-length", "transfer-encoding"}
)
"""Ours to set: we never pose as another client."""


class Gateway(Struct, frozen=True):
    """A gateway that can be asked what is left."""

    provider_id: str
    label: str
    endpoint: urls.Endpoint
    mapping: Mapping
    account: Account
    credential: Credential | None = None
    headers: dict[str, Secret] = {}

    def key(self) -> QuotaKey:
        """Return what its readings are kept under."""
        return QuotaKey(self.account, self.endpoint.digest())

    def names(self) -> tuple[str, str]:
        """Return what a user may call it, in lower case."""
        return self.provider_id.casefold(), self.label.casefold()

    def has_own_authorization(self) -> bool:
        """Say whether the entry's headers carry the credential: then no key is sent."""
        return any(name.lower() == "authorization" for name in self.headers)

    def secrets(self) -> list[str]:
        """Return every secret that is used or was found for it, to recognise them in replies."""
        sources = (self.credential.used, *self.credential.shadowed) if self.credential else ()
        return [secret.reveal() for secret in (*(row.key for row in sources), *self.headers.values())]


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
    providers: dict[str, HostProvider]
    placeholders: Placeholders
    names: dict[str, str]
    """What the host calls its providers, by id; weaker than a name in the configuration."""

    def build(self, data: Any, document: Document, path: Path, problems: list[Problem]) -> Gateway | None:
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
            except _RefusedError as error:
                if error.setting:
                    problems.append(error.setting.problem(error.message))
                else:
                    found.append(Finding((*path, *error.steps), error.message))
        problems.extend(document.locate(found))
        return gateway

    def _unresolved_key(self, provider_id: str) -> Iterator[Problem]:
        """Name the place of OpenCode's own key for the provider if it can't be filled in."""
        error, host = self.keys.config_keys.get(provider_id), self.providers.get(provider_id)
        if isinstance(error, UnresolvedError) and host and host.api_key:
            yield host.api_key.problem(str(error))

    def _gateway(self, entry: GatewayEntry, document: Document, path: Path, found: list[Finding]) -> Gateway:
        read_by, default_path = _mapping(entry, path, found)
        quota_path = entry.quota_path or default_path
        if not quota_path.startswith("/"):
            raise _RefusedError(words.bad_path(), "quotaPath")
        host = self.providers.get(entry.provider_id)
        quota_path = self._fill(quota_path, document, "quotaPath")
        base = self._base_url(entry, host, document)
        endpoint = _parse(urls.join(base.url, quota_path), "quotaPath")
        credential = self._credential(entry, host)
        if credential and not self._belongs(credential, endpoint, entry, host):
            raise _RefusedError(words.key_of_another_origin(), "baseURL")
        if credential and entry.api_key_env and not credential.is_named:
            found.append(Finding((*path, "apiKeyEnv"), words.another_source(credential.used.source)))
        key = credential.used.key.reveal() if credential else None
        return Gateway(
            provider_id=entry.provider_id,
            label=entry.label or self._name(entry.provider_id),
            endpoint=endpoint,
            mapping=read_by,
            account=account_of(entry.provider_id, endpoint.origin, key),
            credential=credential,
            headers=self._headers(entry, document),
        )

    def _name(self, provider_id: str) -> str:
        host = self.providers.get(provider_id)
        return (host and host.name) or self.names.get(provider_id, provider_id)

    def _base_url(self, entry: GatewayEntry, host: HostProvider | None, document: Document) -> urls.Endpoint:
        """Return the base to ask at: the entry's own, else the one that OpenCode calls the provider at."""
        if entry.base_url:
            return _parse(self._fill(entry.base_url, document, "baseURL"), "baseURL")
        if host is None or host.base_url is None:
            raise _RefusedError(words.no_base_url(entry.provider_id, self.providers), "providerId")
        return self._inherited(host.base_url)

    def _inherited(self, setting: Setting) -> urls.Endpoint:
        try:
            return _parse(self._fill(setting.text, setting.document))
        except _RefusedError as error:
            raise _RefusedError(error.message, setting=setting) from error

    def _belongs(
        self, credential: Credential, endpoint: urls.Endpoint, entry: GatewayEntry, host: HostProvider | None
    ) -> bool:
        """Say whether the key may go to *endpoint*: named for this entry, or the provider's at its origin."""
        if credential.is_named or not entry.base_url or host is None or host.base_url is None:
            return True
        return self._inherited(host.base_url).origin == endpoint.origin

    def _credential(self, entry: GatewayEntry, host: HostProvider | None) -> Credential | None:
        variables = host.variables if host else ()
        credential = self.keys.find(entry.provider_id, entry.api_key_env, variables)
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


def _parse(url: str, *steps: str) -> urls.Endpoint:
    try:
        return urls.parse(url)
    except urls.UrlRefusedError as error:
        raise _RefusedError(words.url_not_allowed(str(error)), *steps) from error


def _mapping(entry: GatewayEntry, path: Path, found: list[Finding]) -> tuple[Mapping, str]:
    """Return how the reply reads and its default path: a preset knows both, a mapping only the first."""
    if entry.preset and entry.mapping is not None:
        found.append(Finding((*path, "mapping"), words.preset_and_mapping()))
    if entry.preset:
        preset = _preset(entry.preset, "preset")
        return preset, preset.path
    if isinstance(entry.mapping, dict):
        inline = _inline(entry.mapping)
        return inline, inline.path
    return _preset(entry.mapping or "neutral", "mapping"), mapping.DEFAULT_PATH


def _preset(name: str, field: str) -> Mapping:
    try:
        return presets.load(name)
    except KeyError as error:
        raise _RefusedError(words.unknown_preset(name, presets.names()), field) from error


def _inline(data: dict[str, Any]) -> Mapping:
    try:
        inline = msgspec.convert(data, Mapping)
        mapping.check(inline)
    except mapping.MappingError as error:
        raise _RefusedError(words.invalid(str(error)), "mapping") from error
    except msgspec.ValidationError as error:
        reason, steps = reason_and_steps(error)
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason)
        if unknown is None:
            raise _RefusedError(words.invalid(reason), "mapping", *steps) from error
        known = (WindowMapping if steps else Mapping).__struct_fields__
        raise _RefusedError(words.unknown_key(unknown[1], known), "mapping", *steps, unknown[1]) from error
    return inline
