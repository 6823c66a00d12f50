"""Turns: moved to another wire or login while the user's own waits, back when it is there again."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.decision import SessionRoute
from sidecar.protocol import SessionErrorParams, SessionResumeParams
from tests.flying import NOW, Flying, Opencode, target

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}


def bed_of(folder: Path, **ours: Any) -> Flying:
    """Return a machine where `a` speaks another wire than `b`, and `login` is an account without a key."""
    bed = Flying(folder, "a", "b", "login", **ours)
    config = json.loads(bed.machine.host.read_text())
    config["provider"]["b"]["npm"] = "@ai-sdk/anthropic"
    del config["provider"]["login"]
    bed.machine.write(bed.machine.host, config)
    bed.machine.write(bed.machine.auth, {"login": {"type": "oauth", "refresh": "r" * 30, "access": "x" * 30}})
    return bed


NPM = {"a": "@ai-sdk/openai-compatible", "b": "@ai-sdk/anthropic", "login": "@ai-sdk/github-copilot"}


async def cool(one: Opencode, own: str, seconds: int) -> None:
    request = one.request(own)
    await request.plan()
    assert await request.refused(429, headers={"retry-after": str(seconds)}) != "b"


async def test_a_turn_stays_where_the_user_wants_it(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        assert await one.turn("a") is None
        assert one.application.store.state(NOW).sessions == {}


async def test_a_turn_begins_elsewhere_while_the_users_own_waits(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert await one.turn("a") == "b"
        assert one.toasts == ["A has to wait (quota used up) · back in 1h\nthis turn goes to B"]
        route = one.application.store.state(NOW).sessions["ses_1"]
        assert route == SessionRoute("ses_1", target("a"), NOW, target("b"))


async def test_it_stays_there_and_returns_when_the_first_choice_is_back(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert [await one.turn("a"), await one.turn("b")] == ["b", None]
        bed.clock.now += 3600
        other = await bed.opencode(npm=NPM)
        assert await other.turn("b") == "a"
        assert other.application.store.state(NOW).sessions["ses_1"].moved_to is None


async def test_a_picker_that_stays_where_a_turn_was_moved_does_not_undo_the_return(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert [await one.turn("a"), await one.turn("b")] == ["b", None]
        bed.clock.now += 3600
        assert [await one.turn("b") for _ in range(3)] == ["a"] * 3
        other = await bed.opencode(npm=NPM)
        assert [await other.turn("b"), await other.turn("login"), await other.turn("b")] == ["a", None, None]


async def test_a_user_who_picks_by_hand_is_obeyed(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert await one.turn("a") == "b"
        assert await one.turn("login") is None
        bed.clock.now += 3600
        assert await one.turn("login") is None


async def test_one_of_the_same_wire_takes_the_requests_and_the_turn_stays(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b") as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, **HOUR)
        assert await one.turn("a") is None


async def test_the_next_moves_on_to_a_login(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        request = one.request("b", wire="anthropic-messages")
        await request.plan()
        await request.refused(429, **HOUR)
        assert await one.turn("a") == "login"


async def test_a_moved_turn_stays_though_a_better_place_is_free_again(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        request = one.request("b", wire="anthropic-messages")
        await request.plan()
        await request.refused(429, headers={"retry-after": "60"})
        assert await one.turn("a") == "login"
        bed.clock.now += 60
        probe = one.request("b", wire="anthropic-messages")
        await probe.plan()
        await probe.served()
        assert await one.turn("login") is None
        route = one.application.store.state(NOW).sessions["ses_1"]
        assert route == SessionRoute("ses_1", target("a"), NOW, target("login"))  # and is not written again


async def test_a_turn_that_failed_is_done_again_where_its_requests_could_have_gone(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        found = await one.application.turns.failed(ended(one, target=target("a")))
        assert found == SessionResumeParams(one.directory, "ses_1", "msg_1", target("b"))


async def test_a_dry_run_puts_back_what_was_moved_before_it(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert await one.turn("a") == "b"
        bed.machine.write(bed.machine.ours, {"dryRun": True})
        other = await bed.opencode(npm=NPM)
        assert [await other.turn("b"), await other.turn("a")] == ["a", None]


async def test_a_dry_run_moves_nothing(tmp_path: Path) -> None:
    async with bed_of(tmp_path, dryRun=True) as bed:
        one = await bed.opencode(npm=NPM)
        await cool(one, "a", 3600)
        assert await one.turn("a") is None


def ended(one: Opencode, **more: Any) -> SessionErrorParams:
    known: dict[str, Any] = {
        "target": target("login"),
        "is_root": True,
        "went_by_us": False,
        "status": 429,
        "error_message": "quota exceeded",
    }
    return SessionErrorParams(one.directory, "ses_1", "msg_1", "build", **(known | more))


async def test_a_turn_that_failed_out_of_our_sight_is_done_again_elsewhere(tmp_path: Path) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        failed = one.application.turns.failed
        assert await failed(ended(one)) == SessionResumeParams(one.directory, "ses_1", "msg_1", target("a"))
        assert await failed(ended(one)) is None  # once
        assert await one.turn("a") is None  # the picker shows our own move


@pytest.mark.parametrize(
    "more",
    [
        {"is_root": False},
        {"went_by_us": True},
        {"status": 400, "error_message": "bad"},
        {"error_name": "MessageAbortedError"},
    ],
)
async def test_others_are_left_alone(tmp_path: Path, more: dict[str, Any]) -> None:
    async with bed_of(tmp_path) as bed:
        one = await bed.opencode(npm=NPM)
        assert await one.application.turns.failed(ended(one, **more)) is None
