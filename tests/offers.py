"""What a host offers, in short, for tests of where requests may go."""

from typing import Any

from sidecar.adapters.catalogue import Catalogue
from sidecar.protocol import CatalogueModel, CatalogueProvider, Target

CHAT, RESPONSES, MESSAGES = "@ai-sdk/openai-compatible", "@ai-sdk/openai", "@ai-sdk/anthropic"


def catalogue(**providers: list[CatalogueModel]) -> Catalogue:
    """Return a catalogue of these providers, whose ids are written with _ for -."""
    rows = ((name.replace("_", "-"), models) for name, models in providers.items())
    return Catalogue([CatalogueProvider(provider_id, models) for provider_id, models in rows])


def model(model_id: str, npm: str | None = CHAT, **more: Any) -> CatalogueModel:
    return CatalogueModel(model_id, npm=npm, **more)


def target(text: str) -> Target:
    """Read `provider/model`."""
    provider_id, _, model_id = text.partition("/")
    return Target(provider_id, model_id)


def name(of: Target) -> str:
    return f"{of.provider_id}/{of.model_id}"
