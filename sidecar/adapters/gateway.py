"""A gateway that is known: where it is asked or what it reads, by whose key, how its readings are kept."""

import hashlib

import msgspec
from msgspec import Struct

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential
from sidecar.adapters.own_places import origin_of
from sidecar.adapters.secrets import Secret
from sidecar.adapters.store import QuotaKey
from sidecar.core.account import Account
from sidecar.quota.mapping import Mapping


class Gateway(Struct, frozen=True):
    """A gateway that says what is left: when it is asked, or in the headers of its ordinary answers."""

    provider_id: str
    label: str
    mapping: Mapping
    account: Account
    base: urls.Endpoint | None = None
    """What the paths of requests are appended to; absent only where nothing is fetched."""
    credential: Credential | None = None
    headers: dict[str, Secret] = {}
    config: dict[str, str] = {}
    """The parameters of the mapping."""
    filled: tuple[Secret, ...] = ()
    """Those of `config` that came from a variable or a file: somebody hides them, so do we."""
    hears: frozenset[str] = frozenset()
    """The headers of ordinary answers that it reads."""
    model: str | None = None
    """The one model of which its figures tell; else they are the whole account's."""

    def key(self) -> QuotaKey:
        """Return what its readings are kept under: another mapping is another reading."""
        said = msgspec.json.encode((self.base and self.base.url, self.mapping, self.config, self.model))
        return QuotaKey(self.account, hashlib.sha256(said).hexdigest()[:16])

    def of_model(self, model: str) -> "Gateway":
        """Return the part of it that tells of *model* alone."""
        return msgspec.structs.replace(self, model=model)

    def title(self) -> str:
        """Return what to call it in one line."""
        return self.label if self.model is None else f"{self.label} · {self.model}"

    @property
    def is_by_login(self) -> bool:
        """Say whether it is asked with the token of a login."""
        return self.credential is not None and self.credential.identity is not None

    def has_expired(self, now: float) -> bool:
        """Say whether its token would be refused, as OpenCode has not renewed it."""
        expires_at = self.credential.expires_at if self.credential else None
        return expires_at is not None and expires_at <= now and not self.has_own_authorization()

    def is_of(self, origin: str | None) -> bool:
        """Say whether answers of *origin* are its own: a project may send a provider elsewhere."""
        known = self.base.origin if self.base else origin_of(self.mapping.origin_base)
        return origin is None or known is None or origin == known

    def url_of(self, path: str) -> str:
        """Return where a request with *path* goes: always to the base's own origin."""
        return urls.join(self.base.url, path) if self.base else ""

    def urls(self) -> tuple[str, ...]:
        """Return where it is asked; two gateways of one account that ask the same are one."""
        return tuple(f"{row.method} {self.url_of(row.path)}" for row in self.mapping.requests)

    def names(self) -> tuple[str, str]:
        """Return what a user may call it, in lower case."""
        return self.provider_id.casefold(), self.label.casefold()

    def has_own_authorization(self) -> bool:
        """Say whether the entry's headers carry the credential: then no key is sent."""
        carriers = {row.auth.partition(":")[0].lower() for row in self.mapping.requests}
        return any(name.lower() in {"authorization", *carriers} for name in self.headers)

    def secrets(self) -> list[str]:
        """Return every secret that is used or was found for it, to recognise them in replies."""
        keys = self.credential.secrets() if self.credential else []
        return [secret.reveal() for secret in (*keys, *self.headers.values(), *self.filled)]
