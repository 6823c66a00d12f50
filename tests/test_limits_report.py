"""Reports of who waits and what was decided: whole texts at the usual width, lines that fit, and data."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.core.choose import Strategy
from sidecar.core.decision import Reason
from sidecar.texts import decisions, limits_report, reset, waits
from sidecar.texts.data import as_json
from sidecar.texts.decisions import CandidateReport, DecisionReport, RefusedReport
from sidecar.texts.figures import columns
from sidecar.texts.limits_report import LimitReport, LimitsReport, ProviderReport, SessionReport
from sidecar.texts.reset import ResetReport, no_such_provider
from sidecar.texts.waits import GoneReport, ProviderWait, WaitReport

NOW = 1_795_255_320.0
"""Saturday 21 November 2026, 10:02 in UTC"""
MIDNIGHT = 1_795_305_600.0


RATE = WaitReport("rate-limit-short", NOW - 130, NOW + 250, is_stated=True, evidence="status 429")
BUSY = WaitReport("overloaded", NOW - 130, NOW + 20, strikes=3, model="gpt-5-mini")
OVER = WaitReport("quota-exhausted-long", NOW - 9000, NOW - 10, is_stated=True, is_over=True)
OTHER = WaitReport("auth", NOW - 60, NOW + 840, is_of_another_key=True)
CAMPUS = ProviderReport(
    "campus",
    "Campus gateway",
    (RATE, BUSY),
    (
        LimitReport("requests_per_hour", 12, 40, NOW + 3480),
        LimitReport("requests_per_day", 500, 500, MIDNIGHT, is_reached=True),
        LimitReport("cost_per_day", 2.5, 10, MIDNIGHT),
    ),
    requests_this_hour=12,
    requests_today=500,
    tokens_today=1.2e6,
    cost_today=2.5,
)
MOVED = DecisionReport(
    NOW - 130,
    "ses_1",
    "build",
    "campus/gpt-5-mini",
    "refused",
    "openrouter/openai/gpt-5-mini",
    refused=RefusedReport("campus/gpt-5-mini", "rate-limit-short", "status 429", NOW + 250),
    candidates=(
        CandidateReport("openrouter/openai/gpt-5-mini", "healthy", headroom_percent=62),
        CandidateReport("together/gpt-5-mini", "unknown", priority=5),
        CandidateReport("campus/gpt-5-mini", "cooling", is_own=True, until_at=NOW + 250),
        CandidateReport("groq/x", "unknown", unfit="other wire"),
    ),
)
GONE = DecisionReport(
    NOW - 200,
    "ses_2",
    "title",
    "campus/gpt-5-mini",
    "all gone",
    refused=RefusedReport("openrouter/m", "quota-exhausted-long", "code insufficient_quota"),
)
NOTED = DecisionReport(
    NOW - 5000, "ses_1", "build", "campus/gpt-5-mini", "cooling", "openrouter/m", dry_run=True
)
PROBED = DecisionReport(NOW - 9000, "ses_1", "build", "campus/m", "probe", "campus/m", "headroom")
ROUTED = DecisionReport(
    NOW - 60,
    "ses_3",
    "build",
    "limit-router/claude-sonnet-4-5",
    "routed",
    "github-copilot/claude-sonnet-4.5",
    "headroom",
    candidates=(
        CandidateReport(
            "github-copilot/claude-sonnet-4.5",
            "healthy",
            headroom_percent=62,
            pace_percent=12.4,
            in_flight=2,
            price=0.0,
            latency_s=0.84,
        ),
        CandidateReport(
            "anthropic/claude-sonnet-4-5", "healthy", headroom_percent=14, price=6.0, in_flight=1
        ),
        CandidateReport("openrouter/anthropic/claude-sonnet-4.5", "unknown", unfit="no key"),
    ),
)
FULL = LimitsReport(
    NOW,
    "0.1.0",
    (
        CAMPUS,
        ProviderReport("openrouter", "openrouter", requests_this_hour=1, requests_today=1, tokens_today=5e4),
        ProviderReport("anthropic", "Anthropic", (OVER,)),
        ProviderReport("lab", "Lab", (OTHER,)),
    ),
    SessionReport("campus/gpt-5-mini", "openrouter/openai/gpt-5-mini", "openrouter/openai/gpt-5-mini"),
    GoneReport("campus", "Campus gateway", NOW + 250),
    (MOVED, GONE, NOTED, PROBED),
    auto_route=False,
    dry_run=True,
)


def test_the_whole_report() -> None:
    assert limits_report.render(FULL, 72) == (
        """\
! Every provider refuses · first back: Campus gateway at 10:06, in 4 min

