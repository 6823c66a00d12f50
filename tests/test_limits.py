"""Limits of the user's own: what counts, which is reached, and until when."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.limits import KINDS, Day, Kind, Limits, Reached, Use, reached, turns_at, use

HOUR = 3600.0
DAY = Day(1_795_219_200.0, 1_795_219_200.0 + 24 * HOUR)
NOW = DAY.start + 10.25 * HOUR
NOON = round(NOW // HOUR)


@dataclass(frozen=True)
class Row:
    hour: int
    requests: int = 0
    tokens: float = 0.0
    cost: float | None = None


USED = [
    Row(NOON, 3, 1000, 0.5),
    Row(NOON - 2, 7, 5000, 1.5),
    Row(NOON - 9, 1),
    Row(NOON - 11, 100, 1e6, 90),  # yesterday
    Row(NOON + 1, 50, 1e5, 50),  # a clock that was set back since
]


def test_an_hour_is_a_clock_hour_and_a_day_begins_at_midnight() -> None:
    assert use(USED, NOW, DAY) == Use(3, 11, 6000.0, 2.0)


def test_a_cost_of_which_nothing_is_known_is_unknown() -> None:
    assert use([Row(NOON, 3, 1000)], NOW, DAY) == Use(3, 3, 1000.0)


def test_an_hour_that_midnight_parts_counts_whole() -> None:
    half_past = Day(DAY.start + HOUR / 2, DAY.end + HOUR / 2)
    assert use([Row(round(DAY.start // HOUR), 5)], NOW, half_past).requests_today == 5


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), None),
        (Limits(requests_per_hour=4, requests_per_day=12, tokens_per_day=6001, cost_per_day=2.01), None),
        (Limits(requests_per_hour=3), Reached("requests_per_hour", 3, 3, DAY.start + 11 * HOUR)),
        (Limits(requests_per_day=11), Reached("requests_per_day", 11, 11, DAY.end)),
        (Limits(tokens_per_day=5000), Reached("tokens_per_day", 6000, 5000, DAY.end)),
        (Limits(cost_per_day=2), Reached("cost_per_day", 2, 2, DAY.end)),
        (Limits(requests_per_hour=1, requests_per_day=1), Reached("requests_per_day", 11, 1, DAY.end)),
        (Limits(requests_per_day=1, tokens_per_day=1), Reached("requests_per_day", 11, 1, DAY.end)),
    ],
)
def test_which_limit_is_reached_and_until_when(limits: Limits, expected: Reached | None) -> None:
    assert reached(limits, USED, NOW, DAY) == expected


def test_a_cost_limit_holds_nobody_whose_prices_are_unknown() -> None:
    assert reached(Limits(cost_per_day=0.01), [Row(NOON, 1000, 1e9)], NOW, DAY) is None


rows = st.builds(
    Row,
    hour=st.integers(NOON - 48, NOON + 2),
    requests=st.integers(0, 10_000),
    tokens=st.floats(0, 1e12),
    cost=st.none() | st.floats(0, 1e6),
)
limits = st.builds(Limits, **{kind: st.none() | st.floats(0.01, 1e6) for kind in KINDS}, hard=st.booleans())


@given(st.lists(rows, max_size=30), limits, st.floats(DAY.start, DAY.end - 0.01))
def test_a_limit_is_reached_exactly_when_as_much_is_used_and_until_its_window_turns(
    used: list[Row], limits: Limits, now: float
) -> None:
    found, total = reached(limits, used, now, DAY), use(used, now, DAY)
    over: set[Kind] = {kind for kind in KINDS if (limit := getattr(limits, kind)) and total.of(kind) >= limit}
    if found is None:
        assert not over
        return
    assert found == Reached(
        found.kind, total.of(found.kind), getattr(limits, found.kind), turns_at(found.kind, now, DAY)
    )
    assert found.kind in over
    assert found.until == max(turns_at(kind, now, DAY) for kind in over) > now


@given(st.lists(rows, max_size=30), limits, rows)
def test_more_use_never_takes_a_limit_back(used: list[Row], limits: Limits, more: Row) -> None:
    before, after = reached(limits, used, NOW, DAY), reached(limits, [*used, more], NOW, DAY)
    assert before is None or (after is not None and after.until >= before.until)
