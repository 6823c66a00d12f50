"""The commands about failover, on what was refused and served before: reports, and what is forgotten."""

from pathlib import Path

import pytest

from sidecar.protocol import CommandExecuteParams
from tests.flying import Flying, Opencode, target

pytestmark = pytest.mark.anyio


async def typed(one: Opencode, command: str, arguments: str = "") -> str:
    """Return the answer to a command, without its title and indentation."""
    params = CommandExecuteParams(one.directory, "ses_1", "msg_1", command, arguments, target("a"))
    text = (await one.application.commands.execute(params)).text
    return "\n".join(line.removeprefix("    ") for line in text.split("\n")[2:]) or text


async def refused_by_a(one: Opencode) -> None:
    """Let `a` refuse for an hour, and `b` serve."""
    request = one.request()
    await request.plan()
    await request.refused(429, headers={"retry-after": "3600"})
    await request.served()
    await request.used(input_tokens=1000, output_tokens=200)


async def test_a_refusal_its_route_and_its_reason_are_reported(tmp_path: Path) -> None:
    limits = {"a": {"limits": {"requestsPerDay": 4, "tokensPerDay": 2e6}}}
    async with Flying(tmp_path, providers=limits) as bed:
        one = await bed.opencode()
        await refused_by_a(one)
        bed.clock.now += 60
        assert await typed(one, "rate_limit_status") == (
            """\
A (a)
  ! quota used up · 59 min left, until 01:00 · as it said
  per day    ■■■■■■■■■···  75%  3 of 4 left · resets in 23h 59m
  tokens/day ■■■■■■■■■■■■ 100%  2M of 2M left · resets in 23h 59m
  1 request today, 1 this hour

B (b)
  ok
  1 request today, 1 this hour · 1,200 tokens

This session: a/qwen3-coder · last answer from b/qwen3-coder

Last decisions:
  1 min ago  a/qwen3-coder → b/qwen3-coder
             after a refusal: quota used up"""
        )


async def test_one_provider_is_reported_by_its_label_in_any_case(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_a(one)
        assert (await typed(one, "rate_limit_status", "B")).startswith("B (b)\n  ok\n  1 request today")
        assert await typed(one, "rate_limit_status", "x") == "There is no provider 'x'. There are: a, b."


async def test_after_its_wait_a_target_is_due(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_a(one)
        bed.clock.now += 3601
        report = await typed(one, "rate_limit_status", "a")
        assert report.split("\n")[1] == "  ? quota used up · the wait is over: the next request finds out"


async def test_an_origin_that_cannot_be_reached_is_told_at_its_provider(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(None, error_name="TypeError", error_message="fetch failed")
        assert (await typed(one, "rate_limit_status", "a")).split("\n")[:2] == [
            "A (a)",
            "  ! can't be reached · 30 s left · a guess",
        ]


async def test_when_nobody_is_left_both_commands_say_until_when(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "7200"})
        await request.refused(429, headers={"retry-after": "3600"})
        gone = "! Every provider refuses · first back: B at 01:00, in 1h"
        assert (await typed(one, "rate_limit_status")).split("\n")[0] == gone
        left = (await typed(one, "quota_status")).split("\n\n")
        assert left[:3] == [
            gone,
            "A (a)\n  ! quota used up · 2h left, until 02:00 · as it said",
            "B (b)\n  ! quota used up · 1h left, until 01:00 · as it said",
        ]
        bed.clock.now += 3601
        assert not (await typed(one, "quota_status")).startswith("!")


async def test_what_is_left_says_at_its_gateway_that_a_provider_waits(tmp_path: Path) -> None:
    gateway = {"providerId": "a", "label": "Campus", "quotaPath": "/quota", "baseURL": "http://127.0.0.1:9"}
    gateways = [{**gateway, "apiKeyEnv": "A_KEY"}, {**gateway, "quotaPath": "/other", "apiKeyEnv": "A_KEY"}]
    async with Flying(tmp_path, gateways=gateways) as bed:
        bed.machine.environ["A_KEY"] = "key-of-a-0123456789"
        one = await bed.opencode()
        await refused_by_a(one)
        campus, *rest = (await typed(one, "quota_status")).split("\n\n")
        assert campus.split("\n")[:2] == [
            "Campus (a)",
            "  ! quota used up · 1h left, until 01:00 · as it said",
        ]
        assert [block for block in rest if "quota used up" in block] == []
        assert "Campus" in await typed(one, "quota_status", "campus")


async def test_a_provider_without_gateway_can_be_asked_for_while_it_waits(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_a(one)
        assert (await typed(one, "quota_status", "a")).startswith("A (a)\n  ! quota used up")
        assert await typed(one, "quota_status", "b") == (
            "There is no gateway 'b'. None is configured yet; /quota_status says how."
        )


async def test_what_is_forgotten_is_named_and_the_next_request_goes_there(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        await refused_by_a(one)
        assert await other.request().plan() == "b"
        assert await typed(one, "rate_limit_reset", "A") == (
            """\
These waits are forgotten:
A (a)
  ! quota used up · 1h left, until 01:00 · as it said
Today's count of A begins again at 0; it was 1 request.
The next request goes there as if nothing had happened."""
        )
        assert await other.request().plan() == "a"
        assert await typed(one, "rate_limit_reset", "a") == "Nothing of A was remembered."
        assert (await typed(one, "rate_limit_status", "b")).startswith("B (b)\n  ok\n  1 request today")


async def test_all_is_forgotten_at_once(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        await refused_by_a(one)
        forgotten = await typed(one, "rate_limit_reset")
        assert forgotten.split("\n")[-2:] == [
            "Today's count begins again at 0; it was 2 requests.",
            "The next request goes there as if nothing had happened.",
        ]
        assert await typed(one, "rate_limit_reset") == "Nothing was remembered."


async def test_a_wait_of_a_key_that_was_replaced_is_told_as_that(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(401)
        host = bed.machine.host
        host.write_text(host.read_text("utf-8").replace("key-of-a-", "new-key-of-a-"), "utf-8")
        report = await typed(one, "rate_limit_status", "a")
        assert (
            report.split("\n")[1] == "  ! key refused (with another key) · 15 min left, until 00:15 · a guess"
        )


async def test_a_dry_run_says_so_and_what_would_have_been_done(tmp_path: Path) -> None:
    async with Flying(tmp_path, dryRun=True) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "3600"})
        report = await typed(one, "rate_limit_status")
        assert "a/qwen3-coder → b/qwen3-coder\n" in report
        assert "after a refusal: quota used up · only noted" in report
        assert report.endswith("! Dry run (dryRun: true): what would be done is only noted.")


async def test_a_turn_that_was_moved_shows_whose_model_is_whose(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode(npm={"b": "@ai-sdk/anthropic"})
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "3600"})
        assert await one.turn("a") == "b"
        report = await typed(one, "rate_limit_status")
        assert "This session: a/qwen3-coder · moved to b/qwen3-coder for now" in report
