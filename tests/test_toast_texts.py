"""What toasts say: whole texts, in lines that the host's toasts hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.quota.windows import Window, complete
from sidecar.texts import toasts
from sidecar.texts.figures import columns

NOW = 1_795_219_200.0
DAY = 86400.0


def cost(remaining: float, **more: float | bool) -> Window:
    return complete(Window("cost", "cost", limit=50, remaining=remaining, currency="USD", **more))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (cost(9), "18% left ($9.00 of $50.00)"),
        (cost(9, resets_at=NOW + 9.97 * DAY), "18% left ($9.00 of $50.00) · resets in 9d 23h"),
        (cost(9, resets_at=NOW - 1), "18% left ($9.00 of $50.00)"),
        (cost(0.01), "<1% left ($0.01 of $50.00)"),
        (cost(0), "nothing left of $50.00"),
        (cost(-10), "nothing left of $50.00"),
        (cost(50, blocked=True, resets_at=NOW + 3600), "blocked by the gateway · resets in 1h"),
        (Window("cost", "percent", limit=100, remaining=4, percent_remaining=4.0), "4% left"),
        (Window("cost", "percent", percent_remaining=0.0), "nothing left"),
        (Window("cost", "tokens", remaining=4, percent_remaining=4.0), "4% left"),
        (complete(Window("cost", "tokens", limit=2_000_000, used=1_836_000)), "8% left (164K of 2M)"),
    ],
)
def test_what_is_said_of_a_window_that_runs_low(window: Window, expected: str) -> None:
    assert " · ".join(toasts.low("Campus", window, NOW)) == f"Campus, cost: {expected}"


def test_what_is_said_of_a_window_that_is_back() -> None:
    window = cost(50, resets_at=NOW + 30 * DAY)
    assert toasts.back("Campus", window, NOW) == ("Campus, cost: back with 100% left", "resets in 30d")


def test_one_thing_is_a_sentence_and_several_are_a_list() -> None:
    window = cost(0, resets_at=NOW + 9.97 * DAY)
    some = [toasts.low(f"Gateway {letter}", window, NOW) for letter in "ABCDE"]
    assert toasts.message(some[:1]) == "Gateway A, cost: nothing left of $50.00\nresets in 9d 23h"
    three = (
        "• Gateway A, cost: nothing left of $50.00\n  resets in 9d 23h\n"
        "• Gateway B, cost: nothing left of $50.00\n  resets in 9d 23h\n"
        "• Gateway C, cost: nothing left of $50.00\n  resets in 9d 23h"
    )
    assert toasts.message(some[:3]) == three
    assert toasts.message(some[:4]) == f"{three}\nand 1 more: /quota_status"
    assert toasts.message(some) == f"{three}\nand 2 more: /quota_status"
    back = toasts.back("Lab", cost(50, resets_at=NOW + 9.97 * DAY), NOW)
    assert toasts.message([back]) == "Lab, cost: back with 100% left · resets in 9d 23h"


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), min_size=1, max_size=6))
def test_no_name_moves_a_cursor_or_makes_a_toast_large(names: list[tuple[str, str]]) -> None:
    lines = [
        toasts.low(label, Window(name, "cost", limit=50, remaining=2, percent_remaining=4.0), NOW)
        for label, name in names
    ]
    shown = toasts.message(lines).split("\n")
    assert all(columns(line) <= toasts.COLUMNS and line.isprintable() for line in shown)
    assert len(shown) <= 10
