"""Providers that nobody has configured: whose ordinary answers our presets understand all the same."""

from sidecar.adapters.gateway import Gateway
from sidecar.adapters.gateways import GatewayBuilder
from sidecar.quota import presets


class Listeners:
    """Builds, by provider and once, the gateways that only listen.

    What they are follows from the files and the environment, so that all are equal to who compares what is
    configured.
    """

    def __init__(self, builder: GatewayBuilder | None = None) -> None:
        """Listen with the keys and names that *builder* knows; without one, to nobody."""
        if builder:
            presets.listening()  # from here on in memory: `of` is called where nothing may block
        self._builder = builder
        self._built: dict[str, tuple[Gateway, ...]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listeners)

    __hash__ = None  # type: ignore[assignment]

    def of(self, provider_id: str) -> tuple[Gateway, ...]:
        """Return a gateway for each preset that reads the answers of *provider_id*."""
        if self._builder is None:
            return ()
        if provider_id not in self._built:
            self._built[provider_id] = tuple(
                self._builder.listener(provider_id, presets.load(name))
                for name in presets.listening_to(provider_id)
            )
        return self._built[provider_id]
