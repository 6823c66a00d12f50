"""What `/quota_status` answers with: which gateways, which values of theirs, as text and as data."""

import json

import msgspec
import pytest

from sidecar.adapters import urls
from sidecar.adapters.credentials import Credential, KeySource
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.secrets import Secret
from sidecar.adapters.store import QuotaError, QuotaSnapshot
from sidecar.core.account import account_of
from sidecar.core.freshness import KEEP_OLD_S
from sidecar.quota import presets
from sidecar.quota.windows import Window
from sidecar.services.commands import QuotaStatusArguments, parse_quota_status
from sidecar.services.status import UnknownGatewayError, gateway_report, select
from sidecar.texts.data import as_json
from sidecar.texts.status_report import (
    FailureReport,
    GatewayReport,
    KeyReport,
    ProblemReport,
    StatusReport,
)

NOW = 1_795_219_200.0
"""2026-11-21T00:00:00Z"""
KEY = "test-key-" + "a" * 24
LASTING = Window("key limit", "cost", used=3, unlimited=True)


def gateway(
    provider_id: str = "campus", label: str = "Campus AI", credential: Credential | None = None
) -> Gateway:
    return Gateway(
        provider_id=provider_id,
        label=label,
        base=urls.parse("https://campus.example"),
        mapping=presets.load("neutral"),
        account=account_of(provider_id, "https://campus.example", KEY),
        credential=credential,
    )


@pytest.mark.parametrize(
    ("typed", "only", "refresh"),
    [
        ("", None, False),
        ("refresh", None, True),
        ("campus", "campus", False),
        ("campus refresh", "campus", True),
        ("REFRESH  campus", "campus", True),
        ("Campus AI", "Campus AI", False),
        ("refresh refresh", None, True),
    ],
)
def test_a_command_takes_a_gateway_and_refresh_in_any_order(
    typed: str, only: str | None, refresh: bool
) -> None:
    assert parse_quota_status(typed) == QuotaStatusArguments(only, refresh)


def test_a_gateway_is_found_by_its_provider_or_its_label_in_any_case() -> None:
    campus, other = gateway(), gateway("other", "Other")
    both = [campus, other]
    assert select(both, None) == both
    assert select(both, "CAMPUS") == select(both, "campus ai") == [campus]
    with pytest.raises(UnknownGatewayError, match=r"^There is no gateway 'x'\. Configured: campus, other\.$"):
        select(both, "x")


def test_a_gateway_that_nobody_has_asked_yet_shows_its_key_alone() -> None:
    assert gateway_report(gateway(), None, {}, NOW) == GatewayReport(
        "campus", "Campus AI", KeyReport("none (keyless)", is_missing=True)
    )


def test_an_authorization_header_of_the_entry_is_named_as_the_source() -> None:
    credential = Credential(KeySource("auth.json", Secret(KEY)))
    own = msgspec.structs.replace(
        gateway(credential=credential), headers={"authorization": Secret("Bearer other")}
    )
    assert gateway_report(own, None, {}, NOW).key == KeyReport(
        "headers.Authorization of its entry", shadowed=("auth.json",)
    )


def test_a_report_tells_sources_values_failure_and_requests_and_no_key() -> None:
    credential = Credential(
        KeySource("auth.json", Secret(KEY)),
        (KeySource("opencode.json", Secret(KEY)),),
        host_uses="opencode.json",
    )
    snapshot = QuotaSnapshot(
        (LASTING,), "me", read_at=NOW - 60, attempted_at=NOW, error=QuotaError("status", 429), failures=1,
        retry_at=NOW + 30,
    )  # fmt: skip
    report = gateway_report(gateway(credential=credential), snapshot, {"campus": 7, "other": 1}, NOW)
    assert report == GatewayReport(
        "campus",
        "Campus AI",
        KeyReport("auth.json", shadowed=("opencode.json",), host_uses="opencode.json"),
        windows=(LASTING,),
        account_name="me",
        read_at=NOW - 60,
        failure=FailureReport("status", 429, NOW + 30),
        requests_today=7,
    )
    assert KEY not in repr(report)


def test_a_window_that_has_turned_and_a_value_of_last_week_are_history() -> None:
    turned = Window("tokens", "tokens", used=1, resets_at=NOW - 1)
    running = Window("tokens", "tokens", used=1, resets_at=NOW + 1)
    late = Window("tokens", "tokens", used=1, resets_at=NOW - 3600)

    def shown(read_at: float) -> tuple[Window, ...]:
        snapshot = QuotaSnapshot((turned, running, LASTING, late), read_at=read_at)
        return gateway_report(gateway(), snapshot, {}, NOW).windows

    assert shown(NOW - 60) == (running, LASTING, late)
    assert shown(NOW - KEEP_OLD_S - 1) == (running,)


def test_as_data_the_report_is_snake_case_with_iso_times_and_nothing_unknown() -> None:
    window = Window("tokens", "tokens", limit=10, resets_at=NOW + 86400)
    row = GatewayReport("campus", "Campus", KeyReport("auth.json"), (window,), read_at=NOW - 60)
    report = StatusReport(
        at=NOW,
        version="1.2.3",
        gateways=(row,),
        problems=(ProblemReport("~/a.jsonc", "unknown key", 3, "x"),),
    )
    assert json.loads(as_json(report)) == {
        "at": "2026-11-21T00:00:00Z",
        "version": "1.2.3",
        "gateways": [
            {
                "provider_id": "campus",
                "label": "Campus",
                "key": {"source": "auth.json"},
                "windows": [
                    {"name": "tokens", "unit": "tokens", "limit": 10, "resets_at": "2026-11-22T00:00:00Z"}
                ],
                "read_at": "2026-11-20T23:59:00Z",
            }
        ],
        "problems": [{"file": "~/a.jsonc", "message": "unknown key", "line": 3, "path": "x"}],
    }
