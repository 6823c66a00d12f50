"""Lengths of time as replies and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota.periods import DAY, HOUR, MINUTE, WEEK, CalendarRule, Period, as_calendar_rule, as_period


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("5h", Period(seconds=5 * HOUR)),
        ("1d2h", Period(seconds=26 * HOUR)),
        ("in 5 minutes", Period(seconds=5 * MINUTE)),
        ("In 3 days, 19 hours, 56 minutes", Period(seconds=3 * DAY + 19 * HOUR + 56 * MINUTE)),
        ("1 hour and 30 minutes", Period(seconds=90 * MINUTE)),
        ("00:03:25", Period(seconds=205)),
        ("168:00:00", Period(seconds=WEEK)),
        ("1 day, 2:03:04", Period(seconds=DAY + 7384)),
        ("1.02:03:04.5", Period(seconds=DAY + 7384.5)),
        ("PT2M59.56S", Period(seconds=179.56)),
        ("P1DT2H", Period(seconds=26 * HOUR)),
        ("250us", Period(seconds=0.00025)),
        ("1m0.5µs", Period(seconds=60.0000005)),
        ("1M", Period(months=1)),
        ("per month", Period(months=1)),
        ("per_minute", Period(seconds=MINUTE)),
        ("quarterly", Period(months=3)),
        ("five_hour", Period(seconds=5 * HOUR)),
        ("SEVEN_DAY", Period(seconds=WEEK)),
        ("Five-Minutes", Period(seconds=5 * MINUTE)),
        ("1.5 months", None),
        ("-5s", None),
        ("3:25", None),
        ("00:99:00", None),
        ("seven_day_opus", None),
        ("one", None),
        ("5 minutes ago", None),
        ("1 and", None),
        ("PRO", None),
        ("in", None),
        ("lifetime", None),
    ],
)
def test_a_length_of_time_is_read_as_it_is_written(text: str, period: Period | None) -> None:
    found = as_period(text)
    assert found == period or (found and period and found.seconds == pytest.approx(period.seconds))


JANUARY = 1_769_817_600.0
"""2026-01-31T00:00:00Z, a Saturday"""


@pytest.mark.parametrize(
    ("text", "edge", "length_s"),
    [
        ("day", DAY, DAY),
        ("1d", DAY, DAY),
        ("1h", HOUR, HOUR),
        ("weekly", 2 * DAY, WEEK),
        ("Saturday", WEEK, WEEK),
        ("sun", DAY, WEEK),
        ("sunday -05:00", DAY + 5 * HOUR, WEEK),
        ("day UTC+8", 16 * HOUR, DAY),
        ("day +0530", 18.5 * HOUR, DAY),
        ("day Z", DAY, DAY),
        ("month", DAY, 31 * DAY),
        ("1M", DAY, 31 * DAY),
        ("quarterly", 60 * DAY, 90 * DAY),
        ("year", 335 * DAY, 365 * DAY),
    ],
)
def test_an_edge_of_the_calendar_is_the_next_one(text: str, edge: float, length_s: float) -> None:
    rule = as_calendar_rule(text)
    assert rule is not None
    assert rule.next_reset(JANUARY) == (JANUARY + edge, length_s)


@pytest.mark.parametrize(
    "text", ["", "noon", "1m", "30d", "2 days", "day +08:99", "day +15:00", "day 8", None, 5]
)
def test_what_is_no_edge_is_none(text: object) -> None:
    assert as_calendar_rule(text) is None


def test_a_month_after_the_end_of_january_is_the_end_of_february() -> None:
    assert Period(months=1).after(JANUARY) == JANUARY + 28 * DAY


@given(st.text(max_size=30) | st.from_regex(r"[0-9 .:PTDHMSdhms]{1,20}", fullmatch=True))
def test_nothing_raises_and_nothing_is_longer_than_a_century(text: str) -> None:
    period = as_period(text)
    assert period is None or 0 <= period.length_s(None) <= 100 * 366 * DAY
    rule = as_calendar_rule(text)
    assert rule is None or isinstance(rule, CalendarRule)
