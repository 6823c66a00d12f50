"""Virtual models where something is missing: nobody is left, nothing is told, or the model is gone."""

from pathlib import Path
from typing import Any, Final

from sidecar.adapters.store import LEASE_S, Lease
from sidecar.core.choose import Stay
from sidecar.protocol import ROUTER, SessionErrorParams, SessionResumeParams
from tests.flying import DAY_S, MODEL, NOW, Flying, Opencode, leave, target

MESSAGES: Final = "@ai-sdk/anthropic"
LOGIN: Final = "@ai-sdk/amazon-bedrock"
"""A package whose wire is nobody's: only turns can be moved there."""
HOUR: Final[dict[str, Any]] = {"headers": {"retry-after": "3600"}}
GONE: Final = {"error_message": "fetch failed"}
TOO_LONG: Final = '{"error":{"code":"context_length_exceeded","message":"prompt is too long"}}'


async def refused_by_all(one: Opencode, **how: Any) -> None:
    """Let every target refuse a request of a session for what it holds."""
    request = one.request(ROUTER)
    assert [await request.plan(), await request.refused(400, **how)] == ["a", "b"]
    await request.failure(400, **how)
    await request.finished(400, refused=True)


def failure_at(provider_id: str, one: Opencode, *, went_by_us: bool) -> SessionErrorParams:
    """Return that the session's turn has failed at a provider."""
    where = (one.directory, "ses_1", "msg_1", "build", target(provider_id))
    return SessionErrorParams(*where, is_root=True, went_by_us=went_by_us, status=401)


async def test_a_session_whose_request_everybody_refused_may_ask_again(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_all(one)
        assert await one.request(ROUTER).plan() == "b"


async def test_a_session_that_has_grown_too_long_for_all_is_made_shorter(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_all(one, text=TOO_LONG)
        assert await one.request(ROUTER, agent="compaction", size_bytes=4100).plan() == "b"


async def test_a_session_goes_on_where_it_was_when_its_virtual_model_is_gone(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 40, "b": 30, "c": 80})
        assert await one.turn(ROUTER) == "c"
        bed.machine.write(bed.machine.ours, {"autoVirtualModels": False})
        other = await bed.opencode({"c": MESSAGES})
        assert await other.request("c", wire="anthropic-messages").plan() == "c"
        error = failure_at("c", other, went_by_us=True)
        assert await other.application.turns.failed(error) is None
        assert await other.turn("c") is None
        session = (await other.application.store.load(NOW)).sessions["ses_1"]
        assert (session.chosen, session.moved_to) == (target("c"), None)


async def test_a_turn_is_not_put_back_on_a_virtual_model_that_the_host_does_not_have(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 40, "c": 80})
        assert await one.turn(ROUTER) == "c"
        await leave(one, {"a": 80, "c": 0})
        bed.offers_router = False
        other = await bed.opencode({"c": MESSAGES})
        assert await other.turn("c") is None


async def test_in_a_dry_run_a_virtual_turn_goes_where_only_a_turn_can(tmp_path: Path) -> None:
    async with Flying(tmp_path, dryRun=True) as bed:
        one = await bed.opencode({"a": LOGIN, "b": LOGIN})
        await leave(one, {"a": 40, "b": 80})
        assert await one.turn(ROUTER) == "b"
        assert await one.turn("b") is None


async def test_a_request_that_is_left_to_its_own_target_is_over(tmp_path: Path) -> None:
    route = {"targets": [f"a/{MODEL}", f"b/{MODEL}"], "strategy": "headroom"}
    async with Flying(tmp_path, routes=[route]) as bed:
        one = await bed.opencode()
        request = one.request("a")
        assert [await request.plan(), await request.refused(400)] == ["a", "given up"]
        assert one.application.store.state(NOW).leases == {}
        offline = one.request("a")
        steps = [await offline.plan(), await offline.refused(None, **GONE)]
        assert [*steps, await offline.refused(None, **GONE)] == ["a", "b", "given up"]
        assert one.application.store.state(NOW).leases == {}


async def test_a_title_or_a_compaction_moves_nobody(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 60, "b": 40})
        served = list[str]()
        for agent, left in (("build", (60, 40)), ("compaction", (40, 51)), ("build", (45, 51))):
            await leave(one, dict(zip("ab", left, strict=True)))
            request = one.request(ROUTER, agent=agent)
            served.append(await request.plan())
            await request.served()
            bed.clock.now += 700
        assert served == ["a", "b", "a"]
        assert one.toasts == []


async def test_no_turn_goes_to_who_is_at_a_hard_limit(tmp_path: Path) -> None:
    limits = {"requestsPerDay": 1, "hard": True}
    async with Flying(tmp_path, "a", "c", providers={"c": {"limits": limits}}) as bed:
        one = await bed.opencode({"c": MESSAGES})
        used = one.request("c", session="ses_2", wire="anthropic-messages")
        await used.plan()
        await used.served()
        refused = one.request("a", session="ses_3")
        await refused.plan()
        await refused.refused(429, **HOUR)
        assert await one.turn(ROUTER) is None
        assert await one.request(ROUTER).plan() == "a"


