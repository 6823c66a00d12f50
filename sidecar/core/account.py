"""What an account is: a provider, the origin that is really called, and whose credential is used there."""

import hashlib
from typing import Final

from msgspec import Struct

MIN_KEY: Final = 20
"""A shorter key may be a password or a word: its hash could be guessed back."""


class Account(Struct, frozen=True, order=True):
    """The unit that quota belongs to."""

    provider_id: str
    origin: str
    fingerprint: str


def account_of(provider_id: str, origin: str, key: str | None) -> Account:
    """Return the account of a *key* (None: keyless) at *origin*."""
    return Account(provider_id, origin, fingerprint(origin, key))


def fingerprint(origin: str, key: str | None) -> str:
    """Name a credential without giving any part of it away."""
    if key is None or len(key) < MIN_KEY:
        return f"local:{origin}"
    return hashlib.sha256(f"oqs1:{key}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
