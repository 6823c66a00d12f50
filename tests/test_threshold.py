"""`quota-sidecar status --threshold N`: what is compared, what it says, and the exit code for a script."""

import json
from typing import Any

import pytest

from sidecar.quota.windows import Window, complete
from sidecar.services.threshold import compare
from sidecar.texts.status_report import FailureReport, GatewayReport, KeyReport, ProblemReport, StatusReport
from sidecar.texts.threshold import ThresholdReport, parts
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.replies import Reply, json_reply
from tests.test_cli import run

KEY = KeyReport("environment CAMPUS_API_KEY")
COST = complete(Window("cost", "cost", limit=100, used=82, currency="EUR"))
TOKENS = complete(Window("tokens", "tokens", limit=1000, used=250))
BALANCE = Window("balance", "cost", remaining=3.0, currency="USD")
FAILED = FailureReport("status", 401)


def row(name: str, *windows: Window, failure: FailureReport | None = None) -> GatewayReport:
    return GatewayReport(name, f"The {name}", KEY, windows=windows, failure=failure)


def report(*gateways: GatewayReport, **more: Any) -> StatusReport:
    return StatusReport(at=0.0, version="1.2.3", gateways=gateways, **more)


def test_the_lowest_headroom_is_named_with_its_gateway_and_window() -> None:
    told = compare(report(row("lab", TOKENS), row("campus", TOKENS, COST)), 20)
    assert told == ThresholdReport(
        20, "below", headroom_percent=18.0, provider_id="campus", label="The campus", window="cost"
    )
    assert parts(told) == ["lowest headroom 18%: The campus, cost; threshold 20%"]


@pytest.mark.parametrize(
    ("threshold", "outcome"), [(0, "met"), (17.99, "met"), (18, "met"), (18.01, "below"), (100, "below")]
)
def test_exactly_the_threshold_is_enough(threshold: float, outcome: str) -> None:
    assert compare(report(row("campus", COST)), threshold).outcome == outcome


def test_old_values_of_a_gateway_that_fails_count_and_one_without_any_is_named() -> None:
    told = compare(report(row("campus", COST, failure=FAILED), row("lab", failure=FAILED)), 10.5)
    assert parts(told) == [
        "lowest headroom 18%: The campus, cost; threshold 10.5%",
        "nothing is known of The lab",
    ]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (report(), "nothing_to_compare"),
        (report(row("campus", BALANCE)), "nothing_to_compare"),
        (report(problems=(ProblemReport("f", "broken"),), is_enabled=False), "nothing_to_compare"),
        (report(row("campus", BALANCE), problems=(ProblemReport("f", "b"),)), "nothing_to_compare"),
        (report(problems=(ProblemReport("f", "broken"),)), "unknown"),
        (report(row("campus", BALANCE), row("lab", failure=FAILED)), "unknown"),
    ],
)
def test_nothing_to_compare_is_not_the_same_as_nothing_known(status: StatusReport, outcome: str) -> None:
    assert compare(status, 20).outcome == outcome


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (ThresholdReport(20, "unknown", not_known=("Lab", "Mirror")),
         ["headroom unknown; threshold 20%", "nothing is known of Lab, Mirror"]),
        (ThresholdReport(20, "nothing_to_compare"),
         ["nothing to compare: no gateway says how much of a limit is left; threshold 20%"]),
    ],
)  # fmt: skip
def test_without_a_comparison_the_line_says_why(told: ThresholdReport, line: list[str]) -> None:
    assert parts(told) == line


def asked(home: Home, gateway: Gateway, reply: Reply, *arguments: str) -> tuple[int, str]:
    gateway.script("/v1/quota", reply)
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url, "label": "Campus gateway"})
    done = run(home, "status", "--refresh", *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_command_exits_with_what_it_found(home: Home, gateway: Gateway) -> None:
    cost = json_reply({"cost": {"limit": 100, "used": 82, "currency": "EUR"}})
    compared = "lowest headroom 18%: Campus gateway, cost; threshold"
    for threshold, code in (("20", 1), ("18", 0)):
        ended, text = asked(home, gateway, cost, "--threshold", threshold)
        assert (ended, text.splitlines()[-1]) == (code, f"{compared} {threshold}%")
        assert "€18.00 of €100.00 left" in text
    ended, text = asked(home, gateway, json_reply({"cost": {"remaining": 4}}), "--threshold", "20")
    assert ended == 2


def test_nothing_known_is_3_and_so_is_an_unknown_provider(home: Home, gateway: Gateway) -> None:
    ended, text = asked(home, gateway, Reply(401), "--threshold", "20")
    assert (ended, text.splitlines()[-1]) == (
        3, "headroom unknown; threshold 20% · nothing is known of Campus gateway"
    )  # fmt: skip
    assert run(home, "status", "--provider", "nobody", "--threshold", "1").returncode == 3


def test_as_data_the_comparison_is_a_field(home: Home, gateway: Gateway) -> None:
    reply = json_reply({"cost": {"limit": 100, "used": 82}})
    ended, text = asked(home, gateway, reply, "--threshold", "20", "--json")
    assert (ended, json.loads(text)["threshold"]) == (
        1,
        {
            "percent": 20.0,
            "outcome": "below",
            "headroom_percent": 18.0,
            "provider_id": "campus",
            "label": "Campus gateway",
            "window": "cost",
        },
    )
    assert "threshold" not in json.loads(asked(home, gateway, reply, "--json")[1])


@pytest.mark.parametrize("value", ["-1", "101", "nan", "inf", "much", ""])
def test_a_threshold_is_a_number_from_0_to_100(home: Home, value: str) -> None:
    done = run(home, "status", f"--threshold={value}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == (
        "quota-sidecar status: --threshold: must be a number from 0 to 100"
    )
