"""What is left of an account's limits, compared: the share of one, and the least of many."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from sidecar.core.headroom import FULL, binds, headroom, pace, share, steady, tightest
from sidecar.quota.windows import Window, complete


def left(percent: float | None, name: str = "tokens", models: tuple[str, ...] | None = None) -> Window:
    return Window(name, "tokens", percent_remaining=percent, models=models)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (left(62.5), 62.5),
        (left(0.0), 0.0),
        (left(125.0), 125.0),
        (left(-20.0), 0.0),
        (left(None), None),
        (complete(Window("cost", "cost", limit=50, used=62.5)), 0.0),
        (Window("balance", "cost", remaining=-3), 0.0),
        (Window("balance", "cost", remaining=12.5), None),
        (Window("key limit", "cost", used=3, unlimited=True), FULL),
        (Window("key limit", "cost", unlimited=True, blocked=True), 0.0),
        (Window("tokens", "tokens", percent_remaining=80.0, blocked=True), 0.0),
    ],
)
def test_the_share_of_a_window(window: Window, expected: float | None) -> None:
    assert share(window) == expected


@pytest.mark.parametrize(
    ("models", "model", "expected"),
    [
        (None, "gpt-5", True),
        (None, None, True),
        ((), "gpt-5", False),
        ((), None, False),
        (("gpt-*", "o3"), "gpt-5", True),
        (("gpt-*", "o3"), "o3", True),
        (("gpt-*", "o3"), "GPT-5", False),
        (("gpt-*", "o3"), "claude", False),
        (("gpt-*", "o3"), None, True),
    ],
)
def test_a_window_binds_the_models_that_its_globs_name(
    models: tuple[str, ...] | None, model: str | None, expected: bool
) -> None:
    assert binds(left(50.0, models=models), model) is expected


def test_headroom_is_the_smallest_share_of_what_binds_the_model() -> None:
    windows = [
        left(70.0, "all"),
        left(40.0, "opus", ("*opus*",)),
        left(5.0, "shown only", ()),
        left(None, "balance"),
    ]
    assert [headroom(windows, model) for model in ("claude-opus", "haiku", None)] == [40.0, 70.0, 40.0]
    assert [tightest(windows, model) for model in ("claude-opus", "haiku")] == [windows[1], windows[0]]


@pytest.mark.parametrize("windows", [[], [left(None)], [left(5.0, models=())]])
def test_without_anything_to_compare_there_is_no_headroom(windows: list[Window]) -> None:
    assert (headroom(windows), tightest(windows)) == (None, None)


def test_more_than_everything_is_everything_and_the_first_of_equals_is_the_tightest() -> None:
    windows = [left(150.0, "first"), left(150.0, "second")]
    assert (headroom(windows), tightest(windows)) == (FULL, windows[0])


windows = st.builds(
    Window,
    name=st.sampled_from(["tokens", "cost", "weekly"]),
    unit=st.sampled_from(["tokens", "cost", "percent"]),
    limit=st.none() | st.floats(0, 1e21),
    used=st.none() | st.floats(0, 1e21),
    remaining=st.none() | st.floats(-1e21, 1e21),
    percent_remaining=st.none() | st.floats(-1e3, 1e3),
    models=st.none() | st.lists(st.sampled_from(["*", "a*", "b", "[a"]), max_size=2).map(tuple),
    unlimited=st.booleans(),
    blocked=st.booleans(),
).map(complete)
some = st.lists(windows, max_size=5)
models = st.none() | st.sampled_from(["a", "ab", "b", "c"])


def rank(value: float | None) -> float:
    """Order headrooms for `a new window never raises it`: unknown is above all that is known."""
    return FULL + 1 if value is None else value


@given(some, models)
def test_it_is_unknown_or_between_nothing_and_everything(rows: list[Window], model: str | None) -> None:
    value = headroom(rows, model)
    assert value is None or 0 <= value <= FULL


@given(some, models, st.randoms(use_true_random=False))
def test_the_order_of_windows_does_not_matter(rows: list[Window], model: str | None, random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert headroom(shuffled, model) == headroom(rows, model)


@given(some, windows, models)
def test_another_window_never_raises_it(rows: list[Window], more: Window, model: str | None) -> None:
    assert rank(headroom([*rows, more], model)) <= rank(headroom(rows, model))


@given(some, windows, models, st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_more_left_of_a_window_never_lowers_it(
    rows: list[Window], window: Window, model: str | None, percent: float, gain: float
) -> None:
    poor, rich = (structs.replace(window, percent_remaining=value) for value in (percent, percent + gain))
    before, after = headroom([*rows, poor], model), headroom([*rows, rich], model)
    assert (before is None) == (after is None)
    assert rank(after) >= rank(before)


@given(some, windows, models)
def test_blocking_a_window_never_raises_it(rows: list[Window], window: Window, model: str | None) -> None:
    blocked = structs.replace(window, blocked=True)
    assert rank(headroom([*rows, blocked], model)) <= rank(headroom([*rows, window], model))


@given(some)
def test_a_model_has_no_less_than_all_models_together(rows: list[Window]) -> None:
    assert rank(headroom(rows, "a")) >= rank(headroom(rows))


@given(some, models)
def test_the_tightest_window_is_the_one_whose_share_is_the_headroom(
    rows: list[Window], model: str | None
) -> None:
    row = tightest(rows, model)
    told = None if row is None else share(row)
    assert headroom(rows, model) == (None if told is None else min(told, FULL))


NOW, HOUR, DAY = 1_795_219_200.0, 3600.0, 86400.0


def timed(
    percent: float | None,
    period_s: float | None,
    ahead_s: float | None,
    models: tuple[str, ...] | None = None,
) -> Window:
    resets_at = None if ahead_s is None else NOW + ahead_s
    return Window(
        "w", "percent", percent_remaining=percent, period_s=period_s, resets_at=resets_at, models=models
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([timed(50.0, 5 * HOUR, HOUR)], 30.0),
        ([timed(50.0, 5 * HOUR, 4 * HOUR)], -30.0),
        ([timed(50.0, 5 * HOUR, HOUR), timed(50.0, 7 * DAY, 3.5 * DAY)], 0.0),
        ([timed(50.0, 5 * HOUR, HOUR), timed(0.0, 7 * DAY, 3.5 * DAY, ("other",))], 30.0),
        ([timed(50.0, 5 * HOUR, HOUR), timed(0.0, HOUR - 1, HOUR / 2)], 30.0),
        ([timed(150.0, 5 * HOUR, HOUR)], 80.0),
        ([timed(100.0, 5 * HOUR, 6 * HOUR)], 0.0),  # its reset is told later than the period allows
        ([timed(50.0, None, HOUR), timed(50.0, 5 * HOUR, None), timed(None, 5 * HOUR, HOUR)], None),
        ([timed(50.0, 5 * HOUR, 0.0), timed(50.0, 5 * HOUR, -HOUR), timed(50.0, 0.0, HOUR)], None),
        ([Window("w", "percent", unlimited=True)], None),
    ],
)
def test_pace_is_what_is_left_beyond_the_share_of_time_that_is_left(
    rows: list[Window], expected: float | None
) -> None:
    assert pace(rows, "m", NOW) == pytest.approx(expected)


def test_what_lasts_is_the_headroom_without_windows_of_less_than_an_hour() -> None:
    minute, hour = timed(10.0, HOUR - 1, 60.0), timed(40.0, HOUR, 60.0)
    balance, other = timed(30.0, None, 60.0), timed(20.0, DAY, HOUR, ("other",))
    assert steady([minute, hour, other], "m") == 40.0
    assert steady([minute, hour, other, balance], "m") == 30.0
    assert steady([minute, hour, other], "other") == 20.0
    assert steady([minute], "m") is None


@given(some, models, st.floats(0, 1e3), st.floats(0, 1e10))
def test_pace_is_less_than_everything_and_more_than_nothing_left(
    rows: list[Window], model: str | None, period_s: float, ahead_s: float
) -> None:
    running = [structs.replace(row, period_s=HOUR + period_s, resets_at=NOW + ahead_s) for row in rows]
    value = pace(running, model, NOW)
    assert value is None or -FULL <= value <= FULL
