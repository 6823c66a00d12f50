"""Whether a target is back: one request of all processes finds out, and whom it concerns hears of it."""

from pathlib import Path

import pytest

from tests.flying import Flying

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}


async def test_one_finds_out_whether_it_is_back_and_all_follow(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "60"})
        await request.served()
        bed.clock.now += 61
        probe = one.request()
        assert [await probe.plan(), await other.request().plan(), await one.request().plan()] == [
            "a",
            "b",
            "b",
        ]
        await probe.served()
        assert [await other.request().plan(), await one.request().plan()] == ["a", "a"]
        assert (one.toasts[1:], other.toasts) == (["A is back · going on there"], [])


async def test_a_probe_that_is_refused_waits_longer(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        for wait in (30, 60, 120):
            request = one.request()
            assert await request.plan() == "a"
            assert await request.refused(429) == "b"
            await request.served()
            bed.clock.now += wait - 1
            assert await one.request().plan() == "b"
            bed.clock.now += 1
        assert len(one.toasts) == 1


async def test_an_abort_gives_the_probe_to_others(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "60"})
        await request.served()
        bed.clock.now += 61
        probe = one.request()
        await probe.plan()
        await probe.aborted()
        assert await one.request().plan() == "a"


async def test_what_goes_on_at_a_target_whose_wait_is_over_is_the_only_one_there(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "90"})
        assert await request.refused(429, headers={"retry-after": "60"}) == "c"
        await request.served()
        bed.clock.now += 90
        probe = one.request()
        assert [await probe.plan(), await probe.refused(503)] == ["a", "b"]
        assert await other.request().plan() == "c"


async def test_who_finds_out_after_a_moment_is_the_only_one_all_the_while(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "60"})
        await request.served()
        bed.clock.now += 60
        probe = one.request()
        assert [await probe.plan(), await probe.refused(429, headers={"retry-after": "1"})] == [
            "a",
            "again after 1 s",
        ]
        assert await other.request().plan() == "b"


async def test_of_another_than_the_users_own_nobody_hears_that_it_is_back(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        await request.refused(429, headers={"retry-after": "60"})
        await request.served()
        bed.clock.now += 61
        probe = one.request()
        assert await probe.plan() == "b"
        await probe.served()
        assert one.toasts == ["A refuses (quota used up) · back in 1h · going on at C"]
