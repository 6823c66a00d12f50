"""Six gateways as a team would have them, each in another state, and a home that is configured for them.

It is what the demo shows. All names, keys and numbers are made up; every key is sent to loopback only.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.replies import Reply, json_reply

CHAT_ANSWER: Final = "The model was asked, and should not have been."


IN_ENVIRONMENT: Final = "campus"
IN_AUTH: Final = "router"
"""Whose keys are not in opencode.json, so that every source of a key is seen."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of gateway: where it is asked, what is written about it, and where its models are."""

    path: str
    entry: dict[str, str]
    base: str = "/v1"


NEUTRAL: Final = Shape("/v1/quota", {"preset": "neutral"})
ROUTER: Final = Shape("/api/v1/key", {"preset": "openrouter", "quotaPath": "/key"}, "/api/v1")
LITELLM: Final = Shape("/key/info", {"preset": "litellm", "quotaPath": "//key/info"})


@dataclass(frozen=True, slots=True)
class Part:
    """One gateway of the scene."""

    id: str
    label: str
    shows: str
    shape: Shape
    reply: Reply

    @property
    def key(self) -> str:
        return f"{self.id}-key-made-up-for-the-demo"


def _at(**ahead: float) -> str:
    soon = timedelta(minutes=1)  # so that it is still ahead by as much when it is shown
    return (datetime.now(UTC) + soon + timedelta(**ahead)).isoformat(timespec="seconds")


def _router(limit: float | None, remaining: float | None, usage: float, reset: str | None) -> Reply:
    data = {"usage": usage, "limit": limit, "limit_remaining": remaining, "limit_reset": reset}
    return json_reply({"data": data})


def _monthly() -> Reply:
    return _router(100.0, 74.5, 325.5, "monthly")


def _tokens(limit: int, used: int, **reset: float) -> dict[str, Any]:
    return {"limit": limit, "used": used, "remaining": limit - used, "resets_at": _at(**reset)}


def _cost(currency: str, limit: float, used: float) -> dict[str, Any]:
    return {"currency": currency, "limit": limit, "used": used, "remaining": round(limit - used, 2)}


def parts() -> list[Part]:
    """Describe the six; resets are ahead of the present, so that the picture always makes sense."""
    campus = {"tokens": _tokens(20_000_000, 7_400_000, days=9, hours=6), "cost": _cost("EUR", 120, 31.4)}
    team = {"spend": 52.37, "max_budget": 50.0, "budget_duration": "30d", "budget_reset_at": _at(days=3)}
    lab = json_reply({"cost": _cost("USD", 400, 352.8)})
    litellm = json_reply({"key": "made-up", "info": team})
    refusal = json_reply({"error": {"message": "invalid key"}}, 401)
    return [
        Part("campus", "Campus gateway", "tokens and cost, with a reset", NEUTRAL, json_reply(campus)),
        Part("lab", "Robotics lab", "cost only", NEUTRAL, lab),
        Part("router", "OpenRouter", "usage for life, a limit by the month", ROUTER, _monthly()),
        Part("sponsored", "Sponsored key", "no limit", ROUTER, _router(None, None, 18.2, None)),
        Part("litellm", "Team LiteLLM", "over its limit", LITELLM, litellm),
        Part("legacy", "Old mirror", "refuses the key with 401", NEUTRAL, refusal),
    ]


@dataclass(frozen=True, slots=True)
class Scene:
    home: Home
    gateways: dict[str, Gateway]
    parts: list[Part]

    @property
    def model_calls(self) -> int:
        return sum(len(gateway.model_calls) for gateway in self.gateways.values())


@contextmanager
def scene() -> Generator[Scene]:
    """Start the gateways, and write opencode.json and quota-sidecar.jsonc of a fresh home for them."""
    all_parts = parts()
    with ExitStack() as stack:
        home = stack.enter_context(Home())
        gateways = {part.id: stack.enter_context(_gateway(part)) for part in all_parts}
        home.write_opencode({part.id: _provider(part, gateways[part.id]) for part in all_parts})
        home.write_gateways(*(_entry(part) for part in all_parts))
        _hand_out_keys(home, all_parts)
        yield Scene(home, gateways, all_parts)


def _gateway(part: Part) -> Gateway:
    shape = part.shape
    return Gateway().script(shape.path, part.reply).models(CHAT_ANSWER, base=shape.base)


def _provider(part: Part, gateway: Gateway) -> dict[str, Any]:
    key = None if part.id in (IN_ENVIRONMENT, IN_AUTH) else part.key
    return provider(gateway.origin + part.shape.base, name=part.label, key=key, model_name="Qwen3 Coder")


def _entry(part: Part) -> dict[str, str]:
    return {"providerId": part.id, "label": part.label} | part.shape.entry


def _hand_out_keys(home: Home, all_parts: list[Part]) -> None:
    keys = {part.id: part.key for part in all_parts}
    home.env[f"{IN_ENVIRONMENT.upper()}_API_KEY"] = keys[IN_ENVIRONMENT]
    home.write_auth(**{IN_AUTH: keys[IN_AUTH]})
