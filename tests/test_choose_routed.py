"""What a virtual model's strategy takes, and when a session moves for it."""

import pytest

from sidecar.core.choose import STAY_S, Candidate, Strategy
from sidecar.core.headroom import headroom, pace, steady
from sidecar.quota.windows import Window
from tests.choosing import DAY, HOUR, NOW, WEEK, at, known, order


def of_windows(name: str, *windows: Window, now: float = NOW) -> Candidate:
    left = headroom(windows, "m")
    return known(name, left, steady=steady(windows, "m"), pace=pace(windows, "m", now))


def window(left: float, period_s: float, ahead_s: float) -> Window:
    return Window("w", "percent", percent_remaining=left, period_s=period_s, resets_at=NOW + ahead_s)


def test_a_used_up_window_counts_however_fine_the_others_look() -> None:
    fine_week = [window(0.0, 5 * HOUR, HOUR), window(80.0, WEEK, DAY)]
    assert order("headroom", of_windows("a", *fine_week), of_windows("b", window(30.0, WEEK, DAY))) == "b a"
    assert order("headroom", of_windows("a", *fine_week), known("b", 4.0)) == "b a"
    assert order("headroom", of_windows("a", *fine_week), known("b", None)) == "b a"


def test_that_one_answers_says_nothing_of_how_much_it_has_left() -> None:
    proven, little = known("proven", None, is_proven=True), known("little", 6.0, in_flight=3)
    assert order("headroom", proven, little) == "little proven"
    assert order("headroom", proven, known("less", 5.0)) == "proven less"


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        ((60.0, DAY), (60.0, 6 * DAY), "a"),  # as much is left: the one that turns first
        ((60.0, 6 * DAY), (69.0, DAY), "b"),
        ((61.0, DAY), (69.0, 6 * DAY), "a"),  # nearly as much
        ((51.0, DAY), (69.0, 6 * DAY), "b"),  # much less
        ((60.0, 3 * DAY), (60.1, 3 * DAY), "b"),
    ],
)
def test_of_those_that_are_alike_the_one_whose_rest_would_be_lost_first_is_taken(
    a: tuple[float, float], b: tuple[float, float], first: str
) -> None:
    candidates = [of_windows(name, window(left, WEEK, ahead)) for name, (left, ahead) in (("a", a), ("b", b))]
    assert order("headroom", *candidates)[0] == first


COSTS = [
    (known("api", None, price=6.0, is_proven=True), known("plan", 30.0, price=0.0), "plan api"),
    (known("api", None, price=6.0, is_proven=True), known("plan", 3.0, price=0.0), "api plan"),
    (known("api", None, price=6.0), known("plan", 3.0, price=0.0), "api plan"),
    (known("api", None, price=1.0), known("plan", 30.0, price=6.0), "plan api"),  # never seen
    (known("api", None, price=1.0, is_proven=True), known("plan", 30.0, price=6.0), "api plan"),
    (known("dear", 90.0, price=6.0), known("cheap", 20.0, price=5.9), "cheap dear"),
    (known("dear", 20.0, price=6.0), known("unknown", 90.0), "dear unknown"),
    (known("more", 50.0, price=0.0), known("less", 20.0, price=0.0), "more less"),
    (known("empty", 0.0, price=0.0), known("dear", 4.0, price=9.0), "dear empty"),
]


@pytest.mark.parametrize(("one", "other", "expected"), COSTS)
def test_cost_takes_the_cheapest_that_is_healthy(one: Candidate, other: Candidate, expected: str) -> None:
    assert order("cost", one, other) == order("cost", other, one) == expected


LATENCIES = [
    (known("slow", 90.0, latency_s=2.0), known("fast", 20.0, latency_s=0.5), "fast slow"),
    (known("fast", 4.0, latency_s=0.5), known("slow", 20.0, latency_s=2.0), "slow fast"),
    (known("measured", None, latency_s=9.0, is_proven=True), known("not", 90.0), "measured not"),
    (known("never seen", None), known("slow", 20.0, latency_s=9.0), "slow never seen"),
    (known("busy", 50.0, latency_s=1.0, in_flight=3), known("idle", 50.0, latency_s=1.2), "idle busy"),
    (known("busy", 50.0, latency_s=1.0, in_flight=3), known("slow", 50.0, latency_s=1.4), "busy slow"),
    (known("less", 20.0, latency_s=1.0), known("more", 90.0, latency_s=1.0), "more less"),
    (known("less", 20.0), known("more", 90.0), "more less"),
]


