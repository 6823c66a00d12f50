"""Which model somebody means who types its name."""

from collections.abc import Iterator

from sidecar.core.models import canonical_id
from sidecar.protocol import ROUTER, Target
from sidecar.services.workspaces import Workspace
from sidecar.texts import route_words


class UnknownModelError(LookupError):
    """Somebody asked for a model that nobody has; the message names the nearest."""


def find_model(place: Workspace, text: str) -> Target:
    """Return the model that *text* names: a virtual one, `provider/model`, or any spelling of either's id.

    Raises `UnknownModelError`.
    """
    virtual = place.config.virtual_models
    provider_id, _, model_id = text.partition("/")
    own = model_id if provider_id == ROUTER else text
    if own in virtual:
        return Target(ROUTER, own)
    target = Target(provider_id, model_id)
    if model_id and (place.catalogue.find(target) or _is_listed(place, target)):
        return target
    if (name := canonical_id(own)) in virtual:
        return Target(ROUTER, name)
    named = (offer for offer in place.catalogue.offers() if _is_named(text, offer.model.id))
    if offer := next(named, None):
        return Target(offer.provider_id, offer.model.id)
    raise UnknownModelError(route_words.unknown_model(text, _known(place)))


def _is_named(text: str, model_id: str) -> bool:
    return text == model_id or canonical_id(text) == canonical_id(model_id)


def _is_listed(place: Workspace, target: Target) -> bool:
    """Say whether a route lists *target*, whatever the host offers."""
    name = f"{target.provider_id}/{target.model_id}"
    listed = (row for route in place.config.settings.routes for row in route.targets)
    return any(name == (row if isinstance(row, str) else row.target) for row in listed)


def _known(place: Workspace) -> Iterator[str]:
    yield from place.config.virtual_models
    yield from (f"{offer.provider_id}/{offer.model.id}" for offer in place.catalogue.offers())
