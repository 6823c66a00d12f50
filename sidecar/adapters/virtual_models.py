"""The models of `limit-router`: which there are, and which models of real providers each stands for.

First what our file lists, then what OpenCode's own files list, then every model that several providers have.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from msgspec import Struct

from sidecar.adapters.catalogue import Catalogue, Offer
from sidecar.adapters.documents import Document
from sidecar.adapters.entries import Finding
from sidecar.adapters.host_config import HostVirtualModel
from sidecar.adapters.jsonc import Path
from sidecar.adapters.route_settings import ProviderEntry, VirtualModelEntry
from sidecar.adapters.settings import Settings
from sidecar.core.choose import Strategy
from sidecar.core.models import canonical_id
from sidecar.protocol import ROUTER, Target
from sidecar.texts import routes as words

MOST: Final = 200
"""So many are found by themselves, those that the most providers have."""


class VirtualModel(Struct, frozen=True):
    """A model that is served by whichever of its targets has the most left."""

    id: str
    name: str
    """What the picker calls it."""
    targets: tuple[Target, ...]
    """In the user's order, else in that of priorities and of OpenCode's providers."""
    strategy: Strategy
    is_listed: bool = True
    """The user has listed it; else it was found."""


class VirtualModelReader(Struct, frozen=True):
    """Finds virtual models in what is configured, among what the host offers."""

    catalogue: Catalogue
    settings: Settings
    aliases: Mapping[str, tuple[str, ...]]
    named: Container[str] = ()
    """The providers of OpenCode's own global files: any other that a file names may be a project's."""

    def read(
        self,
        hosts: Mapping[str, HostVirtualModel],
        found: list[Finding],
        hosts_found: list[tuple[Document, Finding]],
    ) -> dict[str, VirtualModel]:
        """Return them by id, in the order in which they are listed.

        *found* gets what is wrong in our file, *hosts_found* what is wrong in OpenCode's.
        """
        groups, own = self._groups(), self.settings.virtual_models
        models: dict[str, VirtualModel | None] = {}
        for model_id, entry in own.items():
            models[model_id] = None
            if entry.enabled:
                targets = self._targets(model_id, entry, groups, ("virtualModels", model_id), found)
                models[model_id] = self._model(model_id, targets, entry)
        for model_id, row in hosts.items():
            if model_id not in own:
                entry, faults = VirtualModelEntry(targets=list(row.providers), name=row.name), list[Finding]()
                targets = self._targets(model_id, entry, groups, row.path, faults, "providers")
                models[model_id] = self._model(model_id, targets, entry)
                hosts_found.extend((row.document, fault) for fault in faults)
        shared = self._shared(groups) if self.settings.auto_virtual_models else {}
        listed = {self._group(model_id) for model_id in models}  # in whatever spelling
        for model_id in [name for name in shared if self._group(name) not in listed]:
            models[model_id] = self._model(model_id, shared[model_id], None)
        return {model_id: model for model_id, model in models.items() if model}

    def _model(
        self, model_id: str, targets: Iterable[Target], entry: VirtualModelEntry | None
    ) -> VirtualModel | None:
        """Return the model; None for one that nobody has."""
        rows = tuple(dict.fromkeys(targets))
        if not rows:
            return None
        known = (self.catalogue.find(target) for target in rows)
        called = next((model.name for model in known if model and model.name), model_id)
        name = (entry and entry.name) or words.routed_name(called)
        strategy = (entry and entry.strategy) or self.settings.strategy
        return VirtualModel(model_id, name, rows, strategy, entry is not None)

    def _targets(
        self,
        model_id: str,
        entry: VirtualModelEntry,
        groups: Mapping[str, dict[str, Offer]],
        path: Path,
        found: list[Finding],
        key: str = "targets",
    ) -> list[Target]:
        """Return the targets of a listed model; what can't be one is a finding."""
        offers = groups.get(self._group(model_id), {})
        if not entry.targets:
            if self._is_told() and not offers:
                found.append(Finding(path, words.nobody_has(model_id)))
            return [Target(row.provider_id, row.model.id) for row in self._ordered(offers)]
        rows = (
            self._target(text, model_id, offers, (*path, key, index), found)
            for index, text in enumerate(entry.targets)
        )
        return [row for row in rows if row]

    def _target(
        self, text: str, model_id: str, offers: Mapping[str, Offer], path: Path, found: list[Finding]
    ) -> Target | None:
        """Return what `provider/model` means, or a provider's name for its model of this name."""
        provider_id, _, called = text.partition("/")
        if provider_id == ROUTER:
            found.append(Finding(path, words.no_router_of_routers()))
            return None
        if called:
            models = list(self.catalogue.models(provider_id))
            if models and called not in models:
                found.append(Finding(path, words.unknown_model(provider_id, called, models)))
            return Target(provider_id, called)
        if offer := offers.get(provider_id):
            return Target(provider_id, offer.model.id)
        if self._is_told():
            known = list(self.catalogue.providers())
            found.append(Finding(path, words.has_no_such_model(provider_id, model_id, known)))
        return None

    def _groups(self) -> dict[str, dict[str, Offer]]:
        """Return by one name for each model who offers it: of each provider the id that is closest."""
        groups: dict[str, dict[str, Offer]] = {}
        for offer in self.catalogue.offers():
            if self.catalogue.is_written(offer.provider_id) and offer.provider_id not in self.named:
                continue
            name = self._group(offer.model.id)
            rows = groups.setdefault(name, {})
            if offer.provider_id not in rows or offer.model.id == name:
                rows[offer.provider_id] = offer
        return groups

    def _group(self, model_id: str) -> str:
        """Return the one name of all that mean the same model."""
        name = canonical_id(model_id)
        others = (other for one in (model_id, name) for other in self.aliases.get(one, ()))
        return min({name, *(canonical_id(other) for other in others)})

    def _shared(self, groups: Mapping[str, dict[str, Offer]]) -> dict[str, list[Target]]:
        """Return what several providers have, by the name that the first of them has for it."""
        shared = [[row for row in self._ordered(rows) if self._is_on(row)] for rows in groups.values()]
        shared = [rows for rows in shared if len(rows) > 1]
        shared.sort(key=lambda rows: (-len(rows), rows[0].model.id))
        return {
            canonical_id(rows[0].model.id): [Target(row.provider_id, row.model.id) for row in rows]
            for rows in shared[:MOST]
        }

    def _ordered(self, offers: Mapping[str, Offer]) -> list[Offer]:
        return sorted(offers.values(), key=lambda row: self._entry(row.provider_id).priority)

    def _is_on(self, offer: Offer) -> bool:
        return self._entry(offer.provider_id).enabled

    def _entry(self, provider_id: str) -> ProviderEntry:
        return self.settings.providers.get(provider_id, ProviderEntry())

    def _is_told(self) -> bool:
        return bool(self.catalogue.providers())