@pytest.mark.parametrize(("one", "other", "expected"), LATENCIES)
def test_latency_takes_the_fastest_that_is_healthy(one: Candidate, other: Candidate, expected: str) -> None:
    assert order("latency", one, other) == order("latency", other, one) == expected


@pytest.mark.parametrize(
    ("here", "other", "since_s", "moves"),
    [
        (known("h", 50.0), known("o", 59.0), HOUR, False),
        (known("h", 50.0), known("o", 60.0), HOUR, True),
        (known("h", 50.0), known("o", 90.0), STAY_S - 1, False),
        (known("h", 50.0), known("o", 90.0), STAY_S, True),
        (known("h", 50.0), known("o", 90.0), -HOUR, True),  # the clock was set back
        (known("h", 3.0), known("o", 6.0), 0.0, True),  # it is at the reserve
        (known("h", 4.5), known("o", 6.0), HOUR, False),
        (known("h", 3.0), known("o", 5.0), 0.0, True),  # of the last few percent each counts
        (known("h", 3.0), known("o", 4.9), HOUR, False),
        (known("h", 3.0), known("o", None), 0.0, True),
        (known("h", None), known("o", 6.0), 0.0, False),  # it was left at 5, and will soon be
        (known("h", None), known("o", 6.0), HOUR, True),
        (known("h", None), known("o", 7.0), 0.0, True),
        (known("h", 0.0), known("o", 1.0), 0.0, True),
        (known("h", 0.0, steady=90.0), known("o", 20.0), 0.0, True),  # this minute's requests are used up
        (known("h", 1.0, steady=20.0), known("o", 29.0), HOUR, False),
        (known("h", 100.0, steady=None), known("o", 20.0), 0.0, True),
        (known("h", 20.0), known("o", 100.0, steady=None), HOUR, False),
        (known("h", 90.0, tier="cooling", until=NOW + 9), known("o", None), 0.0, True),
        (known("h", 90.0, tier="cooling", until=NOW + 9), known("o", 9.0, tier="due"), 0.0, True),
        (known("h", 90.0, tier="cooling", until=NOW + 9), known("o", 9.0, tier="cooling"), 0.0, True),
        (known("h", 50.0, tier="due"), known("o", 51.0, tier="due"), 0.0, False),
        (known("h", 50.0, tier="limited"), known("o", 51.0, tier="limited"), HOUR, False),
        (known("h", 50.0, tier="limited"), known("o", 3.0), 0.0, True),
    ],
)
def test_a_session_moves_for_a_better_tier_or_much_more_after_a_while(
    here: Candidate, other: Candidate, since_s: float, moves: bool
) -> None:
    assert order("headroom", here, other, stay=at("h", since_s)) == ("o h" if moves else "h o")


def test_at_the_reserve_the_most_is_left_whatever_the_pace() -> None:
    assert order("headroom", known("slow", 1.0, pace=50.0), known("fast", 4.0, pace=-50.0)) == "fast slow"


def test_a_session_moves_past_one_that_is_only_a_little_better_to_one_that_is_much() -> None:
    alike = known("alike", 70.0, pace=30.0)
    candidates = [known("h", 65.0), known("much", 79.0), alike]
    assert order("headroom", *candidates) == "alike much h"
    assert order("headroom", *candidates, stay=at("h", HOUR)) == "much alike h"


@pytest.mark.parametrize(
    ("strategy", "here", "other", "moves"),
    [
        ("cost", {"price": 6.0}, {"price": 5.5}, False),
        ("cost", {"price": 6.0}, {"price": 5.3}, True),
        ("cost", {"price": 6.0}, {"price": 0.0}, True),
        ("cost", {"price": 0.0}, {"price": 0.0}, False),
        ("cost", {}, {"price": 9.0}, True),
        ("latency", {"latency_s": 1.0}, {"latency_s": 0.8}, False),
        ("latency", {"latency_s": 1.0}, {"latency_s": 0.7}, True),
        ("latency", {}, {"latency_s": 3.0}, True),
    ],
)
def test_a_session_moves_for_much_less_money_or_time(
    strategy: Strategy, here: dict[str, float], other: dict[str, float], moves: bool
) -> None:
    candidates = [known("h", 50.0, **here), known("o", 50.0, **other)]
    assert order(strategy, *candidates, stay=at("h", HOUR)) == ("o h" if moves else "h o")
    assert order(strategy, *candidates, stay=at("h")) == "h o"
