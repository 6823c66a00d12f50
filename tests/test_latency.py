"""How long a model takes to answer: recent hours first, failures as long waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.store import HourUsage
from sidecar.core.latency import PENALTY_S, is_proven, latency_of

HOUR = 500_000
NOW = HOUR * 3600.0 + 1800


def hour(ago: int, answered: int, ttfb_s: float, failures: int = 0) -> HourUsage:
    """Return an hour with *answered* requests that took *ttfb_s* each."""
    return HourUsage(
        HOUR - ago, "p", "m", answered + failures, failures, ttfb_s=ttfb_s * answered, answered=answered
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([hour(0, 4, 2.0)], 2.0),
        ([hour(0, 1, 1.0), hour(0, 3, 3.0)], 2.5),
        ([hour(0, 1, 1.0), hour(6, 2, 3.0)], 2.0),  # six hours ago two weigh as much as one now
        ([hour(0, 3, 2.0, failures=1)], 4.0),
        ([hour(23, 1, 2.0)], 2.0),
        ([hour(24, 1, 2.0)], None),
        ([hour(-1, 1, 2.0)], None),  # of a clock that has been set back since
        ([hour(0, 0, 0.0, failures=9)], None),
        ([hour(1, 1, 2.0), hour(1, 0, 0.0, failures=1)], 6.0),
    ],
)
def test_latency_is_a_mean_that_forgets(rows: list[HourUsage], expected: float | None) -> None:
    assert latency_of(rows, NOW) == pytest.approx(expected)
    assert is_proven(rows, NOW) == (expected is not None)


hours = st.lists(
    st.builds(hour, st.integers(-2, 30), st.integers(0, 100), st.floats(0, PENALTY_S), st.integers(0, 9)),
    max_size=9,
)


@given(hours, st.integers(0, 23))
def test_a_failure_never_makes_it_look_faster(rows: list[HourUsage], ago: int) -> None:
    before, after = latency_of(rows, NOW), latency_of([*rows, hour(ago, 0, 0.0, failures=1)], NOW)
    assert (before is None) == (after is None)
    assert before is None or after is None or after >= before - 1e-9
