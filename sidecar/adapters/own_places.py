"""Which places are a service's own: there its keys and logins may go, and nowhere else."""

import re

from sidecar.adapters import urls
from sidecar.quota.mapping import Mapping


def is_for(provider_id: str, preset: str, mapping: Mapping) -> bool:
    """Say whether a preset of ours is for the provider: as it says itself, or by their names."""
    if provider_id in mapping.login or provider_id in mapping.providers:
        return True
    provider, service = (
        re.sub(r"[^a-z0-9]", "", name) for name in (provider_id.lower(), preset.split("-")[0])
    )
    return provider != "" and (service in provider or provider in service)


def serving(mapping: Mapping, base: urls.Endpoint) -> str | None:
    """Return the origin of the models of whom is asked at *base*, where that is known to be another."""
    return origin_of(mapping.serves) if origin_of(mapping.base_url) == base.origin else None


def token_for(mapping: Mapping, provider_id: str, base: urls.Endpoint) -> str | None:
    """Return which token of a login may be sent: one goes to the mapping's own place and nowhere else."""
    return mapping.login.get(provider_id) if origin_of(mapping.base_url) == base.origin else None


def origin_of(url: str | None) -> str | None:
    """Return the origin of *url*; None where there is none that may be called."""
    try:
        return urls.parse(url).origin if url else None
    except urls.UrlRefusedError:
        return None
