"""When a window will be used up: what its trail keeps, and what may be said of it."""

from itertools import pairwise

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from sidecar.core.forecast import (
    APART_S,
    FARTHEST_S,
    LEAST_POINTS,
    LEAST_SPAN_S,
    MOST_POINTS,
    STALE_S,
    Trail,
    add,
    follow,
    name_of,
    used_up_at,
)
from sidecar.quota.windows import Window

NOW = 1_790_000_000.0
MINUTE, HOUR = 60.0, 3600.0
RESET = NOW + 4 * HOUR


def window(left: float | None, resets_at: float | None = RESET, period_s: float | None = 5 * HOUR) -> Window:
    return Window("5 h", "percent", percent_remaining=left, resets_at=resets_at, period_s=period_s)


def trail_of(*readings: tuple[float, float], resets_at: float | None = RESET) -> Trail:
    """Return the trail of what was left so many seconds after `NOW`."""
    trail = Trail(())
    for after, left in readings:
        trail = add(trail, window(left, resets_at), NOW + after)
    return trail


def points(trail: Trail) -> list[tuple[float, float]]:
    return [(at - NOW, left / 100) for at, left in trail.points]


STEADY = trail_of((0, 60), (5 * MINUTE, 55), (10 * MINUTE, 50))


def test_a_steady_use_ends_when_it_says() -> None:
    assert used_up_at(STEADY, NOW + 10 * MINUTE, RESET) == NOW + 60 * MINUTE
    assert used_up_at(STEADY, NOW + 12 * MINUTE, RESET) == NOW + 60 * MINUTE


@pytest.mark.parametrize(
    ("trail", "now", "resets_at"),
    [
        (trail_of(), NOW, RESET),
        (trail_of((0, 60), (20 * MINUTE, 50)), NOW + 20 * MINUTE, RESET),
        (trail_of((0, 60), (5 * MINUTE, 55), (LEAST_SPAN_S - 1, 50)), NOW + LEAST_SPAN_S, RESET),
        (trail_of((0, 50), (5 * MINUTE, 50), (10 * MINUTE, 50)), NOW + 10 * MINUTE, RESET),
        (trail_of((0, 60), (5 * MINUTE, 30), (10 * MINUTE, 0)), NOW + 10 * MINUTE, RESET),
        (STEADY, NOW + 10 * MINUTE, NOW + 60 * MINUTE),
        (STEADY, NOW + 10 * MINUTE + STALE_S + 1, RESET),
        (STEADY, NOW + 10 * MINUTE - 1, RESET),
        (trail_of((0, 30), (5 * MINUTE, 20), (10 * MINUTE, 10)), NOW + 16 * MINUTE, RESET),
        (trail_of((0, 99.5), (5 * MINUTE, 99), (10 * MINUTE, 98.5)), NOW + 10 * MINUTE, None),
    ],
    ids=[
        "nothing read", "two readings", "within minutes", "flat", "used up already", "the reset is first",
        "read long ago", "a clock set back", "past already", "beyond a day's work",
    ],
)  # fmt: skip
def test_nothing_is_said_where_nobody_knows_or_it_does_not_matter(
    trail: Trail, now: float, resets_at: float | None
) -> None:
    assert used_up_at(trail, now, resets_at) is None


def test_without_a_reset_it_is_said_for_the_next_hours() -> None:
    assert used_up_at(STEADY, NOW + 10 * MINUTE, None) == NOW + 60 * MINUTE


def test_one_huge_request_or_a_rounded_figure_hardly_moves_the_pace() -> None:
    jump = trail_of(*[(number * 5 * MINUTE, 90 - number - 30 * (number > 6)) for number in range(9)])
    assert used_up_at(jump, NOW + 40 * MINUTE, None) == NOW + 40 * MINUTE + 52 * 5 * MINUTE
    rounded = trail_of(*[(number * 5 * MINUTE, int(90 - 2.5 * number)) for number in range(9)])
    assert used_up_at(rounded, NOW + 40 * MINUTE, RESET) == pytest.approx(NOW + 180 * MINUTE, abs=600)


