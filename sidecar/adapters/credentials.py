"""Finds the key of a provider: which sources have one, which wins, and which one OpenCode itself uses."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.host_config import HostConfig
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.plain import is_object
from sidecar.texts import keys as words


class KeySource(Struct, frozen=True):
    """A place that holds a key for a provider."""

    source: str
    """In words: `environment CAMPUS_API_KEY`, ..."""
    key: Secret


class Credential(Struct, frozen=True):
    """The key that is used for a provider, and what a user should know about it."""

    used: KeySource
    shadowed: tuple[KeySource, ...] = ()
    """Sources that hold a key too, weaker ones; the same key or another."""
    host_uses: str | None = None
    """The source of OpenCode's own key, when that is another key."""
    identity: Secret | None = None
    """What names the account of a login, whose token changes by the hour; only there when one is sent."""
    expires_at: float | None = None
    """Unix seconds: from then on the token of a login is refused, until OpenCode renews it."""
    is_named: bool = False
    """It stands in the variable that `apiKeyEnv` names, so it is meant for this gateway wherever that is."""
    is_login: bool = False
    """It only names the account of a login, and can't be sent."""

    def secrets(self) -> list[Secret]:
        """Return everything that must not be shown."""
        found = [source.key for source in (self.used, *self.shadowed)]
        return [*found, self.identity] if self.identity else found


class KeyFinder(Struct, frozen=True):
    """Everything that keys are found in."""

    environ: Mapping[str, str]
    auth: Mapping[str, Any]
    """`auth.json` as plain data."""
    config_keys: Mapping[str, Secret | UnresolvedError]
    """`provider.<id>.options.apiKey` of the global configuration, filled in."""

    def find(
        self,
        provider_id: str,
        api_key_env: str | None,
        host_variables: Iterable[str],
        token: str | None = None,
    ) -> Credential | None:
        """Return the credential of *provider_id*; None for keyless.

        *token* of OpenCode's login, `access` or `refresh`, goes before every key but one that is named.
        *host_variables* come last. Raises `UnresolvedError` when the only key can't be filled in.
        """
        sources = list(self._sources(provider_id, api_key_env))
        if token and not api_key_env and (login := self._sent_login(provider_id, token)):
            return replace(login, shadowed=tuple(sources))
        if not sources and not api_key_env:
            sources = list(self._environment(host_variables))[:1]
        if not sources:
            configured = self.config_keys.get(provider_id)
            if isinstance(configured, UnresolvedError):
                raise configured
            return None
        used, *shadowed = sources
        host_source = self._host_source(provider_id, host_variables)
        differs = host_source is not None and host_source.key != used.key
        return Credential(
            used,
            tuple(shadowed),
            host_source.source if host_source and differs else None,
            is_named=api_key_env is not None and used.source == words.environment(api_key_env),
        )

    def find_hosts(self, provider_id: str, host_variables: Iterable[str]) -> Credential | None:
        """Return what OpenCode itself uses, as far as we can tell; None for keyless.

        Of a login it is what names the account: fit to tell accounts apart, not to be sent.
        """
        variables = (*host_variables, default_variable(provider_id))
        if key := next(chain(self._config(provider_id), self._auth(provider_id)), None):
            return Credential(key)
        if login := next(self._login(provider_id), None):
            return Credential(login, is_login=True)
        variable = next(self._environment(variables), None)
        return Credential(variable) if variable else None

    def has(self, provider_id: str, host_variables: Iterable[str]) -> bool:
        """Say whether there is anything to find."""
        logins = self._login(provider_id, ("access", "refresh"))
        variables = self._environment(host_variables)
        return next(chain(self._sources(provider_id, None), logins, variables), None) is not None

    def said_by_login(self, provider_id: str, name: str) -> str | None:
        """Return what OpenCode's login of *provider_id* says under *name*."""
        return next((found.key.reveal() for found in self._login(provider_id, (name,))), None)

    def _sources(self, provider_id: str, api_key_env: str | None) -> Iterator[KeySource]:
        yield from self._environment([api_key_env or default_variable(provider_id)])
        yield from self._config(provider_id)
        yield from self._auth(provider_id)

    def _host_source(self, provider_id: str, variables: Iterable[str]) -> KeySource | None:
        """OpenCode's own order: configuration, then its logins, then the variables that it knows."""
        for sources in (
            self._config(provider_id),
            self._auth(provider_id),
            self._environment(variables),
        ):
            if first := next(sources, None):
                return first
        return None

    def _environment(self, names: Iterable[str]) -> Iterator[KeySource]:
        for name in names:
            if value := self.environ.get(name, "").strip():
                yield KeySource(words.environment(name), Secret(value))

    def _config(self, provider_id: str) -> Iterator[KeySource]:
        key = self.config_keys.get(provider_id)
        if isinstance(key, Secret):
            yield KeySource(words.config(), key)

    def _auth(self, provider_id: str) -> Iterator[KeySource]:
        entry = self.auth.get(provider_id)
        if is_object(entry) and entry.get("type") == "api":
            key = entry.get("key")
            if isinstance(key, str) and key.strip():
                yield KeySource(words.auth(), Secret(key.strip()))

    def _login(
        self, provider_id: str, names: tuple[str, ...] = ("accountId", "refresh")
    ) -> Iterator[KeySource]:
        entry = self.auth.get(provider_id)
        if is_object(entry) and entry.get("type") != "api":
            for name in names:
                if isinstance(value := entry.get(name), str) and value.strip():
                    yield KeySource(words.login(), Secret(value.strip()))

    def _sent_login(self, provider_id: str, name: str) -> Credential | None:
        login = next(self._login(provider_id, (name,)), None)
        entry = self.auth.get(provider_id, {})
        if login is None or entry.get("enterpriseUrl"):  # of a company's own host, which is another service
            return None
        expires = entry.get("expires")
        # 0 is never; and when a refresh token ends, nobody says.
        is_said = isinstance(expires, int | float) and expires > 0 and name == "access"
        identity = next(self._login(provider_id), login).key
        return Credential(login, identity=identity, expires_at=expires / 1000 if is_said else None)


def key_finder(environ: Mapping[str, str], host: HostConfig, placeholders: Placeholders) -> KeyFinder:
    """Return the finder of all keys that *environ* and *host* hold."""
    config_keys: dict[str, Secret | UnresolvedError] = {}
    for provider_id, provider in host.providers.items():
        if not provider.api_key or not provider.api_key.text.strip():
            continue
        try:
            key = placeholders.fill(provider.api_key.text, provider.api_key.document.file)
            config_keys[provider_id] = Secret(key.strip())
        except UnresolvedError as error:
            config_keys[provider_id] = error
    return KeyFinder(environ, host.auth, config_keys)


def default_variable(provider_id: str) -> str:
    """Return `<ID>_API_KEY`: upper case, runs of other characters become `_`."""
    return re.sub(r"[^A-Z0-9]+", "_", provider_id.upper()) + "_API_KEY"


def sendable(value: str) -> bool:
    """Say whether *value* can stand in a header: printable ASCII, no line breaks."""
    return re.fullmatch(r"[\x20-\x7e]*", value) is not None
