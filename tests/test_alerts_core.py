"""When what is left of a window is news: each threshold once, whatever the figures and the clock do."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.alerts import HYSTERESIS, THRESHOLDS, Mark, counts, judge
from sidecar.quota.windows import Window

NOW = 1_795_219_200.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def window(percent: float | None, resets_at: float | None = None, period_s: float | None = None) -> Window:
    return Window("cost", "cost", percent_remaining=percent, resets_at=resets_at, period_s=period_s)


class Watcher:
    """Looks at one window again and again, and keeps what was told."""

    def __init__(self) -> None:
        self.now = NOW
        self.mark: Mark | None = None
        self.told: list[str] = []

    def look(self, seen: Window, *, after_s: float = MINUTE) -> None:
        self.now += after_s
        verdict = judge(seen, self.now, self.mark, self.now)
        assert verdict.news is None or verdict.mark != self.mark  # the swap decides who tells
        self.mark = verdict.mark
        if verdict.news == "low":
            self.told.append(f"low at {seen.percent_remaining:g}")
        elif verdict.news:
            self.told.append(f"{verdict.news} at {seen.percent_remaining:g}")


def told(*shares: float) -> list[str]:
    """Return what is told of a window without a reset that has these shares one after the other."""
    watcher = Watcher()
    for share in shares:
        watcher.look(window(share))
    return watcher.told


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((100, 50, 20.1), []),
        ((50, 20), ["low at 20"]),
        ((18,), ["low at 18"]),
        ((50, 18, 17, 6, 5.1), ["low at 18"]),
        ((50, 18, 4, 3, 1), ["low at 18", "low at 4"]),
        ((30, 3), ["low at 3"]),
        ((30, 0), ["low at 0"]),
        ((0,), ["low at 0"]),
        ((18, 0, 0), ["low at 18", "low at 0"]),
        ((18, 4, 0, 0), ["low at 18", "low at 4"]),
        ((18, 25, 18), ["low at 18"]),
        ((18, 25.1, 18), ["low at 18", "low at 18"]),
        ((4, 10, 4), ["low at 4"]),
        ((4, 10.1, 18, 4), ["low at 4", "low at 4"]),
        ((4, 25, 18), ["low at 4"]),
        ((4, 30, 18, 4), ["low at 4", "low at 18", "low at 4"]),
        ((4, 0, 100, 100), ["low at 4", "back at 100"]),
        ((4, 100), ["low at 4"]),
        ((0, 15, 20, 3, 0), ["low at 0"]),
        ((0, 21, 19, 21), ["low at 0", "back at 21"]),
        ((0, 21, 4), ["low at 0", "back at 21", "low at 4"]),
        ((0, 26, 19), ["low at 0", "back at 26", "low at 19"]),
        ((-20, 125), ["low at -20", "back at 125"]),
    ],
)
def test_what_is_told_while_a_window_falls_and_rises(shares: tuple[float, ...], expected: list[str]) -> None:
    assert told(*shares) == expected


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((18, 60, 18), ["low at 18"]),
        ((18, 100, 4, 100, 4, 18), ["low at 18", "low at 4"]),
        ((3, 100, 18, 2), ["low at 3"]),
        ((0, 100, 100, 18, 3), ["low at 0", "back at 100", "low at 18", "low at 3"]),
        ((18, 0, 10, 0, 30), ["low at 18", "low at 0", "back at 30"]),
    ],
)
def test_until_a_known_reset_each_threshold_is_told_once_whatever_rises(
    shares: tuple[float, ...], expected: list[str]
) -> None:
    watcher = Watcher()
    for share in shares:
        watcher.look(window(share, NOW + DAY))
    assert watcher.told == expected
    watcher.look(window(19, NOW + 2 * DAY), after_s=DAY)
    assert watcher.told == [*expected, "low at 19"]


def test_blocked_is_nothing_left_and_over_is_too() -> None:
    blocked = Window("cost", "cost", percent_remaining=80, blocked=True)
    over = Window("cost", "cost", percent_remaining=0, limit=50, used=60, remaining=-10)
    for seen in (blocked, over):
        verdict = judge(seen, NOW, None, NOW)
        assert (verdict.news, verdict.mark) == ("low", Mark(0, NOW))
    assert judge(window(80), NOW + 1, Mark(0, NOW), NOW + 1).news == "back"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (window(50), True),
        (window(50, period_s=HOUR), True),
        (window(50, period_s=HOUR - 1), False),
        (window(50, resets_at=NOW + HOUR), True),
        (window(50, resets_at=NOW + HOUR - 1), False),
        (window(50, resets_at=NOW + 60, period_s=HOUR), True),
        (window(50, resets_at=NOW - 60), True),
        (window(None), False),
        (Window("cost", "cost", unlimited=True), False),
        (Window("cost", "cost", unlimited=True, blocked=True), True),
        (Window("cost", "cost", blocked=True), True),
        (Window("cost", "cost", percent_remaining=3, models=()), False),
        (Window("cost", "cost", percent_remaining=3, models=("gpt-*",)), True),
    ],
)
def test_which_windows_count(seen: Window, expected: bool) -> None:
    assert counts(seen, NOW) is expected


@pytest.mark.parametrize("period_s", [None, DAY])
def test_a_new_period_is_told_of_even_if_nobody_watched_it_begin(period_s: float | None) -> None:
    watcher = Watcher()
    watcher.look(window(18, NOW + HOUR, period_s))
    watcher.look(window(17, NOW + HOUR + DAY, period_s), after_s=DAY)
    watcher.look(window(16, NOW + HOUR + DAY, period_s))
    assert watcher.told == ["low at 18", "low at 17"]
    watcher.look(window(0, NOW + HOUR + DAY, period_s))
    watcher.look(window(0, NOW + HOUR + 2 * DAY, period_s), after_s=DAY)
    watcher.look(window(60, NOW + HOUR + 3 * DAY, period_s), after_s=DAY)
    assert watcher.told[2:] == ["low at 0", "low at 0", "back at 60"]


def test_a_new_period_arms_every_threshold_at_once() -> None:
    watcher = Watcher()
    for share in (18, 22, 19):
        watcher.look(window(share, NOW + HOUR, 5 * HOUR))
    watcher.look(window(22, NOW + 6 * HOUR, 5 * HOUR), after_s=HOUR)
    watcher.look(window(19, NOW + 6 * HOUR, 5 * HOUR))
    assert watcher.told == ["low at 18", "low at 19"]


def test_a_reset_that_has_passed_and_stays_the_same_is_no_new_period() -> None:
    watcher = Watcher()
    for _ in range(5):
        watcher.look(window(3, NOW + HOUR), after_s=HOUR)
    assert watcher.told == ["low at 3"]


def test_a_window_that_names_no_reset_after_its_own_has_passed_has_turned() -> None:
    watcher = Watcher()
    watcher.look(window(3, NOW + HOUR))
    watcher.look(window(3), after_s=MINUTE)
    watcher.look(window(3), after_s=HOUR)
    watcher.look(window(3), after_s=DAY)
    assert watcher.told == ["low at 3", "low at 3"]


@given(st.lists(st.floats(1, 4 * HOUR), min_size=1, max_size=40), st.sampled_from([HOUR, 5 * HOUR, DAY]))
@example([1.0] * 40, 5 * HOUR)
def test_a_reset_that_moves_with_the_clock_tells_once_while_somebody_watches(
    gaps: list[float], period_s: float
) -> None:
    watcher = Watcher()
    for gap in gaps:
        after_s = min(gap, period_s - 1)
        watcher.look(window(18, watcher.now + after_s + period_s, period_s), after_s=after_s)
    assert watcher.told == ["low at 18"]


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 1800)), min_size=1, max_size=30))
def test_a_reset_that_trembles_tells_no_threshold_twice(seen: list[tuple[float, float]]) -> None:
    watcher = Watcher()
    for after_s, tremble in seen:
        watcher.look(window(18, NOW + 2 * HOUR + tremble), after_s=after_s * MINUTE)
    assert watcher.told == ["low at 18"]


shares = st.floats(-50, 150) | st.sampled_from([0, 5, 10, 20, 25, 100])


@given(st.lists(shares, max_size=30))
def test_a_threshold_is_told_again_only_after_a_rise_well_above_it(values: list[float]) -> None:
    watcher = Watcher()
    levels: list[tuple[int, float]] = []
    for index, value in enumerate(values):
        before = len(watcher.told)
        watcher.look(window(value))
        if watcher.told[before:] and watcher.told[-1].startswith("low"):
            levels.append((index, next(level for level in THRESHOLDS if value <= level)))
    for (first, one), (second, other) in pairwise(levels):
        assert other < one or max(values[first:second]) > other + HYSTERESIS


@given(st.lists(shares, max_size=30))
def test_a_fall_to_a_threshold_is_told_by_the_time_it_ends(values: list[float]) -> None:
    watcher = Watcher()
    for value in values:
        watcher.look(window(value))
    left = values[-1] if values else 100.0
    reached = [level for level in (0.0, *THRESHOLDS) if left <= level]
    assert not reached or (watcher.mark is not None and watcher.mark.level <= reached[0])
    assert left <= THRESHOLDS[-1] + HYSTERESIS or watcher.mark is None


@given(st.lists(shares, max_size=30))
def test_back_is_told_once_for_each_time_that_nothing_was_left(values: list[float]) -> None:
    watcher = Watcher()
    expected = 0
    is_out = False
    for value in values:
        watcher.look(window(value))
        expected += is_out and value > THRESHOLDS[-1]
        is_out = value <= 0 or (is_out and value <= THRESHOLDS[-1])
    assert len([line for line in watcher.told if line.startswith("back")]) == expected


marks = st.none() | st.builds(
    Mark,
    level=st.sampled_from([0.0, *THRESHOLDS]),
    at=st.floats(NOW - 400 * DAY, NOW + 400 * DAY),
    resets_at=st.none() | st.floats(NOW - 400 * DAY, NOW + 400 * DAY),
)
resets = st.none() | st.floats(NOW - 40 * DAY, NOW + 400 * DAY)
periods = st.none() | st.floats(HOUR, 31 * DAY)


@given(shares, resets, periods, marks)
def test_who_looks_again_at_the_same_reading_tells_and_changes_nothing(
    share: float, resets_at: float | None, period_s: float | None, mark: Mark | None
) -> None:
    seen = window(share, resets_at, period_s)
    first = judge(seen, NOW, mark, NOW)
    assert first.news is None or first.mark != mark
    second = judge(seen, NOW, first.mark, NOW)
    assert (second.news, second.mark) == (None, first.mark)


@given(shares, marks)
def test_a_reading_from_before_the_mark_says_nothing(share: float, mark: Mark | None) -> None:
    if mark is not None and mark.at <= NOW:
        assert judge(window(share), mark.at - 1, mark, NOW) == judge(window(share), mark.at, mark, NOW)
        assert judge(window(share), mark.at - 1, mark, NOW).mark is mark


@given(st.lists(shares, min_size=1, max_size=10), st.integers(1, 10**8))
def test_a_clock_that_was_set_back_costs_no_toast_and_adds_none(values: list[float], back_s: int) -> None:
    steady, moved = Watcher(), Watcher()
    for watcher in (steady, moved):
        watcher.look(window(18, NOW + DAY))
    moved.now -= back_s + 0.5
    for value in values:
        for watcher in (steady, moved):
            watcher.look(window(value, NOW + DAY))
    assert moved.told == steady.told


def test_a_reset_that_a_wrong_clock_reckoned_is_forgotten_when_the_clock_is_right() -> None:
    watcher = Watcher()
    watcher.now += 365 * DAY
    watcher.look(window(18, watcher.now + HOUR))
    watcher.now = NOW
    watcher.look(window(17, NOW + HOUR))
    watcher.look(window(16, NOW + HOUR + DAY), after_s=DAY)
    assert watcher.told == ["low at 18", "low at 16"]