async def test_a_turn_that_failed_out_of_our_sight_is_done_again_on_the_virtual_model(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": LOGIN})
        await leave(one, {"a": 40, "c": 80})
        assert await one.turn(ROUTER) == "c"
        error = failure_at("c", one, went_by_us=False)
        resumed = SessionResumeParams(one.directory, "ses_1", "msg_1", target(ROUTER))
        assert await one.application.turns.failed(error) == resumed
        assert await one.request(ROUTER).plan() == "a"
        bed.clock.now += DAY_S
        assert await one.application.turns.failed(error) is None, "once for a message"


async def test_who_follows_after_a_refusal_is_told_nothing_new(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 60, "b": 70})
        for session in ("ses_1", "ses_2"):
            request = one.request(ROUTER, session=session)
            assert await request.plan() == "b"
            await request.served()
        refused = one.request(ROUTER)
        assert [await refused.plan(), await refused.refused(429, **HOUR)] == ["b", "a"]
        await refused.served()
        following = one.request(ROUTER, session="ses_2")
        assert await following.plan() == "a"
        await following.served()
        assert one.toasts == ["B refuses (quota used up) · back in 1h · going on at A"]


async def test_a_move_within_a_turn_that_was_moved_is_told(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c", "d") as bed:
        one = await bed.opencode({"c": MESSAGES, "d": MESSAGES})
        await leave(one, {"a": 20, "b": 20, "c": 80, "d": 60})
        assert await one.turn(ROUTER) == "c"
        bed.clock.now += 700
        await leave(one, {"a": 20, "b": 20, "c": 40, "d": 60})
        request = one.request("c", wire="anthropic-messages")
        assert await request.plan() == "d"
        await request.served()
        assert await one.turn("c") == "d"
        assert one.toasts == ["qwen3-coder goes to D (60% left)\nno longer to C (40% left)"]


async def test_a_window_that_fills_up_slowly_at_the_reserve_does_not_call_a_session_back_each_time(
    tmp_path: Path,
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        served = ""
        for left in (5.2, 4.8) * 8:
            await leave(one, {"a": left, "b": None})
            request = one.request(ROUTER)
            served += await request.plan()
            await request.served()
            bed.clock.now += 60
        assert served == "abbbbbbbbbbbabbb"
        assert len(one.toasts) == 3


async def test_a_turn_that_is_done_again_elsewhere_is_told_and_stays_there(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 90, "c": 30})
        assert await one.turn(ROUTER) is None
        request = one.request(ROUTER)
        assert [await request.plan(), await request.refused(429, **HOUR)] == ["a", "reply 403"]
        resumed = SessionResumeParams(one.directory, "ses_1", "msg_1", target("c"))
        error = failure_at(ROUTER, one, went_by_us=True)
        assert await one.application.turns.failed(error) == resumed
        await one.application.turns.tell("ses_1")
        assert one.toasts == ["qwen3-coder goes to C (30% left)\nno longer to A (has to wait until 01:00)"]
        session = (await one.application.store.load(NOW)).sessions["ses_1"]
        assert (session.moved_to, session.stay) == (target("c"), Stay(target("c"), NOW))
        assert await one.turn("c") is None


async def test_a_login_that_is_refused_costs_few_turns(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"a": LOGIN, "b": LOGIN})
        await leave(one, {"a": 90, "b": 10})
        failed = 0
        for quarter in range(24 * 4):
            if await one.turn(ROUTER, f"ses_{quarter}") == "a":
                failed += 1
                await one.application.turns.failed(failure_at("a", one, went_by_us=False))
            bed.clock.now += 900
        assert failed == 7


async def test_who_follows_to_one_that_is_back_is_told_nothing_new(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        served = ""
        for session in ("ses_1", "ses_2", "ses_2"):
            await leave(one, {"a": 90, "b": 50})
            request = one.request(ROUTER, session=session)
            served += await request.plan()
            served += "" if len(served) > 1 else await request.refused(429, **HOUR)
            await request.served()
        bed.clock.now += 3601
        await leave(one, {"a": 90, "b": 50})
        for session in ("ses_1", "ses_2"):
            request = one.request(ROUTER, session=session)
            served += await request.plan()
            await request.served()
        assert served == "abbbaa"
        assert one.toasts == [
            "A refuses (quota used up) · back in 1h · going on at B", "A is back · going on there"
        ]  # fmt: skip


async def test_a_move_by_priority_is_told(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c", strategy="priority") as bed:
        one = await bed.opencode({"c": MESSAGES})
        shown = ROUTER
        for left in (40, 0, 40):
            await leave(one, {"a": left, "c": 80})
            shown = await one.turn(shown) or shown
            if shown == ROUTER:
                request = one.request(ROUTER)
                await request.plan()
                await request.served()
        assert one.toasts == [
            "qwen3-coder goes to C (80% left)\nno longer to A (0% left)",
            "qwen3-coder goes to A (40% left)\nno longer to C (80% left)",
        ]


async def test_an_answer_that_is_long_in_writing_counts_until_it_is_written(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 60, "b": 60})
        request = one.request(ROUTER)
        assert await request.plan() == "a"
        await request.served()
        for _ in range(12):
            bed.clock.now += 10
            await one.application.leases.beat()
        other = await bed.opencode()
        assert await other.request(ROUTER, session="ses_2").plan() == "b"
        await request.used()
        await one.application.leases.beat()
        assert list((await other.application.store.load(bed.clock())).leases.values()) == [
            Lease("b", bed.clock() + LEASE_S)
        ]
