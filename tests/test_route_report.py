"""Where the next turn goes, in words: whole answers, lines that fit, and data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.core.choose import Candidate, Stay
from sidecar.core.decision import Decision
from sidecar.protocol import Target
from sidecar.texts import route_report, route_words
from sidecar.texts.data import as_json
from sidecar.texts.figures import columns
from sidecar.texts.route_report import Choice, answer, render, report

NOW = 1_795_255_320.0
"""Saturday 21 November 2026, 10:02 in UTC"""
HOUR = 3600.0

VIRTUAL = Target("limit-router", "claude-sonnet-4-5")
COPILOT = Target("github-copilot", "claude-sonnet-4.5")
CLAUDE = Target("anthropic", "claude-sonnet-4-5")
ROUTER = Target("openrouter", "anthropic/claude-sonnet-4.5")
LABELS = {"github-copilot": "GitHub Copilot", "anthropic": "Anthropic"}

FULL = Candidate(COPILOT, "healthy", headroom=62.0, steady=62.0, pace=12.4, in_flight=2, price=0.0)
LOW = Candidate(CLAUDE, "healthy", headroom=14.0, steady=40.0, place=1, pace=-26.0, price=0.0, latency_s=0.84)
KEYLESS = Candidate(ROUTER, "unknown", place=2, unfit="no key", price=6.0)
ROUTED = Decision(NOW, "ses_1", "build", VIRTUAL, "routed", COPILOT, "headroom", (FULL, LOW, KEYLESS))


def choice(decision: Decision = ROUTED, **more: object) -> Choice:
    return Choice(decision, LABELS, **more)  # pyright: ignore[reportArgumentType]


def test_the_first_line_is_the_answer_and_then_comes_what_it_follows_from() -> None:
    assert render(choice(), 76) == (
        """\
The next turn goes to GitHub Copilot (claude-sonnet-4.5): 62% left, used
slower than its time.

limit-router/claude-sonnet-4-5 · headroom: whoever has the most left

  1.  github-copilot/claude-sonnet-4.5
      healthy · 62% left · used slower than its time (+12)
      2 requests under way · paid already
  2.  anthropic/claude-sonnet-4-5
      healthy · 14% left · used faster than its time (-26) · paid already
      answers in 0.8 s
  -   openrouter/anthropic/claude-sonnet-4.5
      out: no key · $6.00 a million tokens"""
    )


def test_a_session_that_stays_says_why_it_does() -> None:
    stays = replace(ROUTED, reason="stays", taken=CLAUDE, candidates=(LOW, FULL))
    told = render(choice(stays, stay=Stay(CLAUDE, NOW - 240), served=CLAUDE), 76)
    assert told.split("\n\n")[:2] == [
        "The next turn goes to Anthropic (claude-sonnet-4-5): 14% left, used faster\nthan its time.",
        "limit-router/claude-sonnet-4-5 · headroom: whoever has the most left\n"
        "  this session stays: for 4 min there, a move would not pay",
    ]


def test_a_session_that_moves_says_from_where() -> None:
    told = render(choice(stay=Stay(CLAUDE, NOW - 1200), served=ROUTER), 76)
    assert told.split("\n\n")[1] == (
        "limit-router/claude-sonnet-4-5 · headroom: whoever has the most left\n"
        "  this session moves there from anthropic/claude-sonnet-4-5\n"
        "  last answer from openrouter/anthropic/claude-sonnet-4.5"
    )


def test_what_may_be_odd_about_the_answer_is_noted_below() -> None:
    assert render(choice(left=VIRTUAL), 76).split("\n\n")[-1] == (
        "! This session has left limit-router/claude-sonnet-4-5 (/route off); /route\n  on goes back to it."
    )
    assert render(choice(is_enabled=False), 76).split("\n\n")[-1] == (
        "! The quota sidecar is switched off (enabled: false): nothing is routed."
    )
    assert render(choice(replace(ROUTED, dry_run=True)), 76).split("\n\n")[-1] == (
        "! Dry run (dryRun: true): what would be done is only noted."
    )


OWN = Target("campus", "qwen3")
OTHER = Target("lab", "qwen3")
CAMPUS = Candidate(OWN, "unknown", is_own=True)
WAITS = replace(CAMPUS, tier="cooling", until=NOW + 4.5 * HOUR)
LIMIT = replace(CAMPUS, tier="limited", until=NOW + 14 * HOUR - 120)
LAB = Candidate(OTHER, "healthy", headroom=80)
ALONE = Decision(NOW, "ses_1", "build", OWN, "as chosen", OWN, candidates=(CAMPUS,))


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (
            ROUTED,
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5): 62% left, used slower than its time.",
        ),
        (
            replace(ROUTED, strategy="cost"),
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5): paid already, 62% left.",
        ),
        (
            replace(ROUTED, strategy="latency", taken=CLAUDE),
            "The next turn goes to Anthropic (claude-sonnet-4-5): answers in 0.8 s, 14% left.",
        ),
        (
            replace(ROUTED, strategy="priority"),
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5): 62% left.",
        ),
        (
            replace(ROUTED, candidates=(replace(FULL, headroom=None, pace=None, tier="unknown"),)),
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5); how much is left there is not known.",
        ),
        (
            replace(ROUTED, reason="nobody fits", taken=None, candidates=(KEYLESS,)),
            "Nobody can take the next turn of limit-router/claude-sonnet-4-5.",
        ),
        (
            replace(
                ROUTED,
                reason="nobody is left",
                candidates=(replace(FULL, tier="cooling", until=NOW + 4.5 * HOUR),),
            ),
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5) all the same: everybody has to wait, "
            "and it is back first, at 14:32.",
        ),
        (
            replace(ROUTED, reason="probe", candidates=(replace(FULL, tier="due"),)),
            "The next turn goes to GitHub Copilot (claude-sonnet-4.5), and finds out whether it is back.",
        ),
        (ALONE, "The next turn goes to campus (qwen3); how much is left there is not known."),
        (
            replace(ALONE, candidates=(replace(CAMPUS, headroom=80),)),
            "The next turn goes to campus (qwen3): 80% left.",
        ),
        (
            replace(ALONE, reason="cooling", taken=OTHER, candidates=(LAB, WAITS)),
            "The next turn goes to lab (qwen3): campus (qwen3) has to wait until 14:32.",
        ),
        (
            replace(ALONE, reason="own limit", taken=OTHER, candidates=(LAB, LIMIT)),
            "The next turn goes to lab (qwen3): campus (qwen3) is at your limit until midnight.",
        ),
        (
            replace(
                ALONE,
                reason="own limit",
                taken=OTHER,
                candidates=(LAB, replace(LIMIT, unfit="hard limit")),
            ),
            "The next turn goes to lab (qwen3): campus (qwen3) is at your hard limit.",
        ),
        (
            replace(ALONE, reason="better", strategy="headroom", taken=OTHER, candidates=(LAB, CAMPUS)),
            "The next turn goes to lab (qwen3): 80% left.",
        ),
    ],
)
def test_the_answer_is_a_sentence(decision: Decision, expected: str) -> None:
    assert answer(choice(decision)) == expected


def test_as_data_it_says_all_that_was_weighed() -> None:
    told = report(choice(stay=Stay(CLAUDE, NOW - 240), left=VIRTUAL))
    assert json.loads(as_json(told)) == {
        "at": "2026-11-21T10:02:00Z",
        "model": "limit-router/claude-sonnet-4-5",
        "reason": "routed",
        "strategy": "headroom",
        "taken": "github-copilot/claude-sonnet-4.5",
        "label": "GitHub Copilot",
        "stay": {"target": "anthropic/claude-sonnet-4-5", "since_at": "2026-11-21T09:58:00Z"},
        "left": "limit-router/claude-sonnet-4-5",
        "candidates": [
            {
                "target": "github-copilot/claude-sonnet-4.5",
                "tier": "healthy",
                "headroom_percent": 62.0,
                "pace_percent": 12.4,
                "in_flight": 2,
                "price": 0.0,
            },
            {
                "target": "anthropic/claude-sonnet-4-5",
                "tier": "healthy",
                "headroom_percent": 14.0,
                "place": 1,
                "steady_percent": 40.0,
                "pace_percent": -26.0,
                "price": 0.0,
                "latency_s": 0.84,
            },
            {
                "target": "openrouter/anthropic/claude-sonnet-4.5",
                "tier": "unknown",
                "place": 2,
                "unfit": "no key",
                "price": 6.0,
            },
        ],
    }


def test_why_tells_who_answered_last_and_what_was_decided() -> None:
    assert route_report.last(ROUTED, choice(served=CLAUDE), NOW + 100, 76) == (
        """\
