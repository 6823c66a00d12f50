"""`/route` as a user types it, on a virtual clock: whole answers, and what a session does after leaving."""

import random
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from sidecar.core.choose import Strategy
from sidecar.protocol import ROUTER, CommandExecuteParams
from tests.flying import Flying, Opencode, leave, target

MESSAGES: Final = "@ai-sdk/anthropic"
HOUR: Final[dict[str, Any]] = {"headers": {"retry-after": "3600"}}


async def route(one: Opencode, typed: str = "", shown: str | None = ROUTER, session: str = "ses_1") -> str:
    """Type `/route` and *typed* while the picker shows the model of *shown*; return the answer."""
    params = CommandExecuteParams(
        one.directory, session, "msg_9", "route", typed, target(shown) if shown else None
    )
    return (await one.application.commands.execute(params)).text


async def first(one: Opencode, typed: str = "", shown: str = ROUTER, session: str = "ses_1") -> str:
    """Return the answer's own first line, in one."""
    text = await route(one, typed, shown, session)
    return " ".join(line.strip() for line in text.split("\n\n")[1].split("\n"))


async def serve(one: Opencode, own: str = ROUTER, session: str = "ses_1") -> str:
    request = one.request(own, session=session)
    served = await request.plan()
    await request.served()
    return served


