"""That a window will be used up at this pace: when it is told, in the status, as data and by a toast."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from sidecar.adapters.store import QuotaSnapshot
from sidecar.core.alerts import HYSTERESIS, SOON_S, Mark, Verdict, judge_pace
from sidecar.core.forecast import Trail, name_of
from sidecar.quota.windows import Window
from sidecar.services.status import gateway_report
from sidecar.texts import toasts
from sidecar.texts.data import as_json
from sidecar.texts.window_lines import ShownWindow, layout, lines
from tests.alerting import NOW, Bed, Opencode, left
from tests.bed.gateways import Gateway
from tests.test_status_service import LASTING
from tests.test_status_service import gateway as status_gateway

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with AsyncExitStack() as stack:
        yield Bed(tmp_path, stack)


def window(percent: float, resets_at: float | None) -> Window:
    return Window("cost", "cost", percent_remaining=percent, resets_at=resets_at, period_s=5 * HOUR)


def pace(
    left: float, ends_in_s: float | None, mark: Mark | None, resets_at: float | None, after: float
) -> Verdict:
    now = NOW + after
    ends = None if ends_in_s is None else now + ends_in_s
    return judge_pace(window(left, resets_at), now, ends, mark, now)


def test_what_is_soon_used_up_is_told_once_until_the_reset() -> None:
    reset = NOW + 2 * HOUR
    mark = Mark(24, NOW, reset)
    assert pace(24, SOON_S, None, reset, 0) == Verdict("soon", mark)
    for after, share, ends_in_s in [(60, 23, 60), (120, 23, None), (180, 100, None), (240, 22, 60)]:
        assert pace(share, ends_in_s, mark, reset, after) == Verdict(None, mark)
    later = 2 * HOUR + 60
    assert pace(90, None, mark, reset + 5 * HOUR, later) == Verdict(None, None)
    again = Mark(90, NOW + later, reset + 5 * HOUR)
    assert pace(90, 60, mark, reset + 5 * HOUR, later) == Verdict("soon", again)


@pytest.mark.parametrize(("left", "ends_in_s"), [(24, None), (24, SOON_S + 1), (5, 60), (0, 60)])
def test_what_lasts_or_is_known_to_be_low_is_not_told_by_its_pace(
    left: float, ends_in_s: float | None
) -> None:
    assert pace(left, ends_in_s, None, NOW + HOUR, 0) == Verdict(None, None)


def test_without_a_reset_a_rise_lets_a_pace_be_told_again() -> None:
    mark = Mark(24, NOW)
    assert pace(24, 60, None, None, 0) == Verdict("soon", mark)
    assert pace(24 + HYSTERESIS, 60, mark, None, 60) == Verdict(None, mark)
    assert pace(24 + HYSTERESIS + 1, None, mark, None, 60) == Verdict(None, None)
    assert judge_pace(Window("x", "tokens"), NOW, None, mark, NOW) == Verdict(None, mark)


def test_a_window_that_will_be_used_up_says_when_within_the_width() -> None:
    window = ShownWindow(
        "5 h", "percent", percent_remaining=42.0, resets_at=NOW + 7800, used_up_at=NOW + 2500
    )
    assert lines(window, NOW, layout([window], 100)) == [
        "  5 h        ■■■■■·······  42%  resets in 2h 10m · at this pace used up in about 40 min"
    ]
    assert lines(window, NOW, layout([window], 76)) == [
        "  5 h        ■■■■■·······  42%  resets in 2h 10m",
        "             at this pace used up in about 40 min",
    ]


def test_what_will_be_used_up_says_when_as_data_too() -> None:
    window = Window("5 h", "percent", percent_remaining=40.0, resets_at=NOW + 7200, period_s=18_000)
    trail = Trail(((int(NOW) - 600, 6000), (int(NOW) - 300, 5000), (int(NOW), 4000)), NOW + 7200)
    snapshot = QuotaSnapshot((window, LASTING), read_at=NOW, trail={name_of(window): trail})
    soon, lasting = gateway_report(status_gateway(), snapshot, {}, NOW).windows
    assert lasting is LASTING
    assert json.loads(as_json(soon)) == {
        "name": "5 h",
        "unit": "percent",
        "percent_remaining": 40.0,
        "resets_at": "2026-11-21T02:00:00Z",
        "period_s": 18_000,
        "used_up_at": "2026-11-21T00:20:00Z",
    }
    assert gateway_report(status_gateway(), snapshot, {}, NOW + 1200).windows == (window, LASTING)


def test_what_is_said_of_a_window_that_is_soon_used_up() -> None:
    window = Window("5 h", "percent", percent_remaining=24.0, resets_at=NOW + 7800)
    assert toasts.low("Claude Pro", window, NOW, NOW + 1500) == (
        "Claude Pro, 5 h: 24% left", "at this pace used up in about 25 min", "resets in 2h 10m",
    )  # fmt: skip
    assert toasts.message([toasts.low("Claude Pro", window, NOW, NOW + 1500)]) == (
        "Claude Pro, 5 h: 24% left\nat this pace used up in about 25 min\nresets in 2h 10m"
    )


LOW = "Campus gateway, cost: 20% left ($10.00 of $50.00)"
LOWER = "Campus gateway, cost: 4% left ($2.00 of $50.00)"
SOON = "Campus gateway, cost: 40% left ($20.00 of $50.00)\nat this pace used up in about 20 min\nresets in {}"


async def drain(
    bed: Bed, gateway: Gateway, one: Opencode, *percents: float, **reset: object
) -> list[list[str]]:
    """Let what is left be read every five minutes, and return what is told each time."""
    told: list[list[str]] = []
    for percent in percents:
        gateway.quota(left(percent, **reset))
        told.append(await one.idle())
        bed.now += 300
    return told


async def test_what_is_soon_used_up_is_told_before_it_is_and_once_until_the_reset(
    bed: Bed, gateway: Gateway
) -> None:
    bed.configure(gateway)
    one, other = bed.opencode(), bed.opencode()
    first, second = "2026-11-21T03:00:00Z", "2026-11-21T08:00:00Z"
    told = await drain(bed, gateway, one, 60, 50, 40, 30, resets_at=first)
    assert told == [[], [], [SOON.format("2h 49m")], []]
    assert [(toast.variant, toast.title) for toast in one.shown] == [("warning", "Quota sidecar")]
    assert await drain(bed, gateway, other, 29, 28, resets_at=first) == [[], []]
    assert (one.webhooks.sent, other.webhooks.sent) == ([], [])
    bed.now = NOW + 3 * 3600 + 60
    told = await drain(bed, gateway, other, 60, 50, 40, resets_at=second)
    assert told == [[], [], [SOON.format("4h 48m")]]


async def test_of_several_opencodes_that_see_a_pace_at_once_one_tells(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway)
    several = [bed.opencode() for _ in range(5)]
    await drain(bed, gateway, several[0], 60, 50, resets_at="2026-11-21T03:00:00Z")
    gateway.quota(left(40, resets_at="2026-11-21T03:00:00Z"))
    async with anyio.create_task_group() as tasks:
        for one in several:
            tasks.start_soon(one.idle)
    assert [toast.message for one in several for toast in one.shown] == [SOON.format("2h 49m")]


async def test_a_threshold_and_a_pace_are_told_in_one_and_the_threshold_again_later(
    bed: Bed, gateway: Gateway
) -> None:
    bed.configure(gateway)
    one = bed.opencode()
    assert await drain(bed, gateway, one, 40, 30, 20, 10, 4, resets_at="2026-11-21T03:00:00Z") == [
        [], [],
        [f"{LOW}\nat this pace used up in about 10 min\nresets in 2h 49m"],
        [],
        [f"{LOWER}\nat this pace used up in about 2 min · resets in 2h 39m"],
    ]  # fmt: skip
    assert [event.text for _, event in one.webhooks.sent] == [
        f"{LOW} · resets in 2h 49m",
        f"{LOWER} · resets in 2h 39m",
    ]


@pytest.mark.parametrize(
    ("percents", "reset"),
    [
        ((60, 50, 40), "2026-11-21T00:20:00Z"),
        ((60, 55, 50), "2026-11-21T03:00:00Z"),
        ((60, 50, 55), "2026-11-21T03:00:00Z"),
    ],
    ids=["the reset is first", "it lasts for longer", "a top-up"],
)
async def test_a_pace_that_does_no_harm_is_not_told(
    bed: Bed, gateway: Gateway, percents: tuple[float, ...], reset: str
) -> None:
    bed.configure(gateway)
    assert await drain(bed, gateway, bed.opencode(), *percents, resets_at=reset) == [[], [], []]


async def test_who_looks_while_another_notes_a_threshold_and_a_pace_tells_both_or_nothing(
    bed: Bed, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.configure(gateway)
    one, other = bed.opencode(), bed.opencode()
    await drain(bed, gateway, one, 40, 30, resets_at="2026-11-21T03:00:00Z")
    swap, noted = one.store.swap, list[str]()

    async def slow(key: str, old: Mark | None, new: Mark | None) -> bool:
        is_ours = await swap(key, old, new)
        noted.append(key)
        if len(noted) == 1:
            await other.idle()
        return is_ours

    monkeypatch.setattr(one.store, "swap", slow)
    await drain(bed, gateway, one, 20, resets_at="2026-11-21T03:00:00Z")
    assert len(noted) == 2
    assert [toast.message for each in (one, other) for toast in each.shown] == [
        f"{LOW}\nat this pace used up in about 10 min\nresets in 2h 49m"
    ]