The last answer came from Anthropic (claude-sonnet-4-5). What was decided
last in this session:

2026-11-21 10:02:00, 1 min ago · build · headroom
  limit-router/claude-sonnet-4-5 → github-copilot/claude-sonnet-4.5
    has the most left
  1.  github-copilot/claude-sonnet-4.5
      healthy · 62% left · used slower than its time (+12)
      2 requests under way · paid already
  2.  anthropic/claude-sonnet-4-5
      healthy · 14% left · used faster than its time (-26) · paid already
      answers in 0.8 s
  -   openrouter/anthropic/claude-sonnet-4.5
      out: no key · $6.00 a million tokens"""
    )
    assert route_report.last(None, choice(served=CLAUDE), NOW, 76) == (
        "The last answer came from Anthropic (claude-sonnet-4-5). Nothing was decided\n"
        "in this session yet: its requests go where you chose."
    )
    assert route_report.last(None, choice(), NOW, 76) == (
        "Nothing was decided in this session yet: its requests go where you chose."
    )


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        (
            "claude-sonet-4-5",
            ["claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5"],
            "There is no model 'claude-sonet-4-5'. Did you mean 'claude-sonnet-4-5' or 'claude-haiku-4-5'?",
        ),
        ("x", ["gpt-5"], "There is no model 'x'; `opencode models` lists them."),
        (
            "x",
            [],
            "There is no model 'x': which there are is known once OpenCode has run with this plugin.",
        ),
    ],
)
def test_who_asks_for_an_unknown_model_is_told_the_nearest(
    text: str, known: list[str], expected: str
) -> None:
    assert route_words.unknown_model(text, known) == expected


names = st.text(max_size=20) | st.text("aW漢", min_size=30, max_size=90)


@given(names, names, st.integers(40, 80))
def test_no_name_breaks_a_line_or_moves_the_cursor(provider: str, model: str, width: int) -> None:
    target = Target(provider, model)
    decision = replace(ROUTED, own=target, taken=target, candidates=(replace(FULL, target=target), LOW))
    made = Choice(decision, {provider: model}, Stay(CLAUDE, NOW - 9), left=target, served=target)
    for line in (render(made, width) + "\n" + route_report.last(decision, made, NOW, width)).split("\n"):
        assert line == "" or (columns(line) <= width and line.isprintable())
