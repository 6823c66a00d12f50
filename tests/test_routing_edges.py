"""Where requests go in the corners: what several have done at once, and who may not be asked at all."""

from pathlib import Path

import pytest

from sidecar.protocol import ReplyPlan
from tests.flying import MODEL, NOW, Flying, leave

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}
HARD = {"a": {"limits": {"requestsPerHour": 1, "hard": True}}}


async def test_who_is_chosen_by_hand_is_asked_though_the_session_was_refused_there(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert [await request.refused(429, **HOUR), await request.refused(400)] == ["b", "c"]
        await request.served()
        assert await one.request("b").plan() == "b"


async def test_a_session_that_was_too_long_for_another_fits_again_once_it_is_shorter(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(size_bytes=400_000)
        await request.plan()
        assert [await request.refused(429, **HOUR), await request.refused(413)] == ["b", "reply 403"]
        plans = [await one.request(size_bytes=size).plan() for size in (400_001, 400_000, 60_000)]
        assert plans == ["a", "a", "b"]


async def test_the_most_headroom_moves_a_session_only_for_a_gain(tmp_path: Path) -> None:
    routes = [{"targets": [f"a/{MODEL}", f"b/{MODEL}"], "strategy": "headroom"}]
    async with Flying(tmp_path, routes=routes) as bed:
        one = await bed.opencode()
        served = list[str]()
        for left in ((60, 59), (58, 59), (48, 59), (48, 59), (48, 47)):
            await leave(one, dict(zip("ab", left, strict=True)))
            request = one.request()
            served.append(await request.plan())
            await request.served()
            bed.clock.now += 301
        assert served == ["a", "a", "b", "b", "b"]


async def test_a_reset_forgets_who_could_not_take_what_a_session_sends(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert [await request.refused(429, **HOUR), await request.refused(400)] == ["b", "reply 403"]
        assert await one.request().plan() == "a"
        place = await one.application.workspaces.place(one.directory)
        await one.application.limits.reset(place, "b")
        assert await one.request().plan() == "b"


async def test_who_was_away_for_several_reasons_is_back_once(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        requests = [one.request() for _ in range(3)]
        for request in requests:
            await request.plan()
        await requests[0].refused(503)
        await requests[1].refused(429, headers={"retry-after": "20"})
        await requests[2].refused(None, error_message="fetch failed")
        for request in requests:
            await request.served()
        told = len(one.toasts)
        bed.clock.now += 31
        request = one.request()
        assert await request.plan() == "a"
        await request.served()
        assert one.toasts[told:] == ["A is back · going on there"]


async def test_an_answer_that_began_before_a_refusal_ends_no_wait_however_long_it_was_held(
    tmp_path: Path,
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        old = one.request()
        await old.plan()
        old.ttfb_s = 0.5
        bed.clock.now += 10
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        bed.clock.now += 10
        await old.served()
        assert await one.request().plan() == "b"
        assert one.toasts == []


async def test_a_lone_target_that_answers_late_ends_no_wait_either(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a") as bed:
        one = await bed.opencode()
        old = one.request()
        await old.plan()
        bed.clock.now += 10
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        bed.clock.now += 10
        await old.served()
        (row,) = one.application.store.state(bed.clock.now).cooldowns.values()
        assert row.since == NOW + 10


async def test_a_wait_from_a_clock_that_was_ahead_ends_with_the_first_answer(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        bed.clock.now += 86400
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        bed.clock.now -= 86400
        probe = one.request()
        assert [await probe.plan(), await one.request().plan()] == ["a", "b"]
        await probe.served()
        assert [await one.request().plan(), await one.request().plan()] == ["a", "a"]


@pytest.mark.parametrize("status", [429, 400])
async def test_a_hard_limit_holds_when_everybody_else_has_refused(tmp_path: Path, status: int) -> None:
    async with Flying(tmp_path, providers=HARD) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.served()
        request = one.request()
        assert [await request.plan(), await request.refused(status)] == ["b", "reply 403"]


async def test_a_request_that_nobody_may_have_is_explained(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", providers=HARD) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.served()
        assert await one.request().plan() == "reply 403"
        assert [(row.reason, row.taken) for row in await one.decisions()] == [("own limit", None)]


async def test_a_hard_limit_holds_offline_too(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c", providers=HARD) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.served()
        request = one.request()
        steps = [await request.plan()]
        steps += [await request.refused(None, error_message="fetch failed") for _ in range(2)]
        assert steps == ["b", "c", "reply 403"]


async def test_who_could_not_take_the_request_is_not_waited_for(tmp_path: Path) -> None:
    async with Flying(tmp_path, providers={"b": {"enabled": False}}) as bed:
        one = await bed.opencode()
        request = one.request("b")
        await request.plan()
        await request.refused(429, headers={"retry-after": "20"})
        request = one.request()
        await request.plan()
        plan = await request.failure(429, **HOUR)
        assert isinstance(plan, ReplyPlan)
        assert plan.status == 403
        assert r"A refuses (quota used up).\nBack at 01:00" in plan.body


async def test_nobody_counts_down_to_a_guess_at_when_a_quota_is_back(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        plan = await request.failure(402)
        assert isinstance(plan, ReplyPlan)
        assert plan.status == 403
        assert "First back: B (quota used up), perhaps at" in plan.body


async def test_who_is_just_being_looked_at_is_waited_for_a_moment(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request("b")
        await request.plan()
        await request.refused(429, headers={"retry-after": "20"})
        await request.served()
        bed.clock.now += 25
        assert await other.request("b").plan() == "b"
        request = one.request()
        await request.plan()
        plan = await request.failure(429, **HOUR)
        assert isinstance(plan, ReplyPlan)
        assert (plan.status, plan.headers["retry-after-ms"]) == (429, "5000")
