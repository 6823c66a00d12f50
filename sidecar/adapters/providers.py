"""Where a provider is called and with which key: only as global files say, or `wires.toml`."""

from collections.abc import Iterable

from msgspec import Struct

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential, KeyFinder, sendable
from sidecar.adapters.documents import Problem
from sidecar.adapters.host_config import HostProvider, Setting
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.wires import wires
from sidecar.core.account import Account, account_of
from sidecar.core.choose import Unfit
from sidecar.protocol import Wire
from sidecar.quota.mapping_checks import RESERVED_HEADERS
from sidecar.texts import problems as words


class Provider(Struct, frozen=True):
    """What is known of a provider."""

    id: str
    npm: str | None = None
    """As a global file says."""
    own_base: urls.Endpoint | None = None
    """As a global file says."""
    is_astray: bool = False
    """A global file says where, and that can't be called; or with which headers, and they can't be sent."""
    credential: Credential | None = None
    """What OpenCode itself uses."""
    faults: tuple[Problem, ...] = ()
    """Why it is astray, and whether its key can't be filled in."""
    own_headers: dict[str, Secret] = {}
    api_ids: dict[str, str] = {}

    @property
    def is_paid(self) -> bool:
        """Say whether its use costs nothing more: by a login's plan, or keyless at a place of one's own."""
        return self._is_login() or (self.credential is None and self.own_base is not None)

    def base(self, wire: Wire) -> urls.Endpoint | None:
        """Return where *wire* is spoken."""
        if self.own_base or self.is_astray:
            return None if self.is_astray else self.own_base
        table = wires()
        known = table.base(self.id, wire)
        # A package's own place counts only where a global file names the package.
        if known is None and self.npm and table.of(self.npm) == wire and self.id not in table.providers():
            known = table.defaults.get(self.npm)
        return urls.parse(known) if known else None

    def url(self, wire: Wire) -> str | None:
        """Return where a request of *wire* goes."""
        base = self.base(wire)
        return None if base is None or wire == "other" else urls.join(base.url, wires().wires[wire].path)

    def headers(self, wire: Wire) -> dict[str, Secret]:
        """Return what is sent along, the key too; lower-case names."""
        if wire == "other":
            return {}
        row, key = wires().wires[wire], self._sendable_key()
        carried = row.auth if key else {}
        key_headers = {name: Secret(text.replace("{key}", key or "")) for name, text in carried.items()}
        plain = {name: Secret(text) for name, text in row.headers.items()}
        return plain | key_headers | self.own_headers

    def why_not(self, wire: Wire, *, is_broken: bool = False) -> Unfit | None:
        """Return why nothing of ours can be sent there; *is_broken*: by what the user wants of it."""
        if wire == "other":
            return "other wire"
        if is_broken or self.base(wire) is None:
            return "no address"
        if self.credential is None:
            return None if self.own_base else "no key"
        return None if self._sendable_key() else "no key"

    def account(self, wire: Wire, origin: str | None) -> Account:
        """Return whose quota is used at *origin* (None: as configured)."""
        home = self._home(wire)
        key = self.credential.used.key.reveal() if self.credential else None
        # Who sends it elsewhere (a project) may use another key too; a login has places of its own.
        is_strange = home != "" and origin not in (None, home) and not self._is_login()
        return account_of(self.id, origin or home, None if is_strange else key)

    def _home(self, wire: Wire) -> str:
        base, origins = self.base(wire), wires().origins
        if self._is_login() and self.id in origins.logins:
            return origins.logins[self.id]
        return base.origin if base else origins.providers.get(self.id, "")

    def _is_login(self) -> bool:
        return self.credential is not None and self.credential.is_login

    def _sendable_key(self) -> str | None:
        if self.credential is None or self._is_login():
            return None
        key = self.credential.used.key.reveal()
        return key if sendable(key) else None


class Providers:
    """Finds out about providers, each once."""

    def __init__(
        self,
        hosts: dict[str, HostProvider] | None = None,
        keys: KeyFinder | None = None,
        placeholders: Placeholders | None = None,
    ) -> None:
        """Look into the global files' *hosts*, and for *keys*; nothing is read from a disk later."""
        self._hosts = hosts or {}
        self._keys = keys or KeyFinder({}, {}, {})
        self._placeholders = placeholders or Placeholders({}, ())
        if hosts is not None:
            wires()  # not before somebody counts on it: it costs a process milliseconds of its start
        self._found = {provider_id: self._find(provider_id) for provider_id in self._hosts}

    def find(self, provider_id: str) -> Provider:
        """Return what is known of *provider_id*; of an unknown one that is its id."""
        if provider_id not in self._found:
            self._found[provider_id] = self._find(provider_id)
        return self._found[provider_id]

    def names(self) -> dict[str, str | None]:
        """Return all that the global files list, with what they call them."""
        return {provider_id: host.name for provider_id, host in self._hosts.items()}

    def problems(self, provider_ids: Iterable[str]) -> list[Problem]:
        """Return what is wrong in OpenCode's own files with providers that somebody counts on."""
        return [fault for provider_id in sorted(provider_ids) for fault in self.find(provider_id).faults]

    def _find(self, provider_id: str) -> Provider:
        host = self._hosts.get(provider_id) or HostProvider()
        variables = (*host.variables, *wires().variables.get(provider_id, ()))
        credential = self._keys.find_hosts(provider_id, variables)
        faults: list[Problem] = []
        base = self._base(host.base_url, faults) if host.base_url else None
        headers = {name: self._header(name, text, faults) for name, text in host.headers.items()}
        is_astray = bool(faults)
        if host.api_key and isinstance(error := self._keys.config_keys.get(provider_id), UnresolvedError):
            faults.append(host.api_key.problem(str(error)))
        return Provider(
            provider_id,
            host.npm,
            base,
            is_astray,
            credential,
            tuple(faults),
            {name: text for name, text in headers.items() if text},
            host.api_ids,
        )

    def _base(self, setting: Setting, faults: list[Problem]) -> urls.Endpoint | None:
        text = self._fill(setting, faults)
        try:
            return urls.parse(text) if text else None
        except urls.UrlRefusedError as error:
            faults.append(setting.problem(words.url_not_allowed(str(error))))
            return None

    def _header(self, name: str, setting: Setting, faults: list[Problem]) -> Secret | None:
        filled = self._fill(setting, faults)
        if filled is None:
            return None
        if name in RESERVED_HEADERS or not sendable(filled):
            faults.append(setting.problem(words.bad_header(name)))
        return Secret(filled)

    def _fill(self, setting: Setting, faults: list[Problem]) -> str | None:
        try:
            return self._placeholders.fill(setting.text, setting.document.file)
        except UnresolvedError as error:
            faults.append(setting.problem(str(error)))
            return None