def test_readings_are_kept_a_minute_apart_but_for_the_newest() -> None:
    assert points(trail_of((0, 60), (10, 59), (59, 58))) == [(0, 60), (59, 58)]
    assert points(trail_of((0, 60), (59, 58), (70, 57), (130, 56))) == [(0, 60), (70, 57), (130, 56)]
    assert points(trail_of((0, 60), (59, 58), (69, 57), (130, 56), (140, 55))) == [
        (0, 60), (69, 57), (130, 56), (140, 55),
    ]  # fmt: skip


def test_many_readings_are_thinned_to_some_that_cover_the_last_hour() -> None:
    kept = points(trail_of(*[(number * MINUTE, 100 - number / 4) for number in range(181)]))
    assert len(kept) == MOST_POINTS
    assert (120 * MINUTE <= kept[0][0] <= 130 * MINUTE, kept[-1]) == (True, (180 * MINUTE, 55))
    assert max(later[0] - earlier[0] for earlier, later in pairwise(kept)) <= 15 * MINUTE


def test_rare_readings_are_kept_though_they_are_old() -> None:
    assert points(trail_of(*[(number * HOUR / 2, 100 - number) for number in range(9)], resets_at=None)) == [
        (3 * HOUR, 94), (3.5 * HOUR, 93), (4 * HOUR, 92),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "left", "resets_at"),
    [
        (11 * MINUTE, 52.0, RESET),
        (-1.0, 50.0, RESET),
        (4 * HOUR, 40.0, RESET + 5 * HOUR),
        (4 * HOUR, 40.0, None),
    ],
    ids=["a top-up", "a clock set back", "another period", "an unknown period"],
)
def test_a_trail_starts_anew_where_the_use_does(after: float, left: float, resets_at: float | None) -> None:
    at = NOW + after
    assert add(STEADY, window(left, resets_at), at) == Trail(((int(at), int(left * 100)),), resets_at)


def test_a_reset_that_moves_with_the_clock_and_a_share_that_wobbles_are_no_new_period() -> None:
    trail = Trail(())
    for number in range(4):
        at = NOW + number * 5 * MINUTE
        trail = add(trail, window(50 + number % 2, at + 5 * HOUR), at)
    assert (len(trail.points), trail.resets_at) == (4, NOW + 15 * MINUTE + 5 * HOUR)


def test_after_a_pause_only_the_last_three_tell_until_there_are_three_of_the_last_hour() -> None:
    hourly = trail_of((0, 90), (2 * HOUR, 80), (4 * HOUR, 70), (6 * HOUR, 60), resets_at=None)
    assert points(hourly) == [(2 * HOUR, 80), (4 * HOUR, 70), (6 * HOUR, 60)]
    for after, left in ((6.5 * HOUR, 50), (6.8 * HOUR, 40)):
        hourly = add(hourly, window(left, None), NOW + after)
    assert points(hourly) == [(6 * HOUR, 60), (6.5 * HOUR, 50), (6.8 * HOUR, 40)]
    assert points(add(hourly, window(30, None), NOW + 7.2 * HOUR)) == [
        (6.5 * HOUR, 50), (6.8 * HOUR, 40), (7.2 * HOUR, 30),
    ]  # fmt: skip


def test_readings_a_minute_apart_are_kept_and_closer_ones_replace_each_other() -> None:
    assert [at for at, _ in points(trail_of((0, 60), (60, 59), (120, 58)))] == [0, 60, 120]
    assert [at for at, _ in points(trail_of((0, 60), (59, 59), (118, 58)))] == [0, 118]


