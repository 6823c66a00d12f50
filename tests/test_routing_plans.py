"""What a plan says beside where a request goes: how long silence may be, and what is kept of the decision."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.webhooks import Event
from sidecar.core.choose import Candidate
from sidecar.protocol import PassPlan, SendPlan
from tests.flying import MODEL, NOW, Flying, target

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}
GONE: dict[str, Any] = {"error_name": "Error", "error_message": "ConnectionRefused: Unable to connect"}


@pytest.mark.parametrize(
    ("providers", "ours", "timeout_s"),
    [(("a", "b"), {}, 90.0), (("a", "b"), {"headersTimeoutS": 0}, None), (("a",), {}, None)],
)
async def test_silence_is_bounded_where_somebody_else_could_be_asked(
    tmp_path: Path, providers: tuple[str, ...], ours: dict[str, Any], timeout_s: float | None
) -> None:
    async with Flying(tmp_path, *providers, **ours) as bed:
        one = await bed.opencode()
        assert await one.application.routing.plan(one.request().params) == PassPlan(timeout_s)


async def test_silence_is_not_bounded_while_all_others_wait(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        plan = await request.failure(429, **HOUR)
        assert isinstance(plan, SendPlan)
        assert (plan.target, plan.headers_timeout_s) == (target("b"), None)


async def test_who_was_asked_twice_counts_once(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", maxAttempts=2) as bed:
        request = (await bed.opencode()).request()
        await request.plan()
        assert await request.refused(429, headers={"retry-after": "2"}) == "again after 2 s"
        assert await request.refused(429, headers={"retry-after": "2"}) == "b"


async def test_an_answer_of_anybody_says_that_it_was_not_us(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(None, **GONE) == "b"
        await request.served()
        request = one.request("b")
        await request.plan()
        assert await request.refused(None, **GONE) == "c"


async def test_an_abort_at_another_says_nothing_of_it(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        assert await request.refused(429, **HOUR) == "b"
        assert await request.refused(None, error_name="AbortError") == "given up"
        assert await one.request().plan() == "b"


async def test_what_is_decided_again_and_again_is_kept_once_and_every_refusal_is(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        requests = [one.request() for _ in range(3)]
        for request in requests:
            await request.plan()
        for request in requests[:2]:
            await request.refused(429, **HOUR)
        for request in requests:
            await request.served()
        found = [(row.reason, row.taken) for row in await one.decisions()]
        assert found == [("refused", target("b"))] * 2 + [("as chosen", target("a"))]


async def test_a_decision_keeps_how_everybody_stood_and_no_more_than_twelve(tmp_path: Path) -> None:
    others = [f"p{number:02}" for number in range(15)]
    async with Flying(tmp_path, "a", *others, providers={"p00": {"enabled": False}}) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.served()
        (decision,) = await one.decisions()
        assert decision.candidates == (
            Candidate(target("a"), "unknown", is_own=True),
            *(Candidate(target(name), "unknown") for name in others[1:12]),
        )


async def test_the_users_own_target_is_asked_whatever_the_catalogue_says_of_it(tmp_path: Path) -> None:
    short = {"target": "a/qwen3-coder", "contextLimit": 10}
    async with Flying(tmp_path, routes=[{"targets": [short, "b/qwen3-coder"]}]) as bed:
        one = await bed.opencode()
        assert [await one.request().plan(), await one.request("b").plan()] == ["a", "b"]


async def test_a_limit_that_is_not_hard_holds_nobody_back_who_is_alone(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", providers={"a": {"limits": {"requestsPerHour": 1}}}) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.served()
        assert await one.request().plan() == "a"


async def test_who_waits_is_no_sooner_back_for_being_at_a_limit(tmp_path: Path) -> None:
    async with Flying(tmp_path, providers={"a": {"limits": {"requestsPerHour": 1}}}) as bed:
        one = await bed.opencode()
        request, other = one.request(), one.request()
        assert [await request.plan(), await other.plan()] == ["a", "a"]
        await other.served()
        assert await request.refused(429, **HOUR) == "b"
        await request.refused(429, headers={"retry-after": "60"})
        assert await one.request().plan() == "b"


async def test_a_toast_tells_of_a_wait_that_nobody_has_told_yet(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        request = one.request()
        await request.plan()
        await request.failure(429, **HOUR)  # and it is never heard of again
        request = other.request()
        assert await request.plan() == "b"
        await request.served()
        assert other.toasts == ["A refuses (quota used up) · back in 1h · going on at B"]


async def test_each_episode_is_told(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        for _ in range(2):
            request = one.request()
            await request.plan()
            await request.refused(429, headers={"retry-after": "60"})
            await request.served()
            bed.clock.now += 61
            request = one.request()
            await request.plan()
            await request.served()
            bed.clock.now += 1
        assert (
            one.toasts
            == [
                "A refuses (rate limit) · back in 1 min · going on at B",
                "A is back · going on there",
            ]
            * 2
        )


@pytest.mark.parametrize("ours", [{"toasts": False}, {"dryRun": True}])
async def test_no_toast_tells_where_none_is_wanted(tmp_path: Path, ours: dict[str, Any]) -> None:
    async with Flying(tmp_path, **ours) as bed:
        one = await bed.opencode()
        request = one.request()
        await request.plan()
        await request.refused(429, headers={"retry-after": "60"})
        await request.served()
        bed.clock.now = NOW + 61
        request = one.request()
        await request.plan()
        await request.served()
        assert one.toasts == []


async def test_when_no_key_is_taken_the_user_reads_what_their_own_provider_says(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        request = (await bed.opencode()).request()
        steps = [await request.plan(), await request.refused(401), await request.refused(401)]
        assert steps == ["a", "b", "given up"]


async def test_receivers_hear_of_each_turn_of_an_episode_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Flying(tmp_path, webhooks=[{"url": "https://hooks.example/x"}]) as bed:
        one, other = await bed.opencode(), await bed.opencode()
        sent: list[Event] = []

        def send(_: object, event: Event) -> None:
            sent.append(event)

        for each in (one, other):
            monkeypatch.setattr(each.application.webhooks, "send", send)
        for each in (one, other):
            request = each.request()
            await request.plan()
            if each is one:
                await request.refused(429, **HOUR)
            await request.served()
        for each in (one, other):
            request = each.request()
            steps = [await request.plan(), *[await request.refused(429, **HOUR) for _ in range(2)]]
            assert steps[-1] == "reply 403"
        bed.clock.now += 3601
        request = one.request()
        await request.plan()
        await request.served()
        why = "quota-exhausted-long"
        assert sent == [
            Event("failover", NOW, "a", sent[0].text, MODEL, why, NOW + 3600),
            Event("exhausted", NOW, "a", sent[1].text, MODEL, why, NOW + 3600),
            Event("recovered", NOW + 3601, "a", "A is back · going on there", MODEL),
        ]
        assert [event.text for event in sent[:2]] == [
            "A refuses (quota used up) · back in 1h · going on at B",
            "Every provider refuses · first back: A, at 01:00, in about an hour",
        ]
