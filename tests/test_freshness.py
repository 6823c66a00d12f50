"""When a gateway is asked again, and how long an old value may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.freshness import (
    ERROR_CACHE_S,
    FIRST_BACKOFF_S,
    HEARD_IN_PART_S,
    KEEP_OLD_S,
    LONGEST_BACKOFF_S,
    LONGEST_STATED_S,
    STALE_S,
    Attempt,
    Pace,
    Told,
    is_due,
    is_stale,
    may_still_be_shown,
    retry_at,
    still_counts,
    told_by,
)
from sidecar.quota.windows import Window

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
    ("last", "pace", "told", "due"),
    [
        (None, Pace(60, patient=True), "all", False),
        (None, Pace(60, patient=True), "part", True),
        (None, Pace(60), "all", True),
        (Attempt(NOW - 9000, False), Pace(60, patient=True), "all", False),
        (Attempt(NOW - 9000, False), Pace(60), "all", True),
        (Attempt(NOW - HEARD_IN_PART_S + 1, False), Pace(60, patient=True), "part", False),
        (Attempt(NOW - HEARD_IN_PART_S, False), Pace(60, patient=True), "part", True),
        (Attempt(NOW - HEARD_IN_PART_S, False), Pace(7200, patient=True), "part", False),
    ],
)
def test_who_is_patient_does_not_ask_for_what_was_told(
    last: Attempt | None, pace: Pace, told: Told, due: bool
) -> None:
    assert is_due(last, NOW, pace, told=told) is due


FIVE, WEEK, SONNET, OPUS = (
    Window(name, "percent", percent_remaining=50.0, period_s=period_s, models=models)
    for name, period_s, models in (
        ("5h", 18_000, None),
        ("7d", 604_800, None),
        ("7d sonnet", 604_800, ("*sonnet*",)),
        ("7d opus", 604_800, ("*opus*",)),
    )
)
MINUTE = Window("requests", "requests", percent_remaining=50.0, period_s=60)
BUDGET = Window("budget", "cost", percent_remaining=50.0, period_s=30 * 86_400)
SHOWN = Window("credits", "percent", percent_remaining=50.0, models=())
BALANCE = Window("balance", "cost", remaining=5)


@pytest.mark.parametrize(
    ("heard", "asked", "told"),
    [
        ([], [], "nothing"),
        ([FIVE], [], "all"),
        ([MINUTE], [], "nothing"),
        ([SHOWN, BALANCE], [], "nothing"),
        ([FIVE, WEEK], [FIVE, WEEK, MINUTE, SHOWN, BALANCE], "all"),
        ([FIVE], [FIVE, WEEK], "nothing"),
        ([FIVE, WEEK], [FIVE, WEEK, SONNET], "part"),
        ([FIVE, WEEK, OPUS], [FIVE, WEEK, SONNET], "part"),
        ([FIVE, WEEK, SONNET], [FIVE, WEEK, SONNET], "all"),
        ([FIVE], [BUDGET], "nothing"),
        ([Window("key budget", "cost", percent_remaining=9.0)], [BUDGET], "all"),
    ],
)
def test_answers_have_told_what_they_say_of_windows_that_last(
    heard: list[Window], asked: list[Window], told: Told
) -> None:
    assert told_by(heard, asked) == told


@pytest.mark.parametrize(
    ("age_s", "window", "counts"),
    [
        (STALE_S, WEEK, True),
        (STALE_S + 1, WEEK, False),
        (STALE_S + 1, Window("w", "percent", percent_remaining=0.0, resets_at=NOW + 9), True),
        (STALE_S + 1, Window("w", "percent", blocked=True, resets_at=NOW + 9), True),
        (STALE_S + 1, Window("w", "percent", percent_remaining=0.0), False),
        (STALE_S + 1, Window("w", "cost", unlimited=True), False),
        (-60, WEEK, True),
    ],
    ids=[
        "not yet",
        "old",
        "used up",
        "blocked",
        "used up until nobody knows when",
        "unlimited",
        "clock set back",
    ],
)
def test_what_was_read_long_ago_counts_only_where_it_can_not_have_changed(
    age_s: float, window: Window, counts: bool
) -> None:
    assert is_stale(NOW - age_s, NOW) is (age_s > STALE_S)
    assert still_counts(window, NOW - age_s, NOW) is counts


@pytest.mark.parametrize(
    ("failures", "every_s", "longest_s", "wait"),
    [
        (1, 300, 21_600, 300),
        (2, 300, 21_600, 600),
        (8, 300, 21_600, 21_600),
        (10**9, 300, 21_600, 21_600),
        (1, 3600, LONGEST_BACKOFF_S, 3600),
        (9, 3600, LONGEST_BACKOFF_S, 3600),
    ],
)
def test_a_service_that_bears_little_is_left_alone_for_hours(
    failures: int, every_s: float, longest_s: float, wait: float
) -> None:
    assert retry_at(NOW, None, failures, every_s, longest_s) == NOW + wait
    assert retry_at(NOW, 7.0, failures, every_s, longest_s) == NOW + 7


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