def test_windows_are_followed_by_their_names_and_only_those_that_count() -> None:
    minute = Window("rpm", "requests", percent_remaining=10.0, period_s=60.0)
    unlimited = Window("all", "requests", unlimited=True)
    blocked = Window("off", "requests", unlimited=True, blocked=True)
    balance = Window("balance", "cost", remaining=5)
    shown = Window("shown", "cost", percent_remaining=5.0, models=())
    twice = [Window("a", "cost", percent_remaining=share, currency="€") for share in (5.0, 6.0)]
    other = Window("a", "cost", percent_remaining=7.0, currency="$", models=("b", "a"))
    windows = [window(40), minute, unlimited, blocked, balance, shown, *twice, other]
    assert follow({"gone:cost:": STEADY}, windows, NOW) == {
        "5 h:percent:": Trail(((int(NOW), 4000),), RESET),
        "off:requests:": Trail(((int(NOW), 0),)),
        "a:cost:$:a:b": Trail(((int(NOW), 700),)),
    }


def test_one_without_a_period_is_followed_to_its_end_once_it_counts() -> None:
    late = Window("daily", "tokens", percent_remaining=40.0, resets_at=NOW + HOUR / 2)
    assert follow({}, [late], NOW) == {}
    assert points(follow({name_of(late): Trail(((int(NOW - HOUR), 5000),))}, [late], NOW)[name_of(late)]) == [
        (-HOUR, 50),
        (0, 40),
    ]


DROPS = st.lists(st.tuples(st.floats(1, 1200), st.floats(0, 20), st.floats(0, 20)), min_size=0, max_size=40)


@given(DROPS, st.floats(0, STALE_S), st.none() | st.floats(-HOUR, 9 * HOUR))
def test_what_is_said_is_ahead_and_based_on_enough(
    drops: list[tuple[float, float, float]], later: float, reset: float | None
) -> None:
    readings, after, left = [(0.0, 100.0)], 0.0, 100.0
    for wait, drop, _ in drops:
        after, left = after + wait, max(0.0, left - drop)
        readings.append((after, left))
    trail = trail_of(*readings, resets_at=None)
    now, resets_at = NOW + after + later, None if reset is None else NOW + after + reset
    kept = [at for at, _ in trail.points]
    assert len(kept) <= MOST_POINTS
    assert all(b - a >= APART_S - 1 for a, b in pairwise(kept[:-1]))
    said = used_up_at(trail, now, resets_at)
    if said is not None:
        assert now < said < (now + FARTHEST_S if resets_at is None else resets_at)
        assert len(kept) >= LEAST_POINTS
        assert kept[-1] - kept[0] >= LEAST_SPAN_S
        assert left > 0


@given(DROPS)
def test_more_use_is_never_used_up_later(drops: list[tuple[float, float, float]]) -> None:
    some, more, after = [(0.0, 1000.0)], [(0.0, 1000.0)], 0.0
    for wait, drop, extra in drops:
        after += wait
        some.append((after, some[-1][1] - drop))
        more.append((after, more[-1][1] - drop - extra))
    first, second = (
        used_up_at(trail_of(*rows, resets_at=None), NOW + after, None) or NOW + 1e9 for rows in (some, more)
    )
    if more[-1][1] > 0:
        assert second <= first + 1


@given(st.floats(5, 50), st.floats(75, 400), st.integers(10, 30))
def test_a_steady_line_is_carried_on_until_a_top_up(per_minute: float, wait: float, many: int) -> None:
    end = 2000 * MINUTE / per_minute
    readings = [
        (at, 2000 - at * per_minute / MINUTE) for number in range(many) if (at := number * wait) < end
    ]
    trail, last = trail_of(*readings, resets_at=None), NOW + readings[-1][0]
    said = used_up_at(trail, last, None)
    if len(readings) == many and last + 60 < NOW + end < last + FARTHEST_S - 60:
        assert said == pytest.approx(NOW + end, abs=end / 100)
    assert used_up_at(add(trail, window(2000, None), last + 60), last + 60, None) is None


LARGE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(WHOLE, WHOLE), max_size=6), LARGE, st.none() | LARGE, LARGE)
def test_whatever_a_file_holds_it_never_raises(
    points: list[tuple[int, int]], now: float, resets_at: float | None, left: float
) -> None:
    said = used_up_at(Trail(tuple(points)), now, resets_at)
    assert said is None or said > now
    after = add(Trail(tuple(points), resets_at), window(left, resets_at), NOW)
    assert msgspec.json.decode(msgspec.json.encode(after), type=Trail) == after
