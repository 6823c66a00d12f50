"""What is left for a model, worked out once for each reading and again when time has changed it."""

import pytest

from sidecar.adapters.store import QuotaSnapshot
from sidecar.core.account import account_of
from sidecar.quota.windows import Window
from sidecar.services.remaining import PLAN_UNITS, SAME_S, Left, Remaining
from tests.flying import NOW

HERE = account_of("p", "https://p.example", "key-0123456789-0123456789")
HOUR = 3600.0


def window(left: float, unit: str = "percent", period_s: float = 10 * HOUR) -> Window:
    return Window("w", unit, percent_remaining=left, resets_at=NOW + 5 * HOUR, period_s=period_s)


def read(*windows: Window) -> tuple[QuotaSnapshot, ...]:
    return (QuotaSnapshot(windows, read_at=NOW, attempted_at=NOW),)


def test_pace_follows_the_time_and_all_the_rest_a_new_reading() -> None:
    remaining, snapshots = Remaining(), read(window(60))
    first = remaining.of(HERE, "m", snapshots, NOW)
    assert first == Left(60, 60, 10.0, is_plan=True)
    assert remaining.of(HERE, "m", snapshots, NOW + SAME_S - 0.1) is first
    assert remaining.of(HERE, "m", snapshots, NOW + HOUR) == Left(60, 60, 20.0, is_plan=True)
    assert remaining.of(HERE, "m", snapshots, NOW + HOUR - 9).pace == pytest.approx(20.0, abs=0.1)
    assert remaining.of(HERE, "m", read(window(30)), NOW + HOUR - 9).headroom == 30


def test_a_window_that_turns_is_whole_again_at_that_moment() -> None:
    remaining, snapshots = Remaining(), read(window(0))
    assert remaining.of(HERE, "m", snapshots, NOW + 5 * HOUR - 1).headroom == 0
    assert remaining.of(HERE, "m", snapshots, NOW + 5 * HOUR).headroom == 100


@pytest.mark.parametrize(
    ("unit", "period_s", "is_plan"),
    [*((unit, HOUR, True) for unit in PLAN_UNITS), ("cost", 10 * HOUR, False), ("requests", 60.0, False)],
)
def test_a_plan_is_so_much_in_a_time_and_no_money_and_no_minute(
    unit: str, period_s: float, is_plan: bool
) -> None:
    assert Remaining().of(HERE, "m", read(window(60, unit, period_s)), NOW).is_plan is is_plan