Campus gateway (campus)
  ! rate limit · 4 min left, until 10:06 · as it said
  ! gpt-5-mini: too busy · 20 s left · a guess after 3 refusals in a row
  ! at your limit: requests a day · it comes last until midnight
  per hour   ■■■■■■■■····  70%  28 of 40 left · resets in 58 min
  per day    ············   0%  0 of 500 left · resets in 13h 58m
  cost/day   ■■■■■■■■■···  75%  $7.50 of $10.00 left · resets in 13h 58m
  500 requests today, 12 this hour · 1.2M tokens · $2.50

openrouter
  ok
  1 request today, 1 this hour · 50K tokens

Anthropic (anthropic)
  ? quota used up · the wait is over: the next request finds out

Lab (lab)
  ! key refused (with another key) · 14 min left, until 10:16 · a guess

This session: campus/gpt-5-mini
  moved to openrouter/openai/gpt-5-mini for now
  last answer from openrouter/openai/gpt-5-mini

Last decisions:
  2 min ago   campus/gpt-5-mini → openrouter/openai/gpt-5-mini
              after a refusal: rate limit
  3 min ago   campus/gpt-5-mini → nobody
              openrouter/m refused: quota used up
  1h 23m ago  campus/gpt-5-mini → openrouter/m
              what you chose has to wait · only noted
  2h 30m ago  campus/m · finds out whether it is back

! Dry run (dryRun: true): what would be done is only noted.
! autoRoute is off and there are no routes: a request goes on nowhere
  else."""
    )


def test_a_session_that_has_left_its_virtual_model_says_so() -> None:
    session = SessionReport("anthropic/claude-sonnet-4-5", left="limit-router/claude-sonnet-4-5")
    assert limits_report.render(LimitsReport(NOW, "0.1.0", session=session), 72).split("\n\n")[1] == (
        "This session: anthropic/claude-sonnet-4-5\n  has left limit-router/claude-sonnet-4-5"
    )


def test_a_report_of_nothing() -> None:
    assert limits_report.render(LimitsReport(NOW, "0.1.0"), 72) == (
        "No provider was used today, and none has to wait."
    )


def test_a_hard_limit_and_all_that_can_be_switched_off() -> None:
    limit = LimitReport("requests_per_hour", 41, 40, NOW + 30, is_reached=True)
    hard = ProviderReport("campus", "campus", limits=(limit,), is_hard=True, requests_today=41)
    off = LimitsReport(
        NOW, "0.1.0", (hard,), is_enabled=False, auto_route=False, has_routes=True, store_trouble="no disk"
    )
    assert limits_report.render(off, 72) == (
        """\
campus
  ! at your limit: requests an hour · nothing is sent there for 30 s
  per hour   ············ over  41 of 40 used · resets in 30 s
  41 requests today, 0 this hour

! The quota sidecar is switched off (enabled: false): every request goes
  where you chose.
! autoRoute is off: only a request for a target of a route goes on
  elsewhere.
! no disk"""
    )


def test_the_report_as_data() -> None:
    report = LimitsReport(
        NOW, "0.1.0", (ProviderReport("campus", "Campus", (RATE,), CAMPUS.limits[:1]),), decisions=(NOTED,)
    )
    assert json.loads(as_json(report)) == {
        "at": "2026-11-21T10:02:00Z",
        "version": "0.1.0",
        "providers": [
            {
                "provider_id": "campus",
                "label": "Campus",
                "waits": [
                    {
                        "class": "rate-limit-short",
                        "since_at": "2026-11-21T09:59:50Z",
                        "until_at": "2026-11-21T10:06:10Z",
                        "is_stated": True,
                        "evidence": "status 429",
                    }
                ],
                "limits": [
                    {
                        "kind": "requests_per_hour",
                        "used": 12,
                        "limit": 40,
                        "resets_at": "2026-11-21T11:00:00Z",
                    }
                ],
            }
        ],
        "decisions": [
            {
                "at": "2026-11-21T08:38:40Z",
                "session_id": "ses_1",
                "agent": "build",
                "own": "campus/gpt-5-mini",
                "reason": "cooling",
                "taken": "openrouter/m",
                "dry_run": True,
            }
        ],
    }


def test_decisions_are_explained_with_everybody_who_was_considered() -> None:
    assert decisions.explain([MOVED, GONE, NOTED, PROBED], NOW, 72) == (
        """\
2026-11-21 09:59:50, 2 min ago · build · ses_1 · priority
  campus/gpt-5-mini → openrouter/openai/gpt-5-mini
    goes on after a refusal
  campus/gpt-5-mini refused: rate limit (rate-limit-short, by status
    429) · left alone until 10:06
  1.  openrouter/openai/gpt-5-mini  healthy · 62% left
  2.  together/gpt-5-mini           unknown · priority 5
  3.  campus/gpt-5-mini             cooling until 10:06 · yours
  -   groq/x                        out within a turn: other wire

