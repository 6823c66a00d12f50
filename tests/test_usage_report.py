"""What is left in a line each: whole texts, lines that fit, data, and the command that prints them."""

import json
import re

import pytest
from msgspec import structs

from sidecar.quota.windows import Window
from sidecar.services.usage import usage
from sidecar.texts.data import as_json
from sidecar.texts.figures import columns
from sidecar.texts.status_report import FailureReport, GatewayReport, KeyReport, StatusReport
from sidecar.texts.usage_report import ProviderUsage, render
from sidecar.texts.waits import ProviderWait, WaitReport
from sidecar.texts.window_lines import ShownWindow
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.program import run

NOW = 1_795_255_320.0
"""Saturday 21 November 2026, 10:02 in UTC"""
HOUR, DAY = 3600.0, 86400.0

KEY = KeyReport("auth.json")
FIVE_HOURS = Window("5 h", "percent", percent_remaining=14.5, resets_at=NOW + 2 * HOUR, period_s=5 * HOUR)
WEEK = Window("week", "percent", percent_remaining=71.0, resets_at=NOW + 4 * DAY, period_s=7 * DAY)
MONTH = Window(
    "premium", "requests", limit=300, used=114, remaining=186, percent_remaining=62.0,
    resets_at=NOW + 9.97 * DAY, period_s=30 * DAY,
)  # fmt: skip
BALANCE = Window("balance", "cost", remaining=12.5, currency="USD")
RATE = WaitReport("rate-limit-short", NOW - 130, NOW + 250, is_stated=True)
CLAUDE = GatewayReport(
    "anthropic", "Anthropic", KEY, (FIVE_HOURS, WEEK), read_at=NOW - 40, is_heard=True, waits=(RATE,)
)
COPILOT = GatewayReport(
    "github-copilot", "GitHub Copilot", KEY, (MONTH,), "me@example", NOW - 90, FailureReport("status", 429)
)
REPORT = StatusReport(
    NOW,
    "0.1.0",
    (CLAUDE, COPILOT, GatewayReport("openrouter", "OpenRouter", KEY, (BALANCE,), read_at=NOW)),
    waiting=(ProviderWait("lab", "Lab", (RATE,)),),
)


def test_of_each_account_the_tightest_window_is_told() -> None:
    assert usage(REPORT) == [
        ProviderUsage(
            "anthropic",
            "Anthropic",
            headroom_percent=14.5,
            window="5 h",
            pace_percent=-25.5,
            resets_at=NOW + 2 * HOUR,
            source="heard",
            read_at=NOW - 40,
            waits=(RATE,),
            windows=(FIVE_HOURS, WEEK),
        ),
        ProviderUsage(
            "github-copilot",
            "GitHub Copilot",
            account_name="me@example",
            headroom_percent=62.0,
            window="premium",
            pace_percent=pytest.approx(28.766666),  # pyright: ignore[reportArgumentType]
            resets_at=NOW + 9.97 * DAY,
            source="asked",
            read_at=NOW - 90,
            failure=FailureReport("status", 429),
            windows=(MONTH,),
        ),
        ProviderUsage("openrouter", "OpenRouter", source="asked", read_at=NOW, windows=(BALANCE,)),
        ProviderUsage("lab", "Lab", waits=(RATE,)),
    ]


def test_the_lines() -> None:
    assert render(usage(REPORT), NOW, 80) == (
        """\
Anthropic                    14%  5 h · resets in 2h · pace -26 · heard 40 s ago
  ! rate limit · 4 min left, until 10:06 · as it said
GitHub Copilot · me@example  62%  premium · resets in 9d 23h · pace +29
                                  HTTP 429: the gateway wants fewer requests
                                  asked 1 min ago
OpenRouter                     ?  balance: $12.50 left · asked just now
Lab                            ?  nothing is known yet
  ! rate limit · 4 min left, until 10:06 · as it said"""
    )


def test_a_forecast_comes_before_the_reset() -> None:
    row = ProviderUsage(
        "campus", "campus", headroom_percent=40, window="day", used_up_at=NOW + 2400, resets_at=NOW + DAY
    )
    assert render([row], NOW, 80) == "campus      40%  day · used up in 40 min · resets in 1d"


def test_two_of_one_name_are_told_apart() -> None:
    rows = [ProviderUsage(name, "Campus", headroom_percent=100) for name in ("campus", "campus-2")]
    assert render(rows, NOW, 80) == (
        """\
Campus (campus)   100%  nothing is known yet
Campus (campus-2) 100%  nothing is known yet"""
    )


def test_the_soonest_end_of_any_window_is_told() -> None:
    soon, later = (
        ShownWindow(**structs.asdict(row), used_up_at=NOW + 60 * n) for n, row in ((5, WEEK), (9, MONTH))
    )
    (row,) = usage(StatusReport(NOW, "0.1.0", (GatewayReport("lab", "Lab", KEY, (MONTH, later, soon)),)))
    assert row.used_up_at == NOW + 300


def test_without_any_account_there_is_a_word() -> None:
    assert render([], NOW, 80) == (
        "Nothing is known: no gateway is configured, and nothing was heard. `quota-sidecar doctor` says more."
    )


@pytest.mark.parametrize("width", [40, 72, 80])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    assert max(columns(line) for line in render(usage(REPORT), NOW, width).split("\n")) <= width


def test_the_lines_as_data() -> None:
    assert json.loads(as_json(usage(REPORT)[3:])) == [
        {
            "provider_id": "lab",
            "label": "Lab",
            "waits": [
                {
                    "class": "rate-limit-short",
                    "since_at": "2026-11-21T09:59:50Z",
                    "until_at": "2026-11-21T10:06:10Z",
                    "is_stated": True,
                }
            ],
        }
    ]


def configured(home: Home, gateway: Gateway) -> None:
    gateway.quota({"tokens": {"limit": 1000, "used": 250, "resets_at": "2099-01-02T03:04:05Z"}})
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url, "label": "Campus"})


def test_the_command_asks_and_prints(home: Home, gateway: Gateway) -> None:
    configured(home, gateway)
    done = run(home, "usage")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"in \d+d( \d+h)?|just now|\d+ s ago", "TIME", done.stdout) == (
        "Campus      75%  tokens · resets TIME · asked TIME\n"
    )


def test_the_command_prints_data(home: Home, gateway: Gateway) -> None:
    configured(home, gateway)
    (row,) = json.loads(run(home, "usage", "--json", "--provider", "campus").stdout)
    assert row.pop("read_at").endswith("Z")
    assert row == {
        "provider_id": "campus",
        "label": "Campus",
        "headroom_percent": 75.0,
        "window": "tokens",
        "resets_at": "2099-01-02T03:04:05Z",
        "source": "asked",
        "windows": [
            {
                "name": "tokens",
                "unit": "tokens",
                "limit": 1000,
                "used": 250,
                "remaining": 750,
                "percent_remaining": 75.0,
                "resets_at": "2099-01-02T03:04:05Z",
            }
        ],
    }


def test_an_unknown_provider_can_not_be_asked_for(home: Home) -> None:
    done = run(home, "usage", "--provider", "x")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "quota-sidecar: There is no gateway 'x'. None is configured yet; /quota_status says how.\n"
    )