async def test_it_says_where_the_next_turn_goes_and_what_speaks_for_it(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        expected = """\
The route of this model:

    The next turn goes to B (qwen3-coder): 80% left, used slower than its
    time.

    limit-router/qwen3-coder · headroom: whoever has the most left

      1.  b/qwen3-coder
          healthy · 80% left · used slower than its time (+37)
          paid already
      2.  a/qwen3-coder
          healthy · 20% left · used faster than its time (-23)
          paid already"""
        assert await route(one) == expected
        assert await serve(one) == "b"


async def test_it_says_that_a_session_stays_and_then_that_it_moves(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        bed.clock.now += 60
        await leave(one, {"a": 85, "b": 70})
        told = (await route(one)).split("\n\n")
        assert told[1:3] == [
            "    The next turn goes to B (qwen3-coder): 70% left, used slower than its\n    time.",
            "    limit-router/qwen3-coder · headroom: whoever has the most left\n"
            "      this session stays: for 1 min there, a move would not pay",
        ]
        assert await serve(one) == "b"
        bed.clock.now += 600
        told = (await route(one)).split("\n\n")
        assert told[1:3] == [
            "    The next turn goes to A (qwen3-coder): 85% left, used slower than its\n    time.",
            "    limit-router/qwen3-coder · headroom: whoever has the most left\n"
            "      this session moves there from b/qwen3-coder",
        ]
        assert await serve(one) == "a"


@pytest.mark.parametrize("strategy", get_args(Strategy))
async def test_what_it_says_is_what_is_done(tmp_path: Path, strategy: Strategy) -> None:
    chance = random.Random(strategy)  # noqa: S311 - not for secrets
    async with Flying(tmp_path, "a", "b", "c", strategy=strategy) as bed:
        one = await bed.opencode({"c": MESSAGES})
        shown, seen = ROUTER, set[str]()
        for _ in range(30):
            bed.clock.now += chance.choice((30, 700))
            await leave(one, {name: chance.choice((None, 0, 3, *range(0, 100, 7))) for name in "abc"})
            told = await first(one, shown=shown)
            shown = await one.turn(shown) or shown
            request = one.request(shown)
            request.ttfb_s = chance.random() * 5
            goes = "c" if shown == "c" else await request.plan()
            if shown != "c":
                await request.served()
            assert told.startswith(f"The next turn goes to {goes.upper()} (qwen3-coder)")
            seen.add(goes)
        assert len(seen) > 1 or strategy == "cost"


async def test_of_a_session_that_was_moved_it_tells_the_virtual_model(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        await leave(one, {"a": 20, "b": 80})
        assert await one.turn(ROUTER) == "b"
        assert "limit-router/qwen3-coder · headroom" in await route(one, shown="b")


async def test_another_model_can_be_asked_for_by_any_of_its_names(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        for typed in ("qwen3-coder", "limit-router/qwen3-coder", "Qwen/Qwen3-Coder"):
            told = (await route(one, typed, "a")).split("\n\n")
            assert told[2] == "    limit-router/qwen3-coder · headroom: whoever has the most left"
        assert await route(one, "a/qwen3-coder") == (
            """\
The route of this model:

    The next turn goes to A (qwen3-coder): 20% left.

    a/qwen3-coder

      1.  a/qwen3-coder  healthy · 20% left · yours
      2.  b/qwen3-coder  healthy · 80% left"""
        )
        assert await route(one, "qwen-coder") == (
            "There is no model 'qwen-coder'. "
            "Did you mean 'qwen3-coder' or 'b/qwen3-coder' or 'a/qwen3-coder'?"
        )


async def test_of_a_model_that_waits_it_says_who_takes_its_requests(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request("a")
        await request.plan()
        await request.refused(429, **HOUR)
        assert (await route(one, shown="a")) == (
            """\
The route of this model:

    The next turn goes to B (qwen3-coder): A (qwen3-coder) has to wait until
    01:00.

    a/qwen3-coder

      1.  b/qwen3-coder  unknown
      2.  a/qwen3-coder  cooling until 01:00 · yours"""
        )
        bed.clock.now += 3601
        assert await first(one, shown="a") == (
            "The next turn goes to A (qwen3-coder), and finds out whether it is back."
        )


async def test_of_a_login_that_waits_it_says_where_the_turn_is_moved(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        request = one.request("a")
        await request.plan()
        await request.refused(429, **HOUR)
        assert await first(one, shown="a") == (
            "The next turn goes to B (qwen3-coder): A (qwen3-coder) has to wait until 01:00."
        )
        assert await one.turn("a") == "b"


async def test_when_all_wait_it_says_who_is_asked_all_the_same(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request(ROUTER)
        await request.plan()
        await request.refused(429, headers={"retry-after": "7200"})
        await request.refused(429, **HOUR)
        assert await first(one) == (
            "The next turn goes to B (qwen3-coder) all the same: everybody has to wait, "
            "and it is back first, at 01:00."
        )


async def test_why_tells_the_last_decision_of_this_session(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        bed.clock.now += 60
        await serve(one, "a", "ses_2")
        assert await route(one, "why") == (
            """\
The route of this session:

    The last answer came from B (qwen3-coder). What was decided last in this
    session:

    2026-11-21 00:00:00, 1 min ago · build · headroom
      limit-router/qwen3-coder → b/qwen3-coder · has the most left
      1.  b/qwen3-coder
          healthy · 80% left · used slower than its time (+37)
          paid already
      2.  a/qwen3-coder
          healthy · 20% left · used faster than its time (-23)
          paid already"""
        )
        assert await route(one, "why", "a", "ses_3") == (
            """\
The route of this session:

    Nothing was decided in this session yet: its requests go where you
    chose."""
        )


@pytest.mark.parametrize("shown", ["c", ROUTER])  # a picker may follow a move or stay
async def test_why_tells_of_a_moved_turn_what_moved_it(tmp_path: Path, shown: str) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": "@ai-sdk/anthropic"})
        await leave(one, {"a": 20, "c": 80})
        assert await one.turn(ROUTER) == "c"
        request = one.request("c", wire="anthropic-messages")
        assert await request.plan() == "c"
        await request.served()
        title = one.request(ROUTER, agent="title")
        assert await title.plan() == "a"
        await title.served()
        assert (await route(one, "why", shown)).split("\n\n")[2] == (
            """\
    2026-11-21 00:00:00, just now · build · headroom
      limit-router/qwen3-coder → c/qwen3-coder · has the most left
      1.  c/qwen3-coder
          healthy · 80% left · used slower than its time (+37)
          paid already
      2.  a/qwen3-coder
          healthy · 20% left · used faster than its time (-23)
          paid already"""
        )


async def test_a_picker_that_stays_at_a_move_leaves_no_virtual_model(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": "@ai-sdk/anthropic"})
        await leave(one, {"a": 20, "c": 80})
        assert await one.turn(ROUTER) == "c"
        await leave(one, {"a": 80, "c": 1})
        assert [await one.turn("c") for _ in range(3)] == [ROUTER] * 3
        assert (await first(one, shown="c")).startswith("The next turn goes to A (qwen3-coder)")
        assert await one.turn("a") is None, "that is another one, picked by hand"
        assert (await route(one, "off", "a")).endswith("there is nothing to leave.")


async def test_the_one_that_is_back_first_may_speak_another_wire(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": "@ai-sdk/anthropic"})
        params = CommandExecuteParams(
            one.directory, "ses_1", "msg_9", "rate_limit_status", "", target(ROUTER)
        )
        request = one.request(ROUTER)
        await request.plan()
        await request.refused(429, headers={"retry-after": "3600"})
        assert "Every provider refuses" not in (await one.application.commands.execute(params)).text
        moved = one.request("c", wire="anthropic-messages")
        await moved.plan()
        await moved.refused(429, headers={"retry-after": "7200"})
        told = (await one.application.commands.execute(params)).text
        assert "! Every provider refuses · first back: A at 01:00, in 1h" in told


LEFT: Final = (
    "This session has left limit-router/qwen3-coder: its next turn goes to B (qwen3-coder), "
    "and the ones after it too. /route on goes back."
)
BACK: Final = "This session is on limit-router/qwen3-coder again: /route says where its next turn goes."


async def test_a_session_that_leaves_goes_on_where_it_was_served(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        assert await route(one, "off") == LEFT
        assert await route(one, "off") == (
            "This session has left limit-router/qwen3-coder already; /route on goes back."
        )
        assert (await route(one)).split("\n\n")[-1] == (
            "    ! This session has left limit-router/qwen3-coder (/route off); /route on\n"
            "      goes back to it."
        )
        bed.clock.now += 700
        await leave(one, {"a": 80, "b": 20})
        assert await one.turn(ROUTER) == "b"
        assert [await one.turn("b"), await serve(one, "b"), await one.turn("b")] == [None, "b", None]
        # Who picks it again is on it again.
        assert [await one.turn(ROUTER), await serve(one)] == [None, "a"]


async def test_the_limits_report_says_that_a_session_has_left(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        await route(one, "off")
        params = CommandExecuteParams(
            one.directory, "ses_1", "msg_9", "rate_limit_status", "", target(ROUTER)
        )
        text = (await one.application.commands.execute(params)).text
        assert "\n    This session: b/qwen3-coder · has left limit-router/qwen3-coder\n" in text


async def test_a_session_that_left_comes_back_at_once_or_later(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        assert [await route(one, "off"), await route(one, "on")] == [LEFT, BACK]
        assert await route(one, "on") == "This session is on limit-router/qwen3-coder already."
        assert [await one.turn(ROUTER), await serve(one)] == [None, "b"]
        await route(one, "off")
        assert [await one.turn(ROUTER), await one.turn("b")] == ["b", None]
        assert await route(one, "on", "b") == BACK
        assert [await one.turn("b"), await serve(one)] == [ROUTER, "b"]


async def test_a_session_that_was_moved_leaves_where_its_picker_is(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        await leave(one, {"a": 20, "b": 80})
        assert await one.turn(ROUTER) == "b"
        assert await route(one, "off", "b") == LEFT
        bed.clock.now += 700
        await leave(one, {"a": 80, "b": 20})
        assert [await one.turn("b"), await one.turn("b")] == [None, None]
        assert await route(one, "on", "b") == BACK
        assert [await one.turn("b"), await serve(one)] == [ROUTER, "a"]


async def test_a_session_that_was_never_served_leaves_to_the_best(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        assert await route(one, "off") == LEFT
        assert await one.turn(ROUTER) == "b"


async def test_leaving_survives_a_restart(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        await serve(one)
        await route(one, "off")
        two = await bed.opencode()
        assert await two.turn(ROUTER) == "b"
        assert await route(two, "on", "b") == BACK


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "off",
            "This session is on a/qwen3-coder, which is no model of limit-router: there is nothing to leave.",
        ),
        ("on", "This session has left no model of limit-router; pick one in the model picker."),
    ],
)
async def test_where_there_is_nothing_to_leave_or_to_go_back_to_that_is_said(
    tmp_path: Path, typed: str, expected: str
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        assert await route(one, typed, "a") == expected


async def test_the_status_marks_where_the_sessions_model_goes(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 20, "b": 80})
        marks: list[str] = []
        for own, typed in ((ROUTER, ""), (ROUTER, "a"), ("a", "")):
            params = CommandExecuteParams(one.directory, "ses_1", "msg_9", "quota_status", typed, target(own))
            text = (await one.application.commands.execute(params)).text
            marks += [line.strip() for line in text.split("\n") if "→" in line]
        assert marks == ["→ qwen3-coder goes to B (qwen3-coder)"]


async def test_without_a_model_it_asks_for_one(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        assert (
            await route(one, "", None) == "Which model? Write /route and its name, or ask again after a turn."
        )


async def test_switched_off_and_dry_runs_are_said(tmp_path: Path) -> None:
    async with Flying(tmp_path, enabled=False) as bed:
        assert (await route(await bed.opencode(), shown="a")).endswith(
            "\n    ! The quota sidecar is switched off (enabled: false): nothing is routed."
        )
    async with Flying(tmp_path / "dry", dryRun=True) as bed:
        assert (await route(await bed.opencode(), shown="a")).endswith(
            "\n    ! Dry run (dryRun: true): what would be done is only noted."
        )
