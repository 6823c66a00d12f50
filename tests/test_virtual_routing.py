"""Virtual models: each request and turn goes where the most is left, and a session stays where it is."""

import json
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from sidecar.adapters.memory_store import MemoryStore
from sidecar.core.choose import Stay
from sidecar.protocol import ROUTER, MessageFinishedParams, ReplyPlan, SendPlan, WorkspaceOpenParams
from tests.bed.gateways import DEADLINE_S
from tests.flying import NOW, Flying, Opencode, leave, origin, target

MESSAGES: Final = "@ai-sdk/anthropic"
HOUR: Final[dict[str, Any]] = {"headers": {"retry-after": "3600"}}
BUSY_S: Final = 700.0


async def serve(one: Opencode, session: str = "ses_1", **more: Any) -> str:
    """Let a request of the virtual model be served, and return by whom."""
    request = one.request(ROUTER, session=session, **more)
    served = await request.plan()
    await request.served()
    return served


async def test_a_request_goes_where_the_most_is_left(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80, "c": 50})
        request = one.request(ROUTER)
        plan = await one.application.routing.plan(request.params)
        assert isinstance(plan, SendPlan)
        assert (plan.target, plan.url) == (target("b"), f"{origin('b')}/v1/chat/completions")
        assert plan.headers["authorization"] == "Bearer key-of-b-0123456789"
        assert [edit.path for edit in plan.edits] == [["model"], ["usage"], *[
            ["reasoning"], ["thinking"], ["enable_thinking"], ["chat_template_args"], ["prompt_cache_key"],
            ["messages", "*", "reasoning_details"], ["messages", "*", "reasoning_opaque"],
        ]]  # fmt: skip


async def test_nobody_of_whom_nothing_is_known_beats_one_that_has_enough_left(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        await leave(one, {"a": None, "b": 6, "c": 5})
        assert await serve(one) == "b"


async def test_a_session_stays_until_a_move_pays(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        served = list[str]()
        for left in ((60, 59), (58, 59), (40, 59), (40, 59), (40, 45), (4, 45)):
            await leave(one, dict(zip("ab", left, strict=True)))
            served.append(await serve(one))
            bed.clock.now += 350
        assert served == ["a", "a", "b", "b", "b", "b"]
        assert one.toasts == ["qwen3-coder goes to B (59% left)\nno longer to A (40% left)"]


async def test_where_a_session_is_survives_a_restart(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 60, "b": 50})
        assert await serve(one) == "a"
        await leave(one, {"a": 55, "b": 64})
        other = await bed.opencode()
        assert await serve(other) == "a"
        session = (await other.application.store.load(NOW)).sessions["ses_1"]
        assert (session.chosen, session.stay) == (target(ROUTER), Stay(target("a"), NOW))
        assert await serve(other, "ses_2") == "b"


async def test_who_is_at_the_reserve_is_left_at_once(tmp_path: Path) -> None:
    async with Flying(tmp_path, reserve=30) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 60, "b": 50})
        assert await serve(one) == "a"
        await leave(one, {"a": 30, "b": 35})
        assert await serve(one) == "b"


