"""When a window turns and how long it is, in all the ways that replies say it."""

from typing import Any

import pytest

from tests.reading import DAY, HOUR, NOW, only


@pytest.mark.parametrize(
    ("fields", "value", "resets_in_s"),
    [
        ({"resets_at": "body.x"}, "2026-12-01T00:00:00Z", 10 * DAY),
        ({"resets_at": "body.x"}, "2026-12-01", 10 * DAY),
        ({"resets_at": "body.x"}, "2026-11-21T02:00:00.123456789+02:00", 0.123456),
        ({"resets_at": "body.x"}, "Tue, 01 Dec 2026 00:00:00 GMT", 10 * DAY),
        ({"resets_at": "body.x"}, "2026-12-01T00%3A00%3A00Z", 10 * DAY),
        ({"resets_at": "body.x"}, "2026-12-01 00:00:00 +0000 UTC", 10 * DAY),
        ({"resets_at": "body.x"}, NOW + 60, 60),
        ({"resets_at": "body.x"}, str(int(NOW + 60)), 60),
        ({"resets_at": "body.x"}, (NOW + 60) * 1000, 60),
        ({"resets_at": "body.x"}, int((NOW + 60) * 10**9), 60),
        ({"resets_at": "body.x"}, 0, None),
        ({"resets_at": "body.x"}, "soon", None),
        ({"resets_in": "body.x"}, "2m59.56s", 179.56),
        ({"resets_in": "body.x"}, "7.66s", 7.66),
        ({"resets_in": "body.x"}, "1h0m5s", 3605),
        ({"resets_in": "body.x"}, "59ms", 0.059),
        ({"resets_in": "body.x"}, 6699, 6699),
        ({"resets_in": "body.x"}, "PT1H30M", 5400),
        ({"resets_in": "body.x"}, "3 fortnights", None),
        ({"resets_in": "body.x"}, -5, None),
        ({"calendar": "month"}, None, 10 * DAY),
        ({"calendar": "day"}, None, DAY),
        ({"calendar": "day +08:00"}, None, 16 * HOUR),
        ({"calendar": "week"}, None, 2 * DAY),
        ({"calendar": "sunday"}, None, DAY),
        ({"calendar": "{body.x}"}, "Tue", 3 * DAY),
        ({"calendar": "quarter"}, None, 41 * DAY),
        ({"calendar": "year"}, None, 41 * DAY),
        ({"calendar": "{body.x}"}, "1M", 10 * DAY),
        ({"calendar": "day UTC+8"}, None, 16 * HOUR),
        ({"calendar": "{body.x}"}, "monthly", 10 * DAY),
        ({"calendar": "{body.x}"}, "sometimes", None),
        ({"calendar": "{body.x}"}, None, None),
        ({"started_at": "body.x", "period": "1M"}, "2026-11-01T00:00:00Z", 10 * DAY),
        ({"started_at": "body.x", "period": "1m"}, "2026-11-21T00:00:00Z", 60),
        ({"started_at": "body.x", "period": "1d"}, "?", None),
        ({"resets_at": "body.x", "resets_in": "`60`"}, "soon", 60),
    ],
    ids=str,
)
def test_a_reset_is_an_instant_a_wait_a_start_and_a_period_or_an_edge_of_the_calendar(
    fields: dict[str, Any], value: object, resets_in_s: float | None
) -> None:
    resets_at = only({"x": value}, used="`1`", **fields).resets_at
    assert (resets_at is None) == (resets_in_s is None)
    if resets_at is not None and resets_in_s is not None:
        assert abs(resets_at - NOW - resets_in_s) < 1e-3


@pytest.mark.parametrize(
    ("period", "length_s", "name"),
    [
        ("5h", 5 * HOUR, "5h"),
        ("1h", HOUR, "1h"),
        ("30s", 30, "30 s"),
        ("90m", 90 * 60, "1.5h"),
        ("1d", DAY, "daily"),
        ("3 days", 3 * DAY, "3d"),
        ("7d", 7 * DAY, "weekly"),
        ("1w", 7 * DAY, "weekly"),
        ("weekly", 7 * DAY, "weekly"),
        ("1M", 30 * DAY, "monthly"),
        ("monthly", 30 * DAY, "monthly"),
        ("1Y", 360 * DAY, "360d"),
        ("P7D", 7 * DAY, "weekly"),
        ("18000", 5 * HOUR, "5h"),
        ("2628000", 2628000.0, "monthly"),
        ("300 TIME_UNIT_MINUTE", 5 * HOUR, "5h"),
        ("10 min", 600, "10 min"),
        ("1 hour 30 minutes", 5400, "1.5h"),
    ],
)
def test_a_period_has_a_length_and_a_name(period: str, length_s: float, name: str) -> None:
    window = only({"p": period}, name="{period}", used="`1`", period="{body.p}")
    assert (window.period_s, window.name) == (length_s, name)


def test_a_month_is_as_long_as_the_one_that_ends_at_the_reset() -> None:
    window = only({}, used="`1`", period="1M", resets_at="'2026-03-01T00:00:00Z'")
    assert window.period_s == 28 * DAY
    assert only({}, used="`1`", calendar="month").period_s == 30 * DAY
