"""What toasts say of a session whose route changes: whole texts."""

import pytest
from msgspec.structs import replace

from sidecar.core.choose import Candidate, Strategy
from sidecar.protocol import Target
from sidecar.texts import routing, toasts

NOW = 1_795_255_320.0  # Saturday 21 November 2026, 10:02 in UTC
HOUR = 3600.0


COPILOT = Candidate(Target("github-copilot", "claude-sonnet-4.5"), "healthy", headroom=62.9)
CLAUDE = Candidate(Target("anthropic", "claude-sonnet-4-5"), "healthy", headroom=14.0)


def toast(
    to: Candidate,
    was: Candidate | None = CLAUDE,
    strategy: Strategy = "headroom",
    was_label: str = "Anthropic",
) -> str:
    sides = ("GitHub Copilot", to), (was_label, was)
    return toasts.message([routing.routed("claude-sonnet-4-5", *sides, strategy, NOW)])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            toast(COPILOT),
            "claude-sonnet-4-5 goes to GitHub Copilot (62% left)\nno longer to Anthropic (14% left)",
        ),
        (
            toast(replace(COPILOT, headroom=None), None),
            "claude-sonnet-4-5 goes to GitHub Copilot\nno longer to Anthropic",
        ),
        (
            toast(COPILOT, replace(CLAUDE, tier="cooling", until=NOW + 4.5 * HOUR)),
            "claude-sonnet-4-5 goes to GitHub Copilot (62% left)\n"
            "no longer to Anthropic (has to wait until 14:32)",
        ),
        (
            toast(COPILOT, replace(CLAUDE, tier="limited", until=NOW + 14 * HOUR - 120)),
            "claude-sonnet-4-5 goes to GitHub Copilot (62% left)\n"
            "no longer to Anthropic (at your limit until midnight)",
        ),
        (
            toast(COPILOT, replace(CLAUDE, unfit="too long")),
            "claude-sonnet-4-5 goes to GitHub Copilot (62% left)\n"
            "no longer to Anthropic (this is too long for it)",
        ),
        (
            toast(replace(COPILOT, price=0.0), replace(CLAUDE, price=6.0), "cost", "Claude API"),
            "claude-sonnet-4-5 goes to GitHub Copilot (paid\n"
            "already)\nno longer to Claude API ($6.00 a million tokens)",
        ),
        (
            toast(replace(COPILOT, latency_s=0.84), replace(CLAUDE, latency_s=12.4), "latency"),
            "claude-sonnet-4-5 goes to GitHub Copilot (answers in\n"
            "0.8 s) · no longer to Anthropic (answers in 12 s)",
        ),
    ],
)
def test_a_toast_says_where_a_route_goes_and_what_speaks_for_it(told: str, expected: str) -> None:
    assert told == expected


def test_a_session_that_is_new_to_a_model_hears_only_where_it_goes() -> None:
    sentence = routing.routed("claude-sonnet-4-5", ("GitHub Copilot", COPILOT), None, "headroom", NOW)
    assert toasts.message([sentence]) == "claude-sonnet-4-5 goes to GitHub Copilot (62% left)"


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (12.4, "used slower than its time (+12)"),
        (-3.0, "used faster than its time (-3)"),
        (0.9, "used in step with its time"),
        (-0.9, "used in step with its time"),
    ],
)
def test_pace_is_told_in_words(points: float, expected: str) -> None:
    assert routing.pace(points) == expected