async def test_what_is_under_way_counts_in_every_process(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b") as bed:
        one, other = await bed.opencode(), await bed.opencode()
        await leave(one, {"a": 60, "b": 60})
        plans = list[str]()
        for number in range(5):
            for who in (one, other):
                plans.append(await who.request(ROUTER, session=f"ses_{number}").plan())
                await who.application.store.load(NOW)  # by now it is written
        assert {name: plans.count(name) for name in "ab"} == {"a": 5, "b": 5}


async def test_what_is_over_counts_no_longer(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b") as bed:
        one = await bed.opencode()
        requests = [one.request(ROUTER, session=f"ses_{n}") for n in range(3)]
        for request in requests:
            await request.plan()
        assert len(one.application.store.state(NOW).leases) == 3
        await requests[0].aborted()
        assert await requests[1].refused(429, **HOUR) != "given up"
        await requests[2].served()
        leases = one.application.store.state(NOW).leases
        assert set(leases) == {row.params.request_id for row in requests[1:]}
        await one.application.requests.message_finished(
            MessageFinishedParams(one.directory, "ses_2", "msg_9", "msg_1", "build")
        )
        assert list(one.application.store.state(NOW).leases) == [requests[1].params.request_id]
        bed.clock.now += 10
        await one.application.leases.beat()
        bed.clock.now += 10
        assert list((await one.application.store.load(bed.clock())).leases) == [requests[1].params.request_id]


async def test_a_refusal_goes_on_and_is_told_of_once(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        await leave(one, {"a": 90, "b": 50, "c": 70})
        request = one.request(ROUTER)
        assert [await request.plan(), await request.refused(429, **HOUR)] == ["a", "c"]
        await request.served()
        assert one.toasts == ["A refuses (quota used up) · back in 1h · going on at C"]
        bed.clock.now += 60
        assert await serve(one) == "c"
        assert len(one.toasts) == 1
        bed.clock.now += 3600
        await leave(one, {"a": 90, "b": 50, "c": 70})
        assert await serve(one) == "a"
        assert one.toasts[1:] == ["A is back · going on there"]


async def test_when_all_refuse_the_host_is_told_until_when(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(ROUTER)
        steps = [await request.plan(), await request.refused(429, **HOUR), await request.refused(429, **HOUR)]
        assert steps == ["a", "b", "reply 403"]
        # What we remember never refuses: the next request asks all the same.
        assert await one.request(ROUTER).plan() == "a"


async def test_what_only_the_request_is_to_blame_for_the_host_hears_from_the_first(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(ROUTER)
        assert [await request.plan(), await request.refused(400)] == ["a", "b"]
        plan = await request.failure(400)
        assert type(plan).__name__ == "PassPlan"


async def test_nobody_who_fits_is_said_with_each_ones_reason(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(ROUTER, wire="anthropic-messages")
        plan = await one.application.routing.plan(request.params)
        assert plan.body == (  # type: ignore[union-attr]
            '{"type":"error","error":{"type":"quota_sidecar","message":'
            '"Nobody can take this as qwen3-coder, a '
            "model of limit-router.\\nA: speaks another wire.\\nB: speaks another wire.\\n"
            '/route says more; any other model of the picker goes on."}}'
        )


async def test_a_turn_moves_across_wires_and_the_session_stays_on_the_virtual_model(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 40, "b": 30, "c": 80})
        assert await one.turn(ROUTER) == "c"
        assert await one.turn("c") is None
        bed.clock.now += BUSY_S
        await leave(one, {"a": 40, "b": 30, "c": 20})
        assert await one.turn("c") == ROUTER
        assert await serve(one) == "a"
        assert one.toasts == ["qwen3-coder goes to A (40% left)\nno longer to C (20% left)"]
        assert await one.turn(ROUTER) is None
        assert await one.turn("b") is None
        assert await one.turn("b") is None


async def test_a_session_that_left_is_not_routed_until_it_comes_back(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        await leave(one, {"a": 40, "b": 80})
        assert await one.turn(ROUTER) == "b"
        assert await one.turn("a") is None
        bed.clock.now += 1
        assert await one.turn("a") is None
        assert await one.turn(ROUTER) == "b"


async def test_what_a_provider_signed_is_sent_back_to_it_alone(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 80, "b": 40})

        async def edits(session: str, **body: Any) -> int:
            plan = await one.application.routing.plan(one.request(ROUTER, session=session, **body).params)
            assert isinstance(plan, SendPlan)
            return len(plan.edits)

        at_home = await edits("ses_1", has_answers=False)
        assert at_home == await edits("ses_1") == 1
        away = await edits("ses_2")
        assert away == 9
        bed.clock.now += BUSY_S
        await leave(one, {"a": 40, "b": 80})
        assert [await edits("ses_1"), await edits("ses_1")] == [away, away]


async def test_by_latency_the_fastest_is_asked_and_by_priority_the_first(tmp_path: Path) -> None:
    for strategy, expected in (("latency", "b"), ("priority", "a")):
        async with Flying(tmp_path / strategy, strategy=strategy) as bed:
            one = await bed.opencode()
            for name, seconds in (("a", 3.0), ("b", 0.5)):
                request = one.request(name)
                request.ttfb_s = seconds
                await request.plan()
                await request.served()
            assert await serve(one, "ses_9") == expected


async def test_ten_at_once_see_each_other(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        await leave(one, {"a": 70, "b": 68, "c": 66})
        plans = list[str]()

        async def ask(number: int) -> None:
            plans.append(await one.request(ROUTER, session=f"ses_{number}").plan())

        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(ask, number)
        assert min(plans.count(name) for name in "abc") >= 2


async def test_a_subagent_is_routed_as_its_parent_is(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 40, "b": 30, "c": 80})
        assert await one.turn(ROUTER) == "c"
        await leave(one, {"a": 40, "b": 30, "c": 0})
        assert await one.turn("c", "ses_child", parent_id="ses_1") == ROUTER
        assert await one.turn("c", "ses_stranger", parent_id="ses_9") is None
        assert await one.turn("b", "ses_other", parent_id="ses_1") is None


async def test_a_request_right_after_the_start_waits_for_what_the_host_offers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.services.routing.FIRST_TOLD_S", DEADLINE_S)
    async with Flying(tmp_path, strategy="priority") as bed:
        bed.store = MemoryStore()
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 30})
        late = Opencode(bed)
        late.application.workspaces.open(WorkspaceOpenParams(late.directory))
        await late.application.workspaces.looked_at(late.directory)
        request = late.request(ROUTER)
        assert late.application.routing.plan_at_once(request.params) is None
        served = list[str]()

        async def ask() -> None:
            served.append(await request.plan())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            await late.open()
        assert served == ["a"]
        await late.application.aclose()


async def test_a_turn_right_after_the_start_waits_for_that_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.services.turns.FIRST_TOLD_S", DEADLINE_S)
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        await leave(one, {"a": 40, "b": 80})
        late = Opencode(bed)
        late.application.workspaces.open(WorkspaceOpenParams(late.directory))
        moved = list[str | None]()

        async def ask() -> None:
            moved.append(await late.turn(ROUTER))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            for number in range(9):
                assert await late.turn("a", f"ses_a{number}") is None, "one of theirs waits for nothing"
                assert await late.decisions() == []
            assert moved == []
            await late.open({"b": MESSAGES})
        assert moved == ["b"]
        await late.application.aclose()


async def test_in_a_project_that_switches_us_off_a_turn_goes_to_the_first_that_has_the_model(
    tmp_path: Path,
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 80})
        bed.machine.write(bed.machine.project / ".opencode" / "quota-sidecar.jsonc", {"enabled": False})
        off = await bed.opencode()
        assert await off.turn(ROUTER) == "a"
        assert await off.turn("a") is None


async def test_a_title_says_nothing_of_where_a_session_is(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 80, "b": 40})
        first = one.request(ROUTER)
        assert await first.plan() == "a"
        await first.served()
        await leave(one, {"a": 40, "b": 80})
        for agent in ("title", "compaction"):
            assert await serve(one, "ses_9", agent=agent) == "b"
            assert one.application.store.state(NOW).leases.keys() == {first.params.request_id}
        assert one.application.requests.last_served("ses_9") is None
        assert one.application.requests.last_served("ses_1") == target("a")
        assert "ses_9" not in one.application.store.state(NOW).sessions


async def test_where_another_wire_is_free_the_host_is_told_so(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 60, "b": 30, "c": 20})
        request = one.request(ROUTER)
        assert [await request.plan(), await request.refused(429, **HOUR)] == ["a", "b"]
        plan = await request.failure(429, **HOUR)
        assert isinstance(plan, ReplyPlan)
        assert (plan.status, json.loads(plan.body)["error"]["message"]) == (
            403,
            "Everyone whom this turn's requests can reach refuses.\n"
            "First back: A (quota used up), at 01:00, in about an hour.\n"
            "C is free: the turn is done again there, or your next prompt goes there.",
        )


async def test_a_turn_that_begins_while_a_request_is_under_way_is_not_undone_by_its_end(
    tmp_path: Path,
) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 60, "b": 30, "c": 50})
        request = one.request(ROUTER)
        assert await request.plan() == "a"
        await leave(one, {"a": 4, "b": 3, "c": 50})
        assert await one.turn(ROUTER) == "c"
        await request.served()
        session = one.application.store.state(NOW).sessions["ses_1"]
        assert (session.chosen, session.moved_to) == (target(ROUTER), target("c"))
        assert await one.turn("c") is None
