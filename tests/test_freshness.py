"""When a gateway is asked again, and how long an old value may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.freshness import (
    ERROR_CACHE_S,
    FIRST_BACKOFF_S,
    KEEP_OLD_S,
    LONGEST_BACKOFF_S,
    LONGEST_STATED_S,
    Attempt,
    Pace,
    is_due,
    may_still_be_shown,
    retry_at,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("last", "refresh", "due"),
    [
        (None, False, True),
        (Attempt(NOW, False), False, False),
        (Attempt(NOW - 59.9, False), False, False),
        (Attempt(NOW - 60, False), False, True),
        (Attempt(NOW, False), True, True),
        (Attempt(NOW - ERROR_CACHE_S + 1, True), False, False),
        (Attempt(NOW - ERROR_CACHE_S, True), False, True),
        (Attempt(NOW, True), True, True),
        (Attempt(NOW - 300, True, retry_at=NOW + 1), False, False),
        (Attempt(NOW - 300, True, retry_at=NOW + 1), True, False),
        (Attempt(NOW - 300, True, retry_at=NOW), False, True),
        (Attempt(NOW - 300, True, retry_at=NOW + LONGEST_STATED_S + 1), False, True),
        (Attempt(NOW + 61, False), False, True),
        (Attempt(NOW + 59, False), False, False),
        (Attempt(NOW - 5, False, turns_at=NOW + 1), False, False),
        (Attempt(NOW - 5, False, turns_at=NOW), False, True),
        (Attempt(NOW - 5, False, turns_at=NOW - 6), False, False),
        (Attempt(NOW - 5, True, retry_at=NOW + 9, turns_at=NOW), False, False),
    ],
    ids=[
        "never asked", "just asked", "nearly old", "old", "refresh", "error just now", "error a while ago",
        "refresh after an error", "must wait", "refresh overrides no wait", "wait is over",
        "an absurd wait", "clock set back", "clock a little back", "window turns soon", "window has turned",
        "window had turned before", "a turned window overrides no wait",
    ],
)  # fmt: skip
def test_a_gateway_is_asked_only_when_it_is_due(last: Attempt | None, refresh: bool, due: bool) -> None:
    assert is_due(last, NOW, Pace(60, refresh=refresh)) is due


def test_a_short_cache_also_shortens_the_one_of_errors() -> None:
    assert is_due(Attempt(NOW - 2, True), NOW, Pace(2))


@pytest.mark.parametrize(
    ("last", "pace", "every_s", "due"),
    [
        (Attempt(NOW - 59, True), Pace(60, patient=True), 0, False),
        (Attempt(NOW - 60, True), Pace(60, patient=True), 0, True),
        (Attempt(NOW - 5, False, turns_at=NOW), Pace(60, patient=True), 0, False),
        (Attempt(NOW - 60, True, retry_at=NOW + 1), Pace(60, patient=True), 0, False),
        (Attempt(NOW - 299, False), Pace(60), 300, False),
        (Attempt(NOW - 299, True), Pace(60, refresh=True), 300, False),
        (Attempt(NOW - 299, False, turns_at=NOW), Pace(60), 300, False),
        (Attempt(NOW - 300, False), Pace(60), 300, True),
        (Attempt(NOW + 61, False), Pace(60), 300, True),
    ],
)
def test_who_is_patient_and_what_a_service_bears_are_kept_whatever_happened(
    last: Attempt, pace: Pace, every_s: float, due: bool
) -> None:
    assert is_due(last, NOW, pace, every_s) is due


@pytest.mark.parametrize(
    ("stated", "failures", "wait"),
    [
        (7.0, 5, 7.0),
        (LONGEST_STATED_S, 1, LONGEST_STATED_S),
        (LONGEST_STATED_S + 1, 1, FIRST_BACKOFF_S),
        (0.0, 1, FIRST_BACKOFF_S),
        (-5.0, 1, FIRST_BACKOFF_S),
        (float("nan"), 1, FIRST_BACKOFF_S),
        (None, 0, FIRST_BACKOFF_S),
        (None, 1, FIRST_BACKOFF_S),
        (None, 2, 60.0),
        (None, 3, 120.0),
        (None, 6, LONGEST_BACKOFF_S),
        (None, 10**9, LONGEST_BACKOFF_S),
    ],
)
def test_a_stated_wait_is_kept_and_a_guess_doubles(stated: float | None, failures: int, wait: float) -> None:
    assert retry_at(NOW, stated, failures) == NOW + wait


@given(st.one_of(st.none(), st.floats()), st.integers(0, 10**6))
def test_a_wait_always_ends(stated: float | None, failures: int) -> None:
    assert NOW <= retry_at(NOW, stated, failures) <= NOW + LONGEST_STATED_S


@pytest.mark.parametrize(
    ("read_at", "resets_at", "period_s", "shown"),
    [
        (NOW - 100, NOW + 1, None, True),
        (NOW - 100, NOW, None, False),
        (NOW - 100, NOW - 99, None, False),
        (NOW - 100, NOW - 200, None, True),
        (NOW - KEEP_OLD_S, None, None, True),
        (NOW - KEEP_OLD_S - 1, None, None, False),
        (NOW - KEEP_OLD_S - 1, NOW + 1, None, True),
        (NOW - 59, None, 60.0, True),
        (NOW - 60, None, 60.0, False),
        (NOW - 60, NOW + 1, 60.0, True),
        (NOW - 60, NOW - 100, 60.0, False),
        (NOW - KEEP_OLD_S - 1, None, 30 * 86400.0, False),
    ],
    ids=["before", "at the reset", "after", "the gateway is late with its reset", "a week", "over a week",
         "a month's window", "within its minute", "after its minute", "its reset is stated",
         "late, and its minute is over", "a month without a reset"],
)  # fmt: skip
def test_an_old_value_is_shown_until_its_window_turns(
    read_at: float, resets_at: float | None, period_s: float | None, shown: bool
) -> None:
    assert may_still_be_shown(read_at, resets_at, NOW, period_s) is shown
