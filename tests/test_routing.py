"""Where requests go: to the user's own target, on to another when it refuses, and back when it is there."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.store import PutQuota, QuotaKey, QuotaSnapshot
from sidecar.protocol import PassPlan, ReplyPlan, SendPlan
from sidecar.quota.windows import Window
from tests.flying import NOW, Flying, origin, target

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}


async def test_a_request_goes_where_the_user_chose(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        request = (await bed.opencode()).request()
        assert await request.plan() == "a"


async def test_a_refusal_is_answered_by_the_next(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        plan = await request.failure(429)
        assert isinstance(plan, SendPlan)
        assert (plan.target, plan.url) == (target("b"), f"{origin('b')}/v1/chat/completions")
        assert plan.headers["authorization"] == "Bearer key-of-b-0123456789"


async def test_it_is_told_once_when_the_next_has_answered(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        for _ in range(2):
            request = one.request()
            if await request.plan() == "a":
                assert await request.refused(429, **HOUR) == "b"
            await request.served()
        assert one.toasts == ["A refuses (quota used up) · back in 1h · going on at B"]


async def test_all_know_it_before_their_next_request(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        await request.served()
        assert await other.request().plan() == "b"
        assert await (await bed.opencode()).request().plan() == "b"


@pytest.mark.parametrize(
    ("status", "text"),
    [(400, '{"error":{"message":"bad"}}'), (400, '{"error":{"code":"context_length_exceeded"}}'), (404, "")],
)
async def test_what_the_request_is_to_blame_for_goes_back_untouched(
    tmp_path: Path, status: int, text: str
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(status, text=text) == "given up"
        assert await one.request().plan() == "a"


async def test_the_complaint_of_another_is_never_heard(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        request = one.request()
        assert [await request.plan(), await request.refused(503), await request.refused(400)] == [
            "a",
            "b",
            "c",
        ]
        assert await request.refused(404) == "given up"
        again = one.request()
        assert await again.plan() == "a"  # of the fit ones nobody is left


async def test_no_target_is_asked_twice_and_not_more_than_may_be(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c", "d", maxAttempts=3) as bed:
        one = await bed.opencode()
        request = one.request()
        steps = [await request.plan(), await request.refused(500), await request.refused(500)]
        assert steps == ["a", "b", "c"]
        plan = await request.failure(500)
        assert isinstance(plan, ReplyPlan)
        assert (plan.status, plan.headers["retry-after-ms"]) == (429, "1")
        assert await one.request().plan() == "d"


async def test_that_many_refused_for_long_ends_no_turn_while_another_is_left(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c", "d", maxAttempts=3) as bed:
        one = await bed.opencode()
        request = one.request()
        steps = [await request.plan(), *[await request.refused(401, **HOUR) for _ in range(3)]]
        assert steps == ["a", "b", "c", "reply 429"]
        assert (await one.decisions())[0].reason == "enough asked"
        assert await one.request().plan() == "d"


async def test_after_the_time_budget_nothing_is_sent_any_more(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", wallBudgetS=100) as bed:
        request = (await bed.opencode()).request()
        await request.plan()
        request.seconds = 100.0
        assert await request.refused(500) == "given up"


async def test_a_moment_is_waited_out_once(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        request = (await bed.opencode()).request()
        await request.plan()
        assert await request.refused(429, headers={"retry-after-ms": "1500"}) == "again after 1.5 s"
        assert await request.refused(429, headers={"retry-after-ms": "1500"}) == "b"


async def test_two_that_cannot_be_reached_are_our_own_fault(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        gone: dict[str, Any] = {
            "error_name": "Error",
            "error_message": "ConnectionRefused: Unable to connect",
        }
        assert await request.refused(None, **gone) == "b"
        assert await request.refused(None, **gone) == "given up"
        assert await one.request().plan() == "a"
        assert one.application.store.state(NOW).cooldowns == {}


async def test_one_that_cannot_be_reached_waits_half_a_minute(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(None, error_message="fetch failed") == "b"
        await request.served()
        assert await one.request().plan() == "b"
        bed.clock.now += 30
        assert await one.request().plan() == "a"


async def test_when_all_wait_the_soonest_is_asked_and_then_the_users_own(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        assert await request.refused(429, headers={"retry-after": "1800"}) == "reply 403"
        topped_up = one.request()
        assert await topped_up.plan() == "b"
        assert await topped_up.refused(429, headers={"retry-after": "1800"}) == "a"
        await topped_up.served()
        assert await one.request().plan() == "a"


async def test_all_gone_for_long_ends_the_turn_with_words(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        request = (await bed.opencode()).request()
        await request.plan()
        await request.refused(429, **HOUR)
        plan = await request.failure(429, headers={"retry-after": "7200"})
        assert isinstance(plan, ReplyPlan)
        assert (plan.status, plan.headers) == (403, {"content-type": "application/json"})
        assert "First back: A (quota used up)" in plan.body


async def test_all_gone_for_a_moment_is_counted_down(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        request = (await bed.opencode()).request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "20"})
        plan = await request.failure(429, headers={"retry-after": "7200"})
        assert isinstance(plan, ReplyPlan)
        assert (plan.status, plan.headers["retry-after-ms"]) == (429, "20000")


async def test_a_lone_target_keeps_the_hosts_own_way_with_it(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a") as bed:
        request = (await bed.opencode()).request()
        assert await request.plan() == "a"
        assert await request.refused(429) == "given up"
        assert await request.refused(429, headers={"retry-after": "20"}) == "given up"
        assert await request.refused(429, **HOUR) == "reply 403"


async def test_a_dry_run_switches_nothing_and_says_what_it_would_have_done(tmp_path: Path) -> None:
    async with Flying(tmp_path, dryRun=True) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(429, **HOUR) == "given up"
        assert await one.request().plan() == "a"
        decisions = await one.decisions()
        assert [(row.reason, row.taken, row.dry_run) for row in decisions] == [
            ("refused", target("b"), True),
            ("as chosen", target("a"), True),
        ]
        assert one.toasts == []


@pytest.mark.parametrize(
    "ours", [{"autoRoute": False}, {"enabled": False}, {"providers": {"b": {"enabled": False}}}]
)
async def test_it_can_be_switched_off(tmp_path: Path, ours: dict[str, Any]) -> None:
    async with Flying(tmp_path, **ours) as bed:
        request = (await bed.opencode()).request()
        assert [await request.plan(), await request.refused(503)] == ["a", "given up"]


async def test_an_own_limit_is_kept_before_anybody_refuses(tmp_path: Path) -> None:
    async with Flying(tmp_path, providers={"a": {"limits": {"requestsPerHour": 2}}}) as bed:
        one = await bed.opencode()
        served = list[str]()
        for _ in range(3):
            request = one.request()
            served.append(await request.plan())
            await request.served()
        assert served == ["a", "a", "b"]
        assert one.toasts == ["A is at your limit (requests an hour) · until 01:00\ngoing on at B"]


async def test_a_hard_limit_ends_the_turn_when_nobody_else_is_left(tmp_path: Path) -> None:
    async with Flying(
        tmp_path, "a", providers={"a": {"limits": {"requestsPerHour": 1, "hard": True}}}
    ) as bed:
        one = await bed.opencode()
        request = one.request()
        assert await request.plan() == "a"
        await request.served()
        assert await one.request().plan() == "reply 403"


async def test_a_body_of_another_wire_is_left_alone(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(wire="other")
        assert [await request.plan(), await request.refused(429, **HOUR)] == ["a", "given up"]
        assert [row.reason for row in await one.decisions()] == ["all gone"]  # nobody else was thought of
        assert await one.request().plan() == "b"  # it is known all the same


async def test_a_session_that_was_too_much_for_another_is_not_sent_there_again(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(503)
        await request.refused(413)
        assert await one.request().plan() == "a"
        assert await one.request(session="ses_2").plan() == "b"


async def test_who_knows_no_directory_passes(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        one.directory = "/elsewhere"
        request = one.request()
        assert await request.plan() == "a"
        assert await request.failure(429) == PassPlan()


async def test_a_refusal_without_a_time_waits_for_the_window_that_is_used_up(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        place = await one.application.workspaces.looked_at(one.directory)
        assert place is not None
        account = place.config.targets.account(target("a"), origin("a"))
        weekly = Window("weekly", "percent", percent_remaining=0.0, resets_at=NOW + 5000)
        snapshot = QuotaSnapshot((weekly, Window("other", "tokens")), read_at=NOW, attempted_at=NOW)
        await one.application.store.apply([PutQuota(QuotaKey(account, "url"), snapshot)])
        request = one.request()
        await request.plan()
        await request.refused(402)
        bed.clock.now += 4999
        assert await one.request().plan() == "b"
        bed.clock.now += 1
        assert await one.request().plan() == "a"


async def test_nobody_hears_that_one_is_back_who_has_not_heard_that_it_refused(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(429) == "b"
        await request.aborted()  # before anybody had answered in its place
        bed.clock.now += 30
        again = one.request()
        assert await again.plan() == "a"
        await again.served()
        assert one.toasts == []
