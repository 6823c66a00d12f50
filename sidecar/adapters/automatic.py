"""Providers that nobody has configured, but has a key or a login for: asked what is left all the same.

Only those whose service is known to a preset, at that service's own place, with what belongs there. Where the
service doesn't document that it may be asked, it isn't, unless the user wants it.
"""

from collections.abc import Collection

from msgspec import Struct

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.gateways import GatewayBuilder
from sidecar.adapters.route_settings import ProviderEntry
from sidecar.adapters.settings import Settings


class Automatic(Struct, frozen=True):
    """Who is asked without an entry, and who could be."""

    gateways: tuple[Gateway, ...] = ()
    unasked: tuple[str, ...] = ()
    """Providers that would be, if the user wanted it although their service doesn't document it."""


def find_automatic(
    builder: GatewayBuilder, settings: Settings, catalogue: Catalogue, chosen: Collection[str]
) -> Automatic:
    """Return who is asked beside the *chosen* providers, which have entries of their own.

    Once the host has told which providers it offers in *catalogue*, no others are asked.
    """
    if not settings.auto_quota:
        return Automatic()
    asked: list[Gateway] = []
    unasked: list[str] = []
    for provider_id, names in sorted(builder.presets.asking().items()):
        is_offered = not catalogue.providers() or provider_id in catalogue.providers()
        if provider_id in chosen or not is_offered or not builder.has_credential(provider_id):
            continue
        found = [row for name in names if (row := builder.unconfigured(provider_id, name))]
        is_wanted = settings.providers.get(provider_id, ProviderEntry()).undocumented
        asked += [row for row in found if is_wanted or not row.mapping.undocumented]
        if not is_wanted and any(row.mapping.undocumented for row in found):
            unasked.append(provider_id)
    return Automatic(tuple(asked), tuple(unasked))
