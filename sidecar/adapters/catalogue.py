"""What the host offers in a directory: its providers and models, indexed once by what a model is called."""

from collections import defaultdict
from collections.abc import Iterable, Set
from typing import Final, NamedTuple

from sidecar.protocol import ROUTER, CatalogueModel, CatalogueProvider, Target


class Offer(NamedTuple):
    """A model of a provider."""

    provider_id: str
    model: CatalogueModel

    @property
    def api_id(self) -> str:
        """Return what the provider itself calls the model."""
        return self.model.api_id or self.model.id


class Catalogue:
    """The providers that `workspace/open` has told; never changes, so that it can be compared by `is`."""

    def __init__(self, providers: Iterable[CatalogueProvider] = ()) -> None:
        """Index *providers*, in their order."""
        self.names: dict[str, str] = {}
        """What the host calls its providers, by id; only of those that have a name."""
        self._models: dict[str, dict[str, CatalogueModel]] = {}
        self._real: dict[str, None] = {}
        self._written: set[str] = set()
        self._offers: defaultdict[str, list[Offer]] = defaultdict(list)
        for provider in providers:
            if provider.name:
                self.names[provider.id] = provider.name
            if provider.source == "config":
                self._written.add(provider.id)
            self._models[provider.id] = {model.id: model for model in provider.models}
            if provider.id == ROUTER:
                continue  # its models are nobody's: they stand for those of others
            self._real[provider.id] = None
            for model in provider.models:
                offer = Offer(provider.id, model)
                for called in {model.id, offer.api_id}:
                    self._offers[called].append(offer)

    def name(self, provider_id: str) -> str | None:
        """Return what the host calls a provider."""
        return self.names.get(provider_id)

    def providers(self) -> Set[str]:
        """Return the ids of all real providers; none before the host has told."""
        return self._real.keys()

    def is_written(self, provider_id: str) -> bool:
        """Say whether a configuration file names the provider: which one, the host doesn't tell."""
        return provider_id in self._written

    def offers(self) -> Iterable[Offer]:
        """Return every model of every real provider."""
        return (
            Offer(provider_id, model)
            for provider_id in self._real
            for model in self._models[provider_id].values()
        )

    def models(self, provider_id: str) -> Iterable[str]:
        """Return the ids of a provider's models."""
        return self._models.get(provider_id, {}).keys()

    def find(self, target: Target) -> CatalogueModel | None:
        """Return the model of *target*, if the host offers it."""
        return self._models.get(target.provider_id, {}).get(target.model_id)

    def called(self, name: str) -> Iterable[Offer]:
        """Return every model whose id, or whose provider's id for it, is *name*."""
        return self._offers.get(name, ())


NOTHING: Final = Catalogue()
"""Before the host has told."""
