"""Numbers, durations, bars and lines, as people read them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.texts.figures import (
    age,
    amount,
    bar,
    columns,
    compact,
    cut,
    duration,
    fit,
    percent,
    roughly,
    wrap,
)

words = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60)


@pytest.mark.parametrize(
    ("value", "unit", "currency", "text"),
    [
        (12.5, "cost", "USD", "$12.50"),
        (12.5, "cost", "usd", "$12.50"),
        (0.0042, "cost", "USD", "$0.0042"),
        (0, "cost", "USD", "$0.00"),
        (-3, "cost", "EUR", "-€3.00"),
        (1234567.891, "cost", "GBP", "£1,234,567.89"),
        (5, "cost", "VND", "5.00 VND"),
        (-5, "cost", None, "-5.00"),
        (750_000, "tokens", None, "750K"),
        (3.5, "credits", "USD", "3.50"),
        (60, "requests", None, "60"),
    ],
)
def test_an_amount_reads_in_its_unit(value: float, unit: str, currency: str | None, text: str) -> None:
    assert amount(value, unit, currency) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (9_500, "9,500"),
        (9_999.5, "9,999.50"),
        (10_000, "10K"),
        (12_500, "12.5K"),
        (999_900, "999.9K"),
        (999_999, "1M"),
        (3_040_000, "3.04M"),
        (999_999_999, "1B"),
        (2_500_000_000_000, "2.5T"),
        (-12_500, "-12.5K"),
        (1e21, "1,000,000,000T"),
        (0.25, "0.25"),
    ],
)
def test_a_count_is_compact(value: float, text: str) -> None:
    assert compact(value) == text


@given(st.integers(-(10**15), 10**15))
def test_a_compact_count_is_right_to_its_last_digit(value: int) -> None:
    text = compact(value).replace(",", "")
    factor = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)
    assert float(text.rstrip("KMBT")) * factor == pytest.approx(value, rel=1e-3)
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("share", "text"),
    [(100, "100%"), (125, "125%"), (99.99, "99%"), (1, "1%"), (0.999, "<1%"), (0, "0%"), (-9, "0%")],
)  # fmt: skip
def test_a_share_is_never_more_than_there_is(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (35, "35 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1h"),
        (11_100, "3h 5m"),
        (86_400, "1d"),
        (86_400 * 9 + 3600 * 23 + 3599, "9d 23h"),
    ],
)
def test_a_duration_reads_by_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "1 min"), (20, "1 min"), (100, "2 min"), (560, "9 min"), (580, "10 min"), (2500, "40 min"),
        (3590, "1h"), (5000, "1h 30m"), (9800, "2h 30m"), (10_000, "3h"), (27_000, "8h"), (30_000, "8h"),
    ],
)  # fmt: skip
def test_a_guess_is_told_no_finer_than_it_can_be_known(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


def test_an_age_is_told_from_two_seconds_on() -> None:
    assert [age(-3), age(0), age(1.9), age(2), age(3600)] == [
        "just now", "just now", "just now", "2 s ago", "1h ago",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("share", "filled"),
    [(100, 10), (125, 10), (99.9, 9), (50, 5), (0.01, 1), (0, 0), (-20, 0)],
)
def test_a_bar_is_full_only_when_all_is_left_and_empty_only_when_nothing_is(
    share: float, filled: int
) -> None:
    assert bar(share, 10) == "■" * filled + "·" * (10 - filled)


def test_wide_and_combining_characters_take_the_columns_that_a_terminal_gives_them() -> None:
    assert [columns("abc"), columns("配额"), columns("e\u0301"), columns("\u200b")] == [3, 4, 1, 0]


@given(words, st.integers(2, 80))
def test_fitting_gives_exactly_the_width(text: str, width: int) -> None:
    assert columns(fit(text, width)) == width


def test_a_text_that_is_cut_says_so() -> None:
    assert [fit("gateway", 7), fit("gateway", 6), fit("配额配额", 6), fit("ab", 4)] == [
        "gateway", "gatew…", "配额… ", "ab  ",
    ]  # fmt: skip


def test_a_name_of_any_length_is_cut_at_once() -> None:
    began = time.process_time()
    assert fit("w" * 20_000 + "\u0301", 5) == "wwww…"
    assert time.process_time() - began < 2  # for each character anew it takes minutes


def test_parts_stay_whole_where_they_fit_into_a_line_of_their_own() -> None:
    assert wrap(["one two", "three four", "five"], "* ", "  ", 16) == ["* one two", "  three four", "  five"]
    assert wrap(["one two", "three four"], "* ", "  ", 80) == ["* one two · three four"]
    assert wrap(["one two three"], "* ", "  ", 9) == ["* one two", "  three"]
    assert wrap(["a-word-without-a-break"], "", "", 10) == ["a-word-wit", "hout-a-bre", "ak"]
    assert wrap(["much too long"], "a long start ", "  ", 16) == ["a long start ", "  much too long"]
    assert wrap([], "* ", "  ", 16) == []


@given(st.lists(words, max_size=6), st.integers(40, 80))
def test_no_wrapped_line_is_wider_than_asked_and_no_word_is_lost(parts: list[str], width: int) -> None:
    lines = wrap(parts, "  ! ", "    ", width)
    assert all(columns(line) <= width for line in lines)
    told = "".join("".join(lines).removeprefix("  ! ").replace(" · ", "").split())
    assert told == "".join("".join(part.split()) for part in parts) or "·" in "".join(parts)


def test_what_is_cut_within_a_wide_character_leaves_no_gap() -> None:
    assert [cut("示例大学", width) for width in (8, 7, 6, 5)] == ["示例大学", "示例大…", "示例…", "示例…"]
