"""The arithmetic of windows: what is derived, what is left unknown, and how figures and texts are read."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota.windows import (
    LARGEST,
    MAX_TEXT,
    Window,
    as_number,
    as_text,
    complete,
    renewed,
    says_something,
)

figures = st.one_of(
    st.none(),
    st.integers(-(10**21), 10**21),
    st.floats(-LARGEST, LARGEST, allow_nan=False),
)


def tokens(limit: float | None = None, used: float | None = None, remaining: float | None = None) -> Window:
    return complete(Window("tokens", "tokens", limit=limit, used=used, remaining=remaining))


@pytest.mark.parametrize(
    ("limit", "used", "remaining", "expected"),
    [
        (100, 25, None, (100, 25, 75, 75.0)),
        (100, None, 75, (100, 25, 75, 75.0)),
        (None, 25, 75, (100, 25, 75, 75.0)),
        (0.3, 0.1, None, (0.3, 0.1, 0.2, 66.666667)),
        (None, 0.1, 0.2, (0.3, 0.1, 0.2, 66.666667)),
        (100, 125, None, (100, 125, -25, -25.0)),
        (100, None, -25, (100, 125, -25, -25.0)),
        (0, 0, None, (0, 0, 0, 0.0)),
        (0, 5, None, (0, 5, -5, 0.0)),
        (-1, 5, None, (None, 5, None, None)),
        (-1, 5, -1, (None, 5, None, None)),
        (-1, 5, 0, (None, 5, None, None)),
        (-1, None, 7, (None, None, 7, None)),
        (None, 1, -5, (None, 1, -5, None)),
        (100, None, None, (100, None, None, None)),
        (None, None, 7, (None, None, 7, None)),
        (None, None, None, (None, None, None, None)),
    ],
)
def test_two_figures_give_the_third_and_the_share(
    limit: float | None,
    used: float | None,
    remaining: float | None,
    expected: tuple[float | None, float | None, float | None, float | None],
) -> None:
    window = tokens(limit, used, remaining)
    assert (window.limit, window.used, window.remaining, window.percent_remaining) == expected


def test_a_gateway_that_states_all_three_is_taken_at_its_word() -> None:
    window = tokens(100, 50, 80)
    assert (window.limit, window.used, window.remaining, window.percent_remaining) == (100, 50, 80, 80.0)


def test_unlimited_has_no_limit_and_no_share_but_keeps_what_was_used() -> None:
    window = complete(Window("key limit", "cost", limit=5, used=3, remaining=2, unlimited=True))
    assert window == Window("key limit", "cost", used=3, unlimited=True)


@pytest.mark.parametrize(
    ("window", "over"),
    [
        (tokens(100, 100), False),
        (tokens(100, 101), True),
        (tokens(remaining=-1), True),
        (tokens(remaining=0), False),
        (tokens(100, 150, 0), True),
        (tokens(), False),
    ],
)
def test_a_window_is_over_when_more_was_used_than_it_allows(window: Window, over: bool) -> None:
    assert window.is_over is over


@given(figures, figures, figures)
def test_completing_never_fails_never_loses_a_figure_and_changes_nothing_twice(
    limit: float | None, used: float | None, remaining: float | None
) -> None:
    window = tokens(limit, used, remaining)
    assert used is None or window.used == used
    is_sign = limit is not None and limit < 0 and (remaining or 0) <= 0
    assert remaining is None or window.remaining == (None if is_sign else remaining)
    assert window.limit is None or window.limit >= 0
    assert window.percent_remaining is None or math.isfinite(window.percent_remaining)
    assert complete(window) == window
    assert msgspec.json.decode(msgspec.json.encode(window), type=Window) == window


@given(figures, figures, figures)
def test_more_than_all_is_left_only_where_the_gateway_says_so(
    limit: float | None, used: float | None, remaining: float | None
) -> None:
    window = tokens(limit, used, remaining)
    if window.percent_remaining is not None and window.percent_remaining > 100:
        assert (used or 0) < 0 or (remaining or 0) > (limit or 0)


def test_a_window_without_any_figure_says_nothing() -> None:
    empty = Window("tokens", "tokens", resets_at=1.0, currency="USD")
    assert not says_something(empty)
    assert says_something(Window("tokens", "tokens", used=0))
    assert says_something(Window("tokens", "tokens", blocked=True))
    assert says_something(Window("tokens", "tokens", unlimited=True))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (3.5, 3.5),
        ("3", 3),
        (" -3.50 ", -3.5),
        ("+.5", 0.5),
        ("1e3", 1000.0),
        ("1e999", None),
        ("9" * 41, None),
        ("", None),
        ("None", None),
        ("nan", None),
        ("inf", None),
        ("1,000", 1000),
        ("1,234,567.50", 1234567.5),
        ("1,00", None),
        ("1_000", None),
        ("0x10", None),
        ("$5", 5),
        ("-$1,234.50", -1234.5),
        ("$-3", -3),
        ("--3", None),
        ("40 %", 40),
        ("12.5%", 12.5),
        ("US$1,234.50", 1234.5),
        ("12.50 €", 12.5),
        ("10k", None),
        ("5 USD", None),
        ("$", None),
        ("\u0663", None),
        (True, None),
        (None, None),
        ([1], None),
        (float("nan"), None),
        (float("inf"), None),
        (10**22, None),
        pytest.param(10**5000, None, id="a figure of 5000 digits"),
    ],
    ids=repr,
)
def test_only_a_plain_finite_figure_is_a_number(value: object, number: float | None) -> None:
    result = as_number(value)
    assert (result, type(result)) == (number, type(number))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("opencode", "opencode"),
        ("  two \t words\n", "two words"),
        ("red \x1b[31mtext\x1b[0m", "red [31mtext [0m"),
        ("abc\u202edef", "abc def"),
        ("a\u00adb\U000e0041c", "a b c"),
        ("\ud800", None),
        (7, "7"),
        (True, None),
        (None, None),
        ({"a": 1}, None),
        ("", None),
        ("\x00\x07", None),
        pytest.param(10**5000, None, id="a figure of 5000 digits"),
        ("x" * 500, "x" * MAX_TEXT),
    ],
    ids=repr,
)
def test_a_text_is_short_and_fit_for_a_screen(value: object, text: str | None) -> None:
    assert as_text(value) == text


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans()))
def test_no_text_of_a_reply_can_steer_a_terminal(value: object) -> None:
    text = as_text(value)
    assert text is None or (text.isprintable() and 0 < len(text) <= MAX_TEXT and text == text.strip())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            Window("w", "tokens", 100, 90, 10, 10.0, resets_at=5.0, period_s=60.0, models=("a",)),
            Window("w", "tokens", 100, 0, 100, 100.0, period_s=60.0, models=("a",)),
        ),
        (
            Window("w", "percent", percent_remaining=0.0, resets_at=5.0, blocked=True),
            Window("w", "percent", used=0, percent_remaining=100.0),
        ),
        (Window("balance", "cost", remaining=5.0), Window("balance", "cost", remaining=5.0)),
    ],
)
def test_after_its_reset_nothing_of_a_window_is_used(before: Window, after: Window) -> None:
    assert renewed(before) == after
