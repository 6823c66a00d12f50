"""Six gateways as a team would have them, each in another state, and a home that is configured for them.

It is what the demo shows. All names, keys and numbers are made up; every key is sent to loopback only.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sidecar import protocol
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.replies import Reply, json_reply

CHAT_ANSWER: Final = "Hello! I am made up, and so is what is left of me."

IN_ENVIRONMENT: Final = "campus"
IN_AUTH: Final = "go"
"""Whose keys are not in opencode.json, so that every source of a key is seen."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of gateway: where it is asked, what is written about it, and where its models are."""

    path: str
    entry: dict[str, str]
    base: str = "/v1"


NEUTRAL: Final = Shape("/v1/quota", {"preset": "neutral"})
GO: Final = Shape("/zen/go/v1/usage", {"preset": "opencode-go"}, "/zen/go/v1")
LITELLM: Final = Shape("/key/info", {"preset": "litellm"})
ROUTER: Final = Shape("/api/v1/key", {"preset": "openrouter"}, "/api/v1")


NOTHING_THERE: Final = Reply(404)


@dataclass(frozen=True, slots=True)
class Part:
    """One gateway of the scene."""

    id: str
    label: str
    shows: str
    reply: Reply = NOTHING_THERE
    shape: Shape | None = None
    """Absent: nobody has configured it, and it isn't asked."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """What its ordinary answers say."""

    @property
    def key(self) -> str:
        return f"{self.id}-key-made-up-for-the-demo"


def _at(**ahead: float) -> str:
    soon = timedelta(minutes=1)  # so that it is still ahead by as much when it is shown
    return (datetime.now(UTC) + soon + timedelta(**ahead)).isoformat(timespec="seconds")


def _tokens(limit: int, used: int, **reset: float) -> dict[str, Any]:
    return {"limit": limit, "used": used, "remaining": limit - used, "resets_at": _at(**reset)}


def _cost(currency: str, limit: float, used: float) -> dict[str, Any]:
    return {"currency": currency, "limit": limit, "used": used, "remaining": round(limit - used, 2)}


def _share(percent: float, **reset: float) -> dict[str, Any]:
    return {"status": "ok", "percent": percent, "resetsAt": _at(**reset)}


def parts() -> list[Part]:
    """Describe the six; resets are ahead of the present, so that the picture always makes sense."""
    campus = {"tokens": _tokens(20_000_000, 7_400_000, days=9, hours=6), "cost": _cost("EUR", 120, 31.4)}
    plan = {
        "rolling": _share(12, hours=2, minutes=40),
        "weekly": _share(38, days=4),
        "monthly": _share(55.5, days=9),
    }
    team = {"spend": 47.85, "max_budget": 50.0, "budget_duration": "30d", "budget_reset_at": _at(days=3)}
    sponsored = {"usage": 18.2, "limit": None, "limit_remaining": None, "limit_reset": None}
    heard = {
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-remaining-requests": "13212",
        "x-ratelimit-reset-requests": "5h1m30s",
    }
    refusal = json_reply({"error": {"message": "invalid key"}}, 401)
    return [
        Part("groq", "Groq", "never asked: its answers to chats tell", headers=heard),
        # First of those that are asked: its lines are short enough to stand beside the toast.
        Part("sponsored", "Sponsored key", "no limit", json_reply({"data": sponsored}), ROUTER),
        Part("campus", "Campus gateway", "tokens and cost, with a reset", json_reply(campus), NEUTRAL),
        Part("go", "OpenCode Go", "a plan that says percentages only", json_reply({"usage": plan}), GO),
        Part("litellm", "Team LiteLLM", "nearly used up", json_reply({"info": team}), LITELLM),
        Part("legacy", "Old mirror", "refuses the key with 401", refusal, NEUTRAL),
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
        home.like_a_users()
        gateways = {part.id: stack.enter_context(_gateway(part)) for part in all_parts}
        providers = {part.id: _provider(part, gateways[part.id]) for part in all_parts}
        home.write_opencode(providers, enabled_providers=[*providers, protocol.ROUTER])
        home.write_gateways(*(_entry(part, part.shape) for part in all_parts if part.shape))
        _hand_out_keys(home, all_parts)
        yield Scene(home, gateways, all_parts)


def _gateway(part: Part) -> Gateway:
    gateway = Gateway().models(CHAT_ANSWER, _base(part), part.headers)
    return gateway.script(part.shape.path, part.reply) if part.shape else gateway


def _provider(part: Part, gateway: Gateway) -> dict[str, Any]:
    key = None if part.id in (IN_ENVIRONMENT, IN_AUTH) else part.key
    return provider(gateway.origin + _base(part), name=part.label, key=key, model_name="Qwen3 Coder")


def _base(part: Part) -> str:
    return part.shape.base if part.shape else "/v1"


def _entry(part: Part, shape: Shape) -> dict[str, str]:
    return {"providerId": part.id, "label": part.label} | shape.entry


def _hand_out_keys(home: Home, all_parts: list[Part]) -> None:
    keys = {part.id: part.key for part in all_parts}
    home.env[f"{IN_ENVIRONMENT.upper()}_API_KEY"] = keys[IN_ENVIRONMENT]
    home.write_auth(**{IN_AUTH: keys[IN_AUTH]})
