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


@dataclass(frozen=True, slots=True)
class Part:
    """One gateway of the scene: what it is called, what it answers, and what is written about it."""

    id: str
    label: str
    shows: str
    path: str
    reply: Reply
    entry: dict[str, str]
    """Added to its entry in our configuration."""


def _at(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat(timespec="seconds")


def _router(limit: float | None, remaining: float | None, usage: float, reset: str | None) -> Reply:
    data = {"usage": usage, "limit": limit, "limit_remaining": remaining, "limit_reset": reset}
    return json_reply({"data": data})


def _tokens(limit: int, used: int, **reset: float) -> dict[str, Any]:
    return {"limit": limit, "used": used, "remaining": limit - used, "resets_at": _at(**reset)}


def _cost(currency: str, limit: float, used: float) -> dict[str, Any]:
    return {"currency": currency, "limit": limit, "used": used, "remaining": round(limit - used, 2)}


def parts() -> list[Part]:
    """Describe the six; resets are ahead of the present, so that the picture always makes sense."""
    campus = {"tokens": _tokens(20_000_000, 7_400_000, days=9, hours=6), "cost": _cost("EUR", 120, 31.4)}
    team = {"spend": 52.37, "max_budget": 50.0, "budget_duration": "30d", "budget_reset_at": _at(days=3)}
    refusal = json_reply({"error": {"message": "invalid key"}}, 401)
    return [
        Part(
            "campus", "Campus gateway", "tokens and cost, with a reset", "/v1/quota", json_reply(campus), {}
        ),
        Part(
            "lab",
            "Robotics lab",
            "cost only",
            "/v1/quota",
            json_reply({"cost": _cost("USD", 400, 352.8)}),
            {},
        ),
        Part(
            "router",
            "OpenRouter",
            "OpenRouter's shape: usage is for life, the limit is not",
            "/api/v1/key",
            _router(100.0, 74.5, 325.5, "monthly"),
            {"preset": "openrouter", "quotaPath": "/key"},
        ),
        Part(
            "sponsored",
            "Sponsored key",
            "no limit",
            "/api/v1/key",
            _router(None, None, 18.2, None),
            {"preset": "openrouter", "quotaPath": "/key"},
        ),
        Part(
            "litellm",
            "Team LiteLLM",
            "over its limit",
            "/key/info",
            json_reply({"key": "made-up", "info": team}),
            {"preset": "litellm", "quotaPath": "//key/info"},
        ),
        Part("legacy", "Old mirror", "refuses the key with 401", "/v1/quota", refusal, {}),
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
        home.env["CAMPUS_API_KEY"] = "campus-key-from-the-environment"
        yield Scene(home, gateways, all_parts)


def _gateway(part: Part) -> Gateway:
    return Gateway().script(part.path, part.reply).models(CHAT_ANSWER, base=_base(part))


def _provider(part: Part, gateway: Gateway) -> dict[str, Any]:
    return provider(gateway.origin + _base(part), name=part.label, key=f"{part.id}-key-made-up-for-the-demo")


def _entry(part: Part) -> dict[str, str]:
    return {"providerId": part.id, "label": part.label, "preset": "neutral"} | part.entry


def _base(part: Part) -> str:
    return "/api/v1" if part.path.startswith("/api") else "/v1"