2026-11-21 09:58:40, 3 min ago · title · ses_2 · priority
  campus/gpt-5-mini → nobody · everybody refused
  openrouter/m refused: quota used up (quota-exhausted-long, by code
    insufficient_quota)

2026-11-21 08:38:40, 1h 23m ago · build · ses_1 · priority
  campus/gpt-5-mini → openrouter/m · what you chose has to wait
  only noted (dryRun: true)

2026-11-21 07:32:00, 2h 30m ago · build · ses_1 · headroom
  campus/m · finds out whether it is back"""
    )


def test_a_routed_decision_tells_of_each_candidate_what_counts() -> None:
    assert decisions.explain([ROUTED], NOW, 72) == (
        """\
2026-11-21 10:01:00, 1 min ago · build · ses_3 · headroom
  limit-router/claude-sonnet-4-5 → github-copilot/claude-sonnet-4.5
    has the most left
  1.  github-copilot/claude-sonnet-4.5
      healthy · 62% left · used slower than its time (+12)
      2 requests under way · paid already · answers in 0.8 s
  2.  anthropic/claude-sonnet-4-5
      healthy · 14% left · 1 request under way · $6.00 a million tokens
  -   openrouter/anthropic/claude-sonnet-4.5
      out: no key"""
    )


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("headroom", "has the most left"),
        ("priority", "the first in your order"),
        ("cost", "the cheapest"),
        ("latency", "the fastest"),
    ],
)
def test_why_a_model_is_routed_follows_its_strategy(strategy: Strategy, expected: str) -> None:
    assert decisions.why(replace(ROUTED, strategy=strategy)) == expected


def test_every_reason_has_its_words() -> None:
    for reason in get_args(Reason):
        assert decisions.why(replace(ROUTED, reason=reason))


def test_no_decision_is_explained_in_a_word() -> None:
    assert decisions.explain([], NOW, 72) == "Nothing was decided yet."


def test_what_was_forgotten() -> None:
    one = ProviderWait("campus", "Campus gateway", (RATE, BUSY))
    assert reset.render(ResetReport(NOW, "Campus gateway", (one,), 1), 72) == (
        """\
These waits are forgotten:
Campus gateway (campus)
  ! rate limit · 4 min left, until 10:06 · as it said
  ! gpt-5-mini: too busy · 20 s left · a guess after 3 refusals in a row
Today's count of Campus gateway begins again at 0; it was 1 request.
The next request goes there as if nothing had happened."""
    )
    assert reset.render(ResetReport(NOW, None, (), 1200), 72) == (
        "Today's count begins again at 0; it was 1,200 requests."
    )
    assert reset.render(ResetReport(NOW, "Lab"), 72) == "Nothing of Lab was remembered."
    assert reset.render(ResetReport(NOW), 72) == "Nothing was remembered."


def test_who_asks_for_an_unknown_provider_is_told_which_are_known() -> None:
    assert no_such_provider("x", ["a", "b"]) == "There is no provider 'x'. There are: a, b."
    assert no_such_provider("Antropic", ["a", "anthropic"]) == (
        "There is no provider 'Antropic'. Did you mean 'anthropic'?"
    )
    assert no_such_provider("x", []) == (
        "There is no provider 'x': none is configured, and none was used yet."
    )
    many = no_such_provider("x", [f"p{number}" for number in range(1012)])
    assert many.endswith("There are: p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11 and 1,000 more.")


@pytest.mark.parametrize("width", [40, 50, 72, 80])
def test_no_line_is_wider_than_asked_for(width: int) -> None:
    texts = [
        limits_report.render(FULL, width),
        limits_report.render(LimitsReport(NOW, "0"), width),
        decisions.explain(FULL.decisions, NOW, width),
        reset.render(ResetReport(NOW, waits=(ProviderWait("p" * 99, "L" * 99, (RATE, OTHER)),)), width),
    ]
    assert max(columns(line) for text in texts for line in text.split("\n")) <= width


names = st.text(max_size=20) | st.text("aW漢", min_size=30, max_size=90)


@given(names, names, st.integers(40, 80))
def test_no_name_breaks_a_line_or_moves_the_cursor(label: str, target: str, width: int) -> None:
    named = WaitReport("overloaded", NOW, NOW + 90, model=target)
    decided = DecisionReport(
        NOW, label, label, target, "better", label, candidates=(CandidateReport(target, "due"),)
    )
    provider = ProviderReport(target, label, (named,))
    report = LimitsReport(
        NOW, "0", (provider,), gone=GoneReport(target, label, NOW + 90), decisions=(decided,)
    )
    text = limits_report.render(report, width) + "\n" + decisions.explain([decided], NOW, width)
    text += "\n" + "\n".join(waits.block(ProviderWait(target, "x", (named,)), NOW, width))
    for line in text.split("\n"):
        assert line == "" or columns(line) <= width
