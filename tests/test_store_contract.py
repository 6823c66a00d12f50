"""What every store keeps, run on each of them: state, whole mutations, and claims."""

from collections.abc import Sequence

import anyio
import msgspec
import pytest

from sidecar.adapters.store import (
    LEASE_S,
    CountRequest,
    DropLease,
    HourUsage,
    Lease,
    Mark,
    Mutation,
    PutLease,
    PutQuota,
    QuotaError,
    QuotaKey,
    QuotaSnapshot,
    ReleaseClaim,
    State,
    Store,
)
from sidecar.core.account import Account
from sidecar.core.forecast import Trail
from sidecar.quota.windows import Window
from tests.bed.store_user import NOW

HOUR = int(NOW // 3600)
TTL_S = 20.0


def key(name: str = "campus") -> QuotaKey:
    return QuotaKey(Account(name, "http://127.0.0.1:1", "local"), "0123456789abcdef")


SNAPSHOT = QuotaSnapshot(
    windows=(
        Window("tokens", "tokens", limit=10, used=2.5, remaining=7.5, percent_remaining=0.75),
        Window("cost", "cost", used=-3, resets_at=NOW + 5, currency="€", unlimited=True, blocked=True),
    ),
    account_name="Ünï 码",
    read_at=NOW - 1,
    attempted_at=NOW,
    error=QuotaError("status", 503),
    failures=3,
    retry_at=NOW + 30,
    trail={
        "tokens:tokens:": Trail(((1_789_999_940, 8000), (1_789_999_999, 7525)), NOW + 5),
        "a:b:€": Trail(()),
    },
)


async def test_a_new_store_remembers_nothing(store: Store) -> None:
    assert await store.load(NOW) == State({}, (), {})


async def test_what_is_applied_is_loaded_whole_and_the_last_one_wins(store: Store) -> None:
    older = QuotaSnapshot(attempted_at=NOW - 60)
    await store.apply([PutQuota(key(), older), PutQuota(key("other"), older), PutQuota(key(), SNAPSHOT)])
    assert await store.load(NOW) == State({key(): SNAPSHOT, key("other"): older}, (), {})


async def test_nothing_to_apply_changes_nothing(store: Store) -> None:
    await store.apply([])
    assert await store.load(NOW) == State({}, (), {})


async def test_requests_are_counted_by_hour_and_model(store: Store) -> None:
    mutations: Sequence[Mutation] = [
        CountRequest(NOW, "p", "m", failed=False),
        CountRequest(NOW, "p", "m", failed=True),
        CountRequest(NOW, "p", "n", failed=False),
        CountRequest(NOW - 3600, "p", "m", failed=False),
    ]
    await store.apply(mutations)
    assert set((await store.load(NOW)).usage) == {
        HourUsage(HOUR, "p", "m", requests=2, failures=1),
        HourUsage(HOUR, "p", "n", requests=1, failures=0),
        HourUsage(HOUR - 1, "p", "m", requests=1, failures=0),
    }


async def test_the_time_to_the_first_byte_is_added_where_it_is_known(store: Store) -> None:
    await store.apply([
        CountRequest(NOW, "p", "m", failed=False, ttfb_s=0.5), CountRequest(NOW, "p", "m", failed=True),
        CountRequest(NOW, "p", "m", failed=False, ttfb_s=0.0), CountRequest(NOW, "p", "m", False, 1.25),
    ])  # fmt: skip
    assert (await store.load(NOW)).usage == (HourUsage(HOUR, "p", "m", 4, 1, ttfb_s=1.75, answered=3),)


LEASE = Lease("campus", NOW + LEASE_S)


async def test_a_request_is_under_way_until_its_lease_ends_and_not_a_moment_longer(store: Store) -> None:
    await store.apply([PutLease("r", LEASE), PutLease("s", Lease("lab", NOW + 5))])
    assert (await store.load(NOW)).leases == {"r": LEASE, "s": Lease("lab", NOW + 5)}
    assert store.state(NOW + 4.999).leases.keys() == {"r", "s"}
    assert store.state(NOW + 5).leases == {"r": LEASE}
    assert (await store.load(NOW + LEASE_S - 0.001)).leases == {"r": LEASE}
    assert (await store.load(NOW + LEASE_S)).leases == store.state(NOW + LEASE_S).leases == {}


async def test_a_lease_is_renewed_by_its_request_and_dropped_with_it(store: Store) -> None:
    later = Lease("lab", NOW + 2 * LEASE_S)
    await store.apply([PutLease("r", LEASE), PutLease("s", LEASE), PutLease("r", later)])
    assert (await store.load(NOW + LEASE_S)).leases == {"r": later}
    await store.apply([DropLease("r"), DropLease("nobody's")])
    assert (await store.load(NOW)).leases == {"s": LEASE}
    await store.apply([PutLease("t", LEASE), DropLease("t"), DropLease("s")])
    assert await store.load(NOW) == State({}, (), {})


async def test_a_lease_from_a_clock_that_ran_ahead_counts_for_nobody(store: Store) -> None:
    await store.apply([PutLease("r", Lease("campus", NOW + 3600)), PutLease("s", LEASE)])
    assert (await store.load(NOW)).leases == {"s": LEASE}


async def test_usage_reaches_back_48_hours(store: Store) -> None:
    await store.apply([CountRequest(NOW - hours * 3600, "p", "m", failed=False) for hours in (0, 47, 48, 60)])
    assert {row.hour for row in (await store.load(NOW)).usage} == {HOUR, HOUR - 47}


async def test_what_was_loaded_is_fresh_and_so_is_what_is_applied_or_swapped(store: Store) -> None:
    assert await store.load(NOW) == store.fresh(NOW)
    await store.apply([PutQuota(key(), SNAPSHOT)])
    assert store.fresh(NOW) == await store.load(NOW) == State({key(): SNAPSHOT}, (), {})
    assert await store.swap("a", None, TOLD)
    assert await store.claim("fetch", "a", TTL_S, NOW)
    assert store.fresh(NOW) == await store.load(NOW) == State({key(): SNAPSHOT}, (), {"a": TOLD})


async def test_counts_from_many_tasks_at_once_are_all_kept(store: Store) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(store.apply, [CountRequest(NOW, "p", "m", failed=False)])
            tasks.start_soon(store.load, NOW)
    assert (await store.load(NOW)).usage == (HourUsage(HOUR, "p", "m", requests=50, failures=0),)


async def test_of_many_who_claim_at_once_one_wins(store: Store) -> None:
    won: list[str] = []

    async def claim(owner: str) -> None:
        if await store.claim("fetch", owner, TTL_S, NOW):
            won.append(owner)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(claim, f"owner-{number}")
    assert len(won) == 1


async def test_a_claim_holds_until_its_end_and_not_a_moment_longer(store: Store) -> None:
    assert await store.claim("fetch", "a", TTL_S, NOW)
    assert not await store.claim("fetch", "b", TTL_S, NOW + TTL_S - 0.001)
    assert await store.claim("other", "b", TTL_S, NOW)
    assert await store.claim("fetch", "b", TTL_S, NOW + TTL_S)
    assert not await store.claim("fetch", "a", TTL_S, NOW + TTL_S)


async def test_its_owner_may_claim_again_and_so_prolong_it(store: Store) -> None:
    assert await store.claim("fetch", "a", TTL_S, NOW)
    assert await store.claim("fetch", "a", TTL_S, NOW + 10)
    assert not await store.claim("fetch", "b", TTL_S, NOW + TTL_S + 5)


async def test_only_its_owner_can_release_a_claim(store: Store) -> None:
    assert await store.claim("fetch", "a", TTL_S, NOW)
    await store.apply([ReleaseClaim("fetch", "b"), ReleaseClaim("nothing", "a")])
    assert not await store.claim("fetch", "b", TTL_S, NOW)
    await store.apply([ReleaseClaim("fetch", "a")])
    assert await store.claim("fetch", "b", TTL_S, NOW)


async def test_a_claim_from_a_clock_that_ran_ahead_holds_nobody(store: Store) -> None:
    assert await store.claim("fetch", "a", TTL_S, NOW + 86_400)
    assert await store.claim("fetch", "b", TTL_S, NOW)
    assert not await store.claim("fetch", "c", TTL_S, NOW)


async def test_who_read_the_clock_earlier_does_not_take_a_claim_that_was_made_meanwhile(store: Store) -> None:
    assert await store.claim("fetch", "a", TTL_S, NOW + 0.001)
    assert not await store.claim("fetch", "b", TTL_S, NOW)


TOLD = Mark(20, NOW, NOW + 3600.25)
AGAIN = Mark(5, NOW + 60)


async def test_a_mark_is_set_changed_and_removed_by_who_knows_it(store: Store) -> None:
    assert await store.swap("a", None, TOLD)
    assert await store.swap("b", None, AGAIN)
    assert (await store.load(NOW)).marks == {"a": TOLD, "b": AGAIN}
    assert await store.swap("a", TOLD, AGAIN)
    assert await store.swap("b", AGAIN, None)
    assert (await store.load(NOW)).marks == {"a": AGAIN}
    assert await store.swap("a", AGAIN, TOLD)
    assert await store.load(NOW) == State({}, (), {"a": TOLD})


@pytest.mark.parametrize(
    "seen",
    [
        None,
        msgspec.structs.replace(TOLD, level=21),
        msgspec.structs.replace(TOLD, at=NOW + 0.001),
        msgspec.structs.replace(TOLD, resets_at=NOW),
        msgspec.structs.replace(TOLD, resets_at=None),
    ],
)
async def test_who_has_seen_another_mark_changes_nothing(store: Store, seen: Mark | None) -> None:
    assert await store.swap("a", None, TOLD)
    assert [await store.swap("a", seen, new) for new in (AGAIN, TOLD, None)] == [False] * 3
    assert (await store.load(NOW)).marks == {"a": TOLD}


async def test_a_mark_that_nobody_has_set_is_none(store: Store) -> None:
    assert await store.swap("a", None, None)
    assert [await store.swap("a", TOLD, new) for new in (AGAIN, TOLD, None)] == [False] * 3
    assert await store.load(NOW) == State({}, (), {})


@pytest.mark.parametrize("old", [None, TOLD])
async def test_of_many_who_swap_the_same_mark_at_once_one_acts(store: Store, old: Mark | None) -> None:
    acted: list[Mark] = []

    async def swap(new: Mark) -> None:
        if await store.swap("a", old, new):
            acted.append(new)

    assert await store.swap("a", None, old)
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(swap, Mark(5, NOW + number))
    assert len(acted) == 1
    assert (await store.load(NOW)).marks == {"a": acted[0]}


async def test_a_caller_who_gives_up_leaves_the_store_as_good_as_before(store: Store) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(store.apply, [CountRequest(NOW, "p", "m", failed=False)])
            tasks.start_soon(store.claim, "fetch", "a", TTL_S, NOW)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    before = sum(row.requests for row in (await store.load(NOW)).usage)
    await store.apply([CountRequest(NOW, "p", "m", failed=False)])
    assert sum(row.requests for row in (await store.load(NOW)).usage) == before + 1
    assert store.trouble is None
