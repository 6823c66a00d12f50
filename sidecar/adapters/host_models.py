"""The virtual models as OpenCode's picker is to offer them: with what every one of their targets can do."""

from collections.abc import Iterable, Mapping
from typing import Final

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.targets import Route, Targets
from sidecar.adapters.virtual_models import VirtualModel
from sidecar.adapters.wires import Spoken
from sidecar.host_json import HostModel
from sidecar.protocol import ROUTER, CatalogueModel, Target

NPM: Final[dict[Spoken, str]] = {
    "openai-chat": "@ai-sdk/openai-compatible",
    "openai-responses": "@ai-sdk/openai",
    "anthropic-messages": "@ai-sdk/anthropic",
}
"""The package that OpenCode brings along for each wire."""


def host_models(
    models: Mapping[str, VirtualModel], targets: Targets, catalogue: Catalogue
) -> dict[str, HostModel]:
    """Return *models* for `host.json`; one that no target of can be used now is left out."""
    found: dict[str, HostModel] = {}
    for model in models.values():
        route = targets.route(Target(ROUTER, model.id), catalogue)
        usable = [row.target for row in route.targets if row.why_not is None or row.by_turn]
        known = [offered for target in usable if (offered := catalogue.find(target))]
        default = next((target for target in usable if catalogue.find(target)), None)
        if default:
            found[model.id] = _host_model(model, route, default, known)
    return found


def _host_model(
    model: VirtualModel, route: Route, default: Target, known: Iterable[CatalogueModel]
) -> HostModel:
    rows = list(known)
    limits = [row.limits for row in rows if row.limits]
    takes = [row.input_modalities for row in rows if row.input_modalities is not None]
    return HostModel(
        name=model.name,
        npm=NPM[route.wire],
        provider_id=default.provider_id,
        model_id=default.model_id,
        context=min((row.context for row in limits if row.context), default=None),
        output=min((row.output for row in limits if row.output), default=None),
        input_modalities=[kind for kind in takes[0] if all(kind in row for row in takes)] if takes else None,
        takes_tools=_all(row.takes_tools for row in rows),
        takes_temperature=_all(row.takes_temperature for row in rows),
        reasons=_all(row.reasons for row in rows),
    )


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Return what holds for all that say; None when none does."""
    known = [answer for answer in answers if answer is not None]
    return all(known) if known else None
