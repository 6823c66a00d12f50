"""Where a request of a model may go instead: every target with its address, key and edits, or why it is none.

A URL comes from a global file or from `wires.toml`, never from a project or from the host's own answers; a
key goes to its provider's own place and nowhere else.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from sidecar.adapters.catalogue import NOTHING, Catalogue, Offer
from sidecar.adapters.providers import Provider, Providers
from sidecar.adapters.routes import Listed, Routes
from sidecar.adapters.secrets import Secret
from sidecar.adapters.settings import ProviderEntry, Settings
from sidecar.adapters.target_edits import edits_for
from sidecar.adapters.virtual_models import VirtualModel
from sidecar.adapters.wires import Spoken, wires
from sidecar.core.account import Account
from sidecar.core.choose import Abilities, Strategy, Unfit
from sidecar.protocol import ROUTER, CatalogueModel, CataloguePrices, Edit, Target, Wire


class TargetSpec(Struct, frozen=True):
    """All that is needed to send a request to a model of a provider."""

    target: Target
    wire: Wire
    account: Account
    model: str
    """What the provider itself calls it."""
    url: str | None = None
    """Absent where nothing can be sent."""
    headers: dict[str, Secret] = {}
    """Lower-case names; the key among them."""
    edits: tuple[Edit, ...] = ()
    edits_at_home: tuple[Edit, ...] = ()
    """Instead, for a session of a virtual model that has been nowhere else."""
    abilities: Abilities = Abilities()
    priority: float = 0.0
    place: int = 0
    why_not: Unfit | None = None
    """Why no request of another model can be sent there."""
    by_turn: bool = False
    """A turn can be moved there: the host offers the model, and nobody switched the provider off."""
    prices: CataloguePrices | None = None
    is_paid: bool = False
    """What is used there costs nothing more: a login's plan, or a server of the user's own."""


class Route(Struct, frozen=True):
    """The targets for requests of a model, its own among them unless that is a virtual one."""

    own: Target
    targets: tuple[TargetSpec, ...]
    strategy: Strategy = "priority"
    max_attempts: int = 3
    virtual: VirtualModel | None = None
    """The virtual model that they stand for."""

    @property
    def wire(self) -> Spoken:
        """Return the wire that most of those speak to which a request can be sent; of equals the first."""
        counts: dict[Spoken, int] = {}
        for row in self.targets:
            if row.why_not is None and row.wire != "other":
                counts[row.wire] = counts.get(row.wire, 0) + 1
        return max(counts, key=lambda wire: counts[wire]) if counts else "openai-chat"


class Targets:
    """Builds routes, each once.

    What they are follows from the files and the environment, so that all are equal to who compares what is
    configured.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        routes: Routes | None = None,
        providers: Providers | None = None,
        virtual: Mapping[str, VirtualModel] = {},
    ) -> None:
        """Route by *settings* and *routes*, with what *providers* knows of addresses and keys."""
        self._virtual = virtual
        listed = (target.provider_id for row in virtual.values() if row.is_listed for target in row.targets)
        if providers:
            wires()  # from here on in memory: `route` is called where nothing may block
        self._settings = settings or Settings()
        self._listed = routes or Routes()
        self._providers = providers or Providers()
        self._named = {
            *self._providers.names(),
            *self._settings.providers,
            *self._listed.providers(),
            *listed,
        }
        self._catalogue = NOTHING
        self._routes: dict[Target, Route] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Targets)

    __hash__ = None  # type: ignore[assignment]

    def route(self, own: Target, catalogue: Catalogue) -> Route:
        """Return where a request of *own* may go; *own* itself comes first, unless a route lists it."""
        if catalogue is not self._catalogue:
            self._routes.clear()
            self._catalogue = catalogue
        if own not in self._routes:
            self._routes[own] = self._route(own)
        return self._routes[own]

    def names(self) -> dict[str, str | None]:
        """Return the providers of the host's own global files, with what they call them."""
        return self._providers.names()

    def account(self, target: Target, origin: str | None) -> Account:
        """Return whose quota the host itself uses by a request to *origin* (None: as configured)."""
        provider = self._providers.find(target.provider_id)
        return provider.account(self._wire(provider, self._catalogue.find(target)), origin)

    def _route(self, own: Target) -> Route:
        settings = self._settings
        if own.provider_id == ROUTER:
            return self._virtual_route(own)
        for row in self._listed.rows:
            if any(listed.target == own for listed in row.targets):
                specs = tuple(self._spec(listed, own, place) for place, listed in enumerate(row.targets))
                return Route(own, specs, row.strategy, row.max_attempts or settings.max_attempts)
        specs = [self._spec(Listed(own), own)]
        if settings.auto_route:
            specs += [self._of_offer(offer, own) for offer in self._same_models(own)]
        return Route(own, tuple(specs), max_attempts=settings.max_attempts)

    def _virtual_route(self, own: Target) -> Route:
        model, most = self._virtual.get(own.model_id), self._settings.max_attempts
        if model is None:
            return Route(own, ())
        specs = (self._spec(Listed(target), own, place) for place, target in enumerate(model.targets))
        return Route(own, tuple(specs), model.strategy, most, model)

    def _same_models(self, own: Target) -> Iterator[Offer]:
        """Yield of every other provider the model that is closest to *own*: the same id before an alias."""
        model = self._catalogue.find(own)
        names = dict.fromkeys((own.model_id, (model and model.api_id) or own.model_id))
        aliases = (alias for name in names for alias in self._listed.aliases.get(name, ()))
        seen = {own.provider_id}
        for name in dict.fromkeys((*names, *aliases)):
            for offer in self._catalogue.called(name):
                if offer.provider_id not in seen:
                    seen.add(offer.provider_id)
                    yield offer

    def _of_offer(self, offer: Offer, own: Target) -> TargetSpec:
        entry = self._settings.providers.get(offer.provider_id, ProviderEntry())
        spec = self._spec(Listed(Target(offer.provider_id, offer.model.id)), own)
        return msgspec.structs.replace(spec, priority=entry.priority)

    def _spec(self, listed: Listed, own: Target, place: int = 0) -> TargetSpec:
        target, model = listed.target, self._catalogue.find(listed.target)
        provider = self._providers.find(target.provider_id)
        wire = self._wire(provider, model)
        entry = self._settings.providers.get(target.provider_id, ProviderEntry())
        is_on = entry.enabled and self._is_offered(target.provider_id)
        spec = TargetSpec(
            target,
            wire,
            provider.account(wire, None),
            listed.model or provider.api_ids.get(target.model_id) or _api_id(model, target),
            abilities=_abilities(listed, model),
            place=place,
            why_not=self._why_not(provider, wire, is_on=is_on),
            by_turn=is_on and model is not None and self._is_users(target.provider_id),
            prices=model.prices if model else None,
            is_paid=provider.is_paid,
        )
        base = provider.base(wire)
        if spec.why_not or base is None or wire == "other":
            return spec
        return self._with_address(spec, listed, provider, own)

    def _with_address(self, spec: TargetSpec, listed: Listed, provider: Provider, own: Target) -> TargetSpec:
        extras = self._listed.extras.get(spec.target.provider_id)
        headers = provider.headers(spec.wire) | (extras.headers if extras else {}) | listed.extras.headers
        wanted = (*(extras.edits if extras else ()), *listed.extras.edits)
        edits, at_home = (
            (*edits_for(spec.wire, spec.model, spec.abilities.output, home, spec.account), *wanted)
            for home in (self.account(own, None), spec.account)
        )
        return msgspec.structs.replace(
            spec, url=provider.url(spec.wire), headers=headers, edits=edits, edits_at_home=at_home
        )

    def _is_users(self, provider_id: str) -> bool:
        """Say whether the user has it from elsewhere than a project's file: that sends nothing anywhere."""
        return not self._catalogue.is_written(provider_id) or provider_id in self._named

    def _is_offered(self, provider_id: str) -> bool:
        """Say whether the host has the provider: who disables one for a project wants no prompt there."""
        offered = self._catalogue.providers()
        return not offered or provider_id in offered

    def _why_not(self, provider: Provider, wire: Wire, *, is_on: bool) -> Unfit | None:
        extras = self._listed.extras.get(provider.id)
        return (
            "switched off"
            if not is_on
            else provider.why_not(wire, is_broken=bool(extras and extras.is_broken))
        )

    def _wire(self, provider: Provider, model: CatalogueModel | None) -> Wire:
        """Return what is spoken: as the host says of the model, else as is known of the provider."""
        npm = (model and model.npm) or provider.npm
        return wires().of(npm) if npm else wires().of_provider(provider.id)


def _api_id(model: CatalogueModel | None, target: Target) -> str:
    return (model and model.api_id) or target.model_id


def _abilities(listed: Listed, model: CatalogueModel | None) -> Abilities:
    limits = model.limits if model else None
    takes = model.input_modalities if model else None
    return Abilities(
        context=listed.context_limit or (limits and limits.context) or None,
        output=listed.output_limit or (limits and limits.output) or None,
        takes_images=None if takes is None else "image" in takes,
        takes_tools=model.takes_tools if model else None,
    )
