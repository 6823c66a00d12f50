"""The generated schemas: up to date, and the configuration's says what loading says."""

import json
from typing import Any

import msgspec
import pytest

from sidecar import __version__
from sidecar.adapters.settings import Settings
from tests.schema_drift import CURE, ROOT, drifted
from tests.schema_faults import CONFIG, faults

EXAMPLE: dict[str, Any] = {
    "$schema": "https://example.invalid/config.json",
    "enabled": True,
    "gateways": [
        {"providerId": "campus", "quotaPath": "/quota", "label": "Campus", "apiKeyEnv": "CAMPUS_KEY"},
        {"providerId": "router", "baseURL": "https://router.example/api/v1", "preset": "openrouter"},
        {"providerId": "proxy", "mapping": "litellm", "headers": {"X-Team": "{env:TEAM}"}},
        {
            "providerId": "own",
            "mapping": {"windows": [{"name": "left", "unit": "credits", "used": "body.u"}]},
        },
    ],
    "providers": {
        "campus": {"enabled": False},
        "router": {
            "priority": -1.5,
            "headers": {"X-Title": "me"},
            "set": {"provider.order": ["a"]},
            "remove": ["user"],
            "limits": {"requestsPerHour": 50, "tokensPerDay": 1e6, "costPerDay": 2.5, "hard": True},
        },
    },
    "routes": [
        {
            "targets": ["campus/m1", {"target": "router/a/m1", "model": "m", "outputLimit": 8000}],
            "strategy": "headroom",
            "maxAttempts": 2,
        }
    ],
    "models": {"m1": ["a/m1"]},
    "maxAttempts": 3,
    "headersTimeoutS": 0,
    "wallBudgetS": 240,
    "webhooks": [{"url": "https://hook.example", "format": "slack", "events": ["failover"]}],
    "quotaCacheS": 60,
    "quotaTimeoutS": 8,
    "width": 76,
    "toasts": True,
    "autoRoute": False,
    "dryRun": True,
}


def test_every_generated_file_is_up_to_date() -> None:
    assert drifted() == [], f"run `{CURE}` and commit what it writes"


def test_both_halves_have_one_version() -> None:
    places = [ROOT / "js-shim" / name for name in ("package.json", "package-lock.json")]
    assert ["version" in json.loads(file.read_text()) for file in places] == [False, False]
    assert f'VERSION = "{__version__}"' in (ROOT / "js-shim" / "src" / "protocol.gen.ts").read_text()


def test_the_configurations_schema_accepts_a_documented_example() -> None:
    assert faults(EXAMPLE, CONFIG) == []


DESCRIBED = (
    "GatewayEntry", "ProviderEntry", "ProviderLimits", "RouteEntry", "TargetEntry", "WebhookEntry",
)  # fmt: skip

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"gatewys": []}, "$.gatewys"),
    ({"width": 81}, "$.width"),
    ({"width": "76"}, "$.width"),
    ({"quotaTimeoutS": 15}, "$.quotaTimeoutS"),
    ({"gateways": [{}]}, "$.gateways[0].providerId"),
    ({"gateways": [{"providerId": ""}]}, "$.gateways[0].providerId"),
    ({"gateways": [{"providerId": "a", "baseUrl": "https://x"}]}, "$.gateways[0].baseUrl"),
    ({"gateways": [{"providerId": "a", "apiKeyEnv": "not a name"}]}, "$.gateways[0].apiKeyEnv"),
    ({"gateways": [{"providerId": "a", "label": None}]}, "$.gateways[0].label"),
    ({"providers": {"a": {"enabld": False}}}, "$.providers.a.enabld"),
    ({"providers": {"a": {"limits": {"costPerDay": -1}}}}, "$.providers.a.limits.costPerDay"),
    ({"routes": [{"targets": ["m1", "a/m1"]}]}, "$.routes[0].targets[0]"),
    ({"routes": [{"targets": ["a/m1"], "strategy": "best"}]}, "$.routes[0].strategy"),
    ({"maxAttempts": 17}, "$.maxAttempts"),
]


@pytest.mark.parametrize(("change", "place"), REFUSED, ids=str)
def test_the_configurations_schema_marks_what_loading_reports(change: dict[str, Any], place: str) -> None:
    assert faults(EXAMPLE | change, CONFIG) == [place]


def test_every_setting_is_described_by_its_name_in_the_schema() -> None:
    assert set(CONFIG["properties"]) == {field.encode_name for field in msgspec.structs.fields(Settings)}
    assert set(CONFIG["properties"]) >= set(EXAMPLE)
    described = [CONFIG, *(CONFIG["$defs"][name] for name in DESCRIBED)]
    hints = {name: row.get("description") for part in described for name, row in part["properties"].items()}
    assert [name for name, hint in hints.items() if not hint] == []
    assert CONFIG["additionalProperties"] is False
