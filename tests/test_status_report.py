"""The report as a person reads it: whole texts, at every width."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota.windows import Window, complete
from sidecar.services.status import with_routes
from sidecar.texts.command import as_answer
from sidecar.texts.figures import columns
from sidecar.texts.status_report import (
    FailureReport,
    GatewayReport,
    KeyReport,
    ProblemReport,
    RouteReport,
    StatusReport,
    no_such_gateway,
    render,
)

NOW = 1_795_219_200.0
"""2026-11-21T00:00:00Z"""
CLOCK = f"{datetime.fromtimestamp(NOW).astimezone():%H:%M %Z}"

KEY = KeyReport("environment CAMPUS_API_KEY")
TOKENS = complete(Window("tokens", "tokens", limit=1_000_000, used=250_000, resets_at=NOW + 864_000))
COST = complete(Window("cost", "cost", limit=50, used=12.5, currency="USD"))


def gateway(*windows: Window, **more: object) -> GatewayReport:
    fields: dict[str, object] = {"provider_id": "campus", "label": "campus", "key": KEY, "read_at": NOW - 5}
    return GatewayReport(**(fields | {"windows": windows} | more))  # pyright: ignore[reportArgumentType]


def text_of(*gateways: GatewayReport, width: int = 76, **more: object) -> str:
    report = StatusReport(at=NOW, version="1.2.3", gateways=gateways, **more)  # pyright: ignore[reportArgumentType]
    return render(report, width)


def health(*parts: str) -> str:
    return " · ".join(["sidecar 1.2.3", *parts, CLOCK])


def test_a_report_of_two_gateways_reads_as_a_whole() -> None:
    campus = gateway(
        TOKENS, COST, label="Campus", account_name="opencode", requests_today=1,
        key=KeyReport("environment CAMPUS_API_KEY", shadowed=("opencode.json",), host_uses="opencode.json"),
    )  # fmt: skip
    free = gateway(
        Window("key limit", "cost", used=3, currency="USD", unlimited=True),
        provider_id="free", label="free", key=KeyReport("none (keyless)", is_missing=True), read_at=NOW,
        requests_today=1234,
    )  # fmt: skip
    assert text_of(campus, free, uptime_s=11_100).splitlines() == [
        "Campus (campus) · opencode                                           5 s ago",
        "  tokens     ■■■■■■■■■···  75%  750K of 1M left · resets in 10d",
        "  cost       ■■■■■■■■■···  75%  $37.50 of $50.00 left",
        "  key: environment CAMPUS_API_KEY · not used: opencode.json",
        "  OpenCode uses another key: opencode.json · 1 request today",
        "",
        "free                                                                just now",
        "  key limit  unlimited, $3.00 used",
        "  key: none (keyless) · 1,234 requests today",
        "",
        health("up 3h 5m"),
    ]


@pytest.mark.parametrize(
    ("window", "line"),
    [
        (complete(Window("cost", "cost", limit=50, used=62.5, currency="USD")),
         "  cost       ············  over  $62.50 of $50.00 used"),
        (complete(Window("cost", "cost", remaining=-3, currency="EUR")),
         "  cost       ············  over  €3.00 over the limit"),
        (complete(Window("cost", "cost", limit=50, used=10, currency="USD", blocked=True)),
         "  cost       ············    0%  blocked by the gateway"),
        (Window("key limit", "cost", unlimited=True), "  key limit  unlimited"),
        (complete(Window("tokens", "tokens", limit=1000, used=999)),
         "  tokens     ■···········   <1%  1 of 1,000 left"),
        (complete(Window("tokens", "tokens", limit=1000, used=1000)),
         "  tokens     ············    0%  0 of 1,000 left"),
        (complete(Window("tokens", "tokens", limit=1000, remaining=1250)),
         "  tokens     ■■■■■■■■■■■■  125%  1,250 of 1,000 left"),
        (Window("tokens", "tokens", remaining=12_500), "  tokens     12.5K left"),
        (Window("tokens", "tokens", used=12_500), "  tokens     12.5K used, limit unknown"),
        (Window("tokens", "tokens", limit=12_500), "  tokens     limit 12.5K, use unknown"),
        (Window("tokens", "tokens", used=1, resets_at=NOW - 1), "  tokens     1 used, limit unknown"),
        (Window("weekly", "percent", percent_remaining=62.5, resets_at=NOW + 7200),
         "  weekly     ■■■■■■■·····   62%  resets in 2h"),
        (Window("weekly", "percent", percent_remaining=62.5), "  weekly     ■■■■■■■·····   62%"),
        (complete(Window("weekly", "percent", limit=100, used=40)), "  weekly     ■■■■■■■·····   60%"),
        (Window("weekly", "percent", percent_remaining=-20), "  weekly     ············  over  120% used"),
        (Window("calls", "requests", percent_remaining=50), "  calls      ■■■■■■······   50%"),
        (Window("calls", "requests", remaining=3, percent_remaining=50),
         "  calls      ■■■■■■······   50%  3 left"),
        (Window("a very long name", "tokens", used=1), "  a very long name 1 used, limit unknown"),
    ],
)  # fmt: skip
def test_a_window_reads(window: Window, line: str) -> None:
    # The bar and the figure beside it are apart by one column, the figure is right-aligned.
    told = text_of(gateway(window)).splitlines()[1]
    assert re.sub(r"([■·]{12}) +", r"\1 ", told) == re.sub(r"([■·]{12}) +", r"\1 ", line)


def test_a_failure_shows_the_last_good_values_with_their_age_and_when_it_is_asked_again() -> None:
    failed = gateway(COST, read_at=NOW - 7200, failure=FailureReport("status", 429, retry_at=NOW + 90))
    assert text_of(failed).splitlines() == [
        "campus                                                                2h ago",
        "  ! HTTP 429: the gateway wants fewer requests · asked again in 1 min",
        "    the last good values",
        "  cost       ■■■■■■■■■···  75%  $37.50 of $50.00 left",
        "  key: environment CAMPUS_API_KEY",
        "",
        health(),
    ]


@pytest.mark.parametrize(
    ("failure", "key", "line"),
    [
        (FailureReport("status", 401), KEY, "HTTP 401: the gateway refuses the key; check where it is from"),
        (FailureReport("status", 401), KeyReport("none (keyless)", is_missing=True),
         "HTTP 401: the gateway wants a key, and none was found for this provider"),
        (FailureReport("status", 418), KEY, "HTTP 418: the gateway refuses"),
        (FailureReport("status", 503, retry_at=NOW - 1), KEY, "HTTP 503: the gateway has a fault"),
        (FailureReport("timeout"), KEY, "no answer in time"),
        (FailureReport("no-window", 200), KEY,
         "HTTP 200: the reply holds no figure that the preset knows; check preset"),
        (FailureReport("something-new"), KEY, "it could not be asked"),
    ],
)  # fmt: skip
def test_a_failure_reads_as_a_fixed_text_with_its_status(
    failure: FailureReport, key: KeyReport, line: str
) -> None:
    lines = text_of(gateway(read_at=None, failure=failure, key=key)).splitlines()
    assert lines[:2] == ["campus", f"  ! {line}"]


def test_a_gateway_of_which_nothing_is_known_says_so() -> None:
    assert text_of(gateway(read_at=None)).splitlines()[:3] == [
        "campus",
        "  nothing is known yet; ask again",
        "  key: environment CAMPUS_API_KEY",
    ]


def test_without_a_gateway_the_report_says_what_to_write_where() -> None:
    text = text_of(config_file="~/.config/opencode/quota-sidecar.jsonc")
    assert text.splitlines() == [
        "No gateway is configured yet. Write into",
        "  ~/.config/opencode/quota-sidecar.jsonc",
        "and ask again:",
        "  {",
        '    "gateways": [{',
        '      "providerId": "my-gateway",',
        '      "quotaPath": "/quota"',
        "    }]",
        "  }",
        "`my-gateway` is a provider of your global opencode.json,",
        "whose baseURL and key are used.",
        "",
        health(),
    ]


def test_with_only_something_to_mend_the_report_does_not_call_that_unconfigured() -> None:
    problem = ProblemReport("~/quota-sidecar.jsonc", "must be a list", 2, "gateways")
    assert text_of(problems=(problem,)).splitlines()[:3] == ["No gateway can be asked yet.", "", "To mend:"]


def test_providers_that_are_switched_off_are_named_when_nothing_else_is_there() -> None:
    assert text_of(switched_off=("campus", "lab")).splitlines()[0] == (
        "Every gateway is switched off (providers.<id>.enabled: false): campus, lab."
    )


def test_switched_off_the_report_says_only_that_and_how_the_sidecar_is() -> None:
    text = text_of(gateway(COST), is_enabled=False, config_file="~/quota-sidecar.jsonc")
    assert text.splitlines() == [
        "The quota sidecar is switched off (enabled: false in ~/quota-sidecar.jsonc",
        "or in this project).",
        "",
        health(),
    ]


def test_what_is_to_mend_is_told_with_its_file_line_and_path() -> None:
    text = text_of(
        gateway(COST),
        problems=(
            ProblemReport("~/quota-sidecar.jsonc", "unknown key 'quotapath'", 4, "gateways[0].quotapath"),
            ProblemReport("~/opencode.json", "can't be read: it is not valid JSON"),
        ),
        store_trouble="state is kept in memory only",
    )
    assert text.split("\n\n")[1:] == [
        "To mend:\n"
        "  ! ~/quota-sidecar.jsonc, line 4\n"
        "    gateways[0].quotapath: unknown key 'quotapath'\n"
        "  ! ~/opencode.json\n"
        "    can't be read: it is not valid JSON",
        f"{health()}\n  ! state is kept in memory only",
    ]


ANY = st.text(max_size=100)
windows = st.builds(
    Window,
    name=st.text(min_size=1, max_size=40),
    unit=st.sampled_from(["tokens", "requests", "cost", "credits", "percent"]),
    limit=st.none() | st.floats(-1e21, 1e21),
    used=st.none() | st.floats(-1e21, 1e21),
    remaining=st.none() | st.floats(-1e21, 1e21),
    percent_remaining=st.none() | st.floats(-1e21, 1e21),
    resets_at=st.none() | st.floats(946684800, 7258118400),
    currency=st.none() | st.text(max_size=40),
    unlimited=st.booleans(),
    blocked=st.booleans(),
).map(complete)
failures = st.builds(
    FailureReport,
    st.sampled_from(["status", "timeout", "refused-address", "no-window", "new"]),
    st.none() | st.integers(100, 599),
    st.none() | st.floats(0, 7258118400),
)
keys = st.builds(KeyReport, ANY, st.booleans(), st.lists(ANY, max_size=3).map(tuple), st.none() | ANY)
gateways = st.builds(
    GatewayReport,
    provider_id=ANY,
    label=ANY,
    key=keys,
    windows=st.lists(windows, max_size=3).map(tuple),
    account_name=st.none() | ANY,
    read_at=st.none() | st.floats(0, 7258118400),
    failure=st.none() | failures,
    requests_today=st.integers(0, 10**12),
)
reports = st.builds(
    StatusReport,
    at=st.just(NOW),
    version=ANY,
    gateways=st.lists(gateways, max_size=2).map(tuple),
    problems=st.lists(
        st.builds(ProblemReport, ANY, ANY, st.none() | st.integers(1, 10**6), st.none() | ANY), max_size=2
    ).map(tuple),
    store_trouble=st.none() | ANY,
    is_enabled=st.booleans(),
    config_file=ANY,
    uptime_s=st.none() | st.floats(0, 1e9),
)


@given(reports, st.integers(40, 80))
def test_no_line_is_too_wide_and_nothing_can_steer_a_terminal(report: StatusReport, width: int) -> None:
    lines = render(report, width).split("\n")
    assert [line for line in lines if columns(line) > width] == []
    assert [line for line in lines if not line.isprintable() or line != line.rstrip()] == []


@pytest.mark.parametrize("width", range(40, 81))
def test_the_usual_report_keeps_its_figures_together_at_every_width(width: int) -> None:
    text = text_of(gateway(TOKENS, COST, failure=FailureReport("status", 400)), width=width)
    assert max(columns(line) for line in text.splitlines()) <= width
    for figure in ("75%", "750K of 1M left", "resets in 10d", "$37.50 of $50.00 left", "5 s ago"):
        assert figure in text


def test_who_serves_a_virtual_model_is_marked() -> None:
    rows = (
        gateway(TOKENS, label="Campus"),
        gateway(TOKENS, provider_id="lab", label="Lab"),
        gateway(COST, label="Campus"),
    )
    routes = (
        RouteReport("qwen3", "campus/qwen3-coder", "Campus"),
        RouteReport("gpt-5", "campus/openai/gpt-5", "Campus"),
        RouteReport("claude-sonnet-4-5", "copilot/claude-sonnet-4.5", "GitHub Copilot"),
    )
    marked = with_routes(StatusReport(NOW, "1.2.3", rows), routes)
    assert [row.routed for row in marked.gateways] == [("qwen3", "gpt-5"), (), ()]
    first, *_, last, _ = render(marked, 76).split("\n\n")
    assert first.split("\n")[1] == "  → qwen3, gpt-5 go here"
    assert last == "→ claude-sonnet-4-5 goes to GitHub Copilot (claude-sonnet-4.5)"


def test_a_question_for_an_unknown_gateway_is_answered_with_those_that_there_are() -> None:
    assert no_such_gateway("x\x1b", ["a", "b"]) == r"There is no gateway 'x\x1b'. Configured: a, b."
    assert no_such_gateway("x", []) == (
        "There is no gateway 'x'. None is configured yet; /quota_status says how."
    )


@given(st.text(alphabet="`\n ab#-"))
def test_nothing_in_an_answer_ends_its_block(report: str) -> None:
    title, blank, *block = as_answer("What is left:", report).split("\n")
    assert (title, blank) == ("What is left:", "")
    assert [line for line in block if line and not line.startswith("    ")] == []
    assert [line[4:] for line in block] == [line.rstrip() for line in report.split("\n")]


def test_the_longest_name_of_a_report_decides_the_names_column_up_to_sixteen() -> None:
    def lines(name: str, width: int = 76) -> list[str]:
        two = text_of(gateway(TOKENS), gateway(Window(name, "tokens", used=1)), width=width).splitlines()
        return [line for line in two if line.startswith(("  tokens", f"  {name[:5]}"))]

    assert lines("requests/min") == [
        "  tokens       ■■■■■■■■■···  75%  750K of 1M left · resets in 10d",
        "  requests/min 1 used, limit unknown",
    ]
    assert lines("requests by the minute")[1] == "  requests by the… 1 used, limit unknown"
    assert lines("requests/min", 60)[1] == "  requests/… 1 used, limit unknown"
