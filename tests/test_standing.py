"""What is known of an account, and how a target stands by it."""

import pytest
from msgspec.structs import replace

from sidecar.adapters.store import HourUsage, Lease, QuotaError, QuotaKey, QuotaSnapshot, State
from sidecar.core.account import account_of
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.failure import Failure
from sidecar.core.freshness import STALE_S
from sidecar.core.limits import Limits
from sidecar.quota.windows import Window
from sidecar.services.days import local_day
from sidecar.services.remaining import UNKNOWN, Left
from sidecar.services.standing import Knowledge
from tests.flying import NOW

HOUR = 3600.0
HERE = account_of("p", "https://p.example", "key-0123456789-0123456789")
USED_UP = Window("weekly", "percent", percent_remaining=0.0)


def knowing(*windows: Window, origin: str = HERE.origin) -> Knowledge:
    snapshot = QuotaSnapshot(windows, read_at=NOW, attempted_at=NOW)
    return Knowledge(State({QuotaKey(replace(HERE, origin=origin), "url"): snapshot}, (), {}))


def test_what_was_heard_where_only_the_host_knows_the_place_counts_too() -> None:
    tight = Window("daily", "percent", percent_remaining=30.0)
    assert knowing(tight).left(HERE, "m", NOW).headroom == 30.0
    assert knowing(tight, origin="").left(HERE, "m", NOW).headroom == 30.0
    assert knowing(tight, origin="https://q.example").left(HERE, "m", NOW).headroom is None


LEFT = Window("weekly", "percent", percent_remaining=80.0, resets_at=NOW + 160 * HOUR, period_s=168 * HOUR)


def test_what_was_left_long_ago_is_left_no_more_and_what_was_used_up_is_so_until_its_reset() -> None:
    later = NOW + STALE_S + 1
    assert knowing(LEFT).left(HERE, "m", later - 1).headroom == 80.0
    assert knowing(LEFT).left(HERE, "m", later).headroom is None
    gone = replace(LEFT, percent_remaining=0.0)
    assert knowing(LEFT, gone).left(HERE, "m", later).headroom == 0.0
    assert knowing(replace(gone, resets_at=None)).left(HERE, "m", later).headroom is None


def test_a_window_that_has_turned_since_is_whole_again() -> None:
    hours = Window("5 h", "percent", percent_remaining=0.0, resets_at=NOW + 2 * HOUR, period_s=5 * HOUR)
    knowledge = knowing(LEFT, hours)
    assert knowledge.left(HERE, "m", NOW + 2 * HOUR - 1).headroom == 0.0
    assert knowledge.left(HERE, "m", NOW + 2 * HOUR).headroom == 80.0
    assert knowing(hours).left(HERE, "m", NOW + 2 * HOUR) == Left(100.0, 100.0, None, True)
    assert knowing(hours).left(HERE, "m", NOW + STALE_S + 1) == UNKNOWN


@pytest.mark.parametrize(
    ("error", "headroom"),
    [
        (QuotaError("login-refused", 401), None),
        (QuotaError("status", 401), None),
        (QuotaError("status", 403), None),
        (QuotaError("login-expired"), 80.0),
        (QuotaError("status", 429), 80.0),
        (QuotaError("timeout"), 80.0),
    ],
    ids=str,
)
def test_of_an_account_that_was_refused_what_was_left_counts_no_more(
    error: QuotaError, headroom: float | None
) -> None:
    snapshot = QuotaSnapshot((LEFT,), read_at=NOW, attempted_at=NOW, error=error)
    knowledge = Knowledge(State({QuotaKey(HERE, "url"): snapshot}, (), {}))
    assert knowledge.left(HERE, "m", NOW).headroom == headroom


def test_of_several_windows_that_are_used_up_the_last_to_turn_says_until_when() -> None:
    resets = [NOW + HOUR, NOW + 3 * HOUR, None]
    windows = [replace(USED_UP, name=f"w{at}", resets_at=at) for at in resets]
    left = Window("monthly", "percent", percent_remaining=9.0, resets_at=NOW + 9 * HOUR)
    assert knowing(*windows, left).used_up_until(HERE, "m", NOW) == NOW + 3 * HOUR
    assert knowing(left).used_up_until(HERE, "m", NOW) is None


def test_a_quota_without_a_time_waits_for_its_window_and_nothing_else_does() -> None:
    knowledge = knowing(replace(USED_UP, resets_at=NOW + HOUR))
    quota = Failure("quota-exhausted-long", "status 402", "account")
    key = CooldownKey("account", HERE.origin, "p", HERE.fingerprint)
    assert knowledge.cooldown(quota, HERE, "m", NOW) == Cooldown(
        key, "quota-exhausted-long", NOW, NOW + HOUR, True, 1, "status 402", NOW, "m"
    )
    rate = knowledge.cooldown(Failure("rate-limit-short", "status 429", "account"), HERE, "m", NOW)
    assert rate == Cooldown(key, "rate-limit-short", NOW, NOW + 30, False, 1, "status 429", NOW, "m")
    assert knowledge.cooldown(Failure("bad-request", "status 400"), HERE, "m", NOW) is None


def test_a_limit_of_today_is_none_of_tomorrow_however_long_nothing_is_written() -> None:
    knowledge = Knowledge(State({}, (HourUsage(int(NOW // HOUR), "p", "m", 5, 0),), {}))
    limits = Limits(requests_per_day=5)
    tomorrow = local_day(NOW).end
    found = knowledge.reached(limits, "p", NOW)
    assert found is not None
    assert found.until == tomorrow
    assert knowledge.reached(limits, "p", tomorrow) is None


def test_under_way_is_what_others_ask_for_and_nobody_has_forgotten() -> None:
    leases = {
        "mine": Lease("p", NOW + 9), "one": Lease("p", NOW + 9), "two": Lease("p", NOW + 1),
        "over": Lease("p", NOW), "there": Lease("q", NOW + 9),
    }  # fmt: skip
    knowledge = Knowledge(State({}, (), {}, leases=leases))
    assert knowledge.in_flight(NOW, "mine") == {"p": 2, "q": 1}
    assert knowledge.in_flight(NOW) == {"p": 3, "q": 1}
