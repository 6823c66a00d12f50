"""Instants in replies: ISO 8601, seconds and milliseconds; anything insane is no instant."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota.instants import as_instant

DECEMBER = 1796083200.0
"""2026-12-01T00:00:00Z"""


@pytest.mark.parametrize(
    "value",
    [
        "2026-12-01T00:00:00Z",
        "2026-12-01T00:00:00+00:00",
        "2026-12-01T07:00:00+07:00",
        "2026-11-30T19:00:00-05:00",
        "2026-12-01T00:00:00",
        "2026-12-01 00:00:00",
        "2026-12-01",
        "2026/12/1",
        "2026.12.01 00:00:00",
        "2026-12-01 08:00:00 +08:00",
        "2026-12-01 08:00:00.000 +0800",
        "2026-12-01 00:00:00 UTC",
        "2026-12-01 00:00:00 +0000 UTC",
        "2026-12-01T01:00:00+01:00[Europe/Berlin]",
        "2026-12-01 12:00 AM",
        "Nov 30, 2026, 7:00 PM -0500",
        "December 1, 2026",
        "Dec 1, 2026 at 12:00 AM UTC",
        "1 Dec 2026",
        "Tue, 01 Dec 2026 00:00:00 GMT",
        "Tue Dec 01 2026 01:00:00 GMT+0100 (Central European Standard Time)",
        "2026-12-01T00%3A00%3A00Z",
        " 2026-12-01T00:00:00Z ",
        1796083200,
        1796083200.0,
        "1796083200",
        1796083200000,
        "1796083200000",
    ],
    ids=repr,
)
def test_every_spelling_of_an_instant_is_the_same_instant(value: object) -> None:
    assert as_instant(value) == DECEMBER


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "soon", "None", 0, -1, 86400, "0", "1999-12-31T23:59:59Z", "2200-01-02", 1e300,
        float("nan"), float("inf"), "2026-13-01", "2026-02-30", "12/01/2026",
        "01.12.2026", "Dec 1 at 8:00 PM", "2026-12-01 08:00:00 PST", "2026-12-01T08:00:00+8",
        "2026-11-21T00:00:00+99:00",
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", pytest.param(10**5000, id="5000 digits"),
        [1796083200], {}, "\x00" * 12,
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_sane_instant_is_unknown(value: object) -> None:
    assert as_instant(value) is None


def test_a_fraction_of_a_second_is_kept() -> None:
    assert as_instant("2026-12-01T00:00:00.250Z") == DECEMBER + 0.25
    assert as_instant(1796083200250) == DECEMBER + 0.25


@given(st.datetimes(timezones=st.timezones()))
def test_a_datetime_in_any_zone_is_read_as_it_was_meant_or_not_at_all(moment: datetime) -> None:
    result = as_instant(moment.isoformat())
    assert result is None or abs(result - moment.timestamp()) < 1e-3


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.integers())))
def test_nothing_raises_and_nothing_leaves_two_centuries(value: object) -> None:
    result = as_instant(value)
    assert result is None or 946684800 <= result <= 7258118400
