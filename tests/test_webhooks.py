"""Webhooks against receivers on loopback: what arrives, in which order, how often, and what is never said."""

import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest
from structlog.testing import capture_logs

from sidecar import __version__
from sidecar.adapters.secrets import Secret
from sidecar.adapters.webhooks import (
    LAST_S,
    MOST_WAITING,
    TIMEOUT_S,
    Event,
    EventKind,
    Format,
    Hook,
    Webhooks,
    body,
)
from tests.bed.gateways import DEADLINE_S, Gateway
from tests.bed.replies import Fault, Reply, redirect

AT = 1_795_219_200.0
ALL: frozenset[EventKind] = frozenset({"failover", "recovered", "exhausted", "low"})
SECRET = "T0P-S3CR3T-PATH"  # noqa: S105 - of nothing


def event(text: str = "A refuses · going on at B", kind: EventKind = "failover") -> Event:
    return Event(kind, AT, "a", text)


def hook(gateway: Gateway, events: frozenset[EventKind] = ALL, form: Format = "json") -> Hook:
    url = Secret(f"{gateway.origin}/{SECRET}?token={SECRET}")
    return Hook("webhooks[0]", url, form, events, {"x-token": Secret(SECRET)})


class Waits:
    """Stands for the time between tries."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await anyio.lowlevel.checkpoint()


def patient(waits: Waits | None = None) -> Webhooks:
    """Return webhooks whose end waits until all is delivered."""
    return Webhooks(waits or Waits(), DEADLINE_S)


@asynccontextmanager
async def running(webhooks: Webhooks) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(webhooks.run)
        await anyio.wait_all_tasks_blocked()
        yield
        tasks.cancel_scope.cancel()
    await webhooks.aclose()


async def arrived(gateway: Gateway, count: int) -> list[str]:
    """Return the texts that came, once there are so many."""
    await anyio.to_thread.run_sync(lambda: gateway.wait_for_request(lambda _: True, count))
    return [request.json()["text"] for request in gateway.seen()]


def receiver(*answers: Reply) -> Gateway:
    return Gateway().script(f"/{SECRET}", *answers, method="POST")


def test_a_generic_receiver_gets_all_that_is_known() -> None:
    whole = Event("exhausted", AT, "gw-a", "Nobody is left", "m1", "quota-exhausted-long", AT + 60)
    assert body("json", whole).decode() == (
        '{"event":"exhausted","at":"2026-11-21T00:00:00Z","provider":"gw-a","model":"m1",'
        '"class":"quota-exhausted-long","until":"2026-11-21T00:01:00Z","text":"Nobody is left",'
        f'"version":"{__version__}"}}'
    )


def test_what_is_not_known_is_absent() -> None:
    assert body("json", event("Campus is back", "recovered")).decode() == (
        '{"event":"recovered","at":"2026-11-21T00:00:00Z","provider":"a","text":"Campus is back",'
        f'"version":"{__version__}"}}'
    )


def test_slack_gets_a_text_that_can_call_nobody() -> None:
    assert body("slack", event("<!channel> R&D: 'x'")).decode() == (
        """{"text":"&lt;!channel&gt; R&amp;D: 'x'"}"""
    )


async def test_an_event_arrives_with_the_headers_of_its_hook() -> None:
    webhooks = Webhooks()
    with receiver(Reply(204)) as gateway:
        async with running(webhooks):
            webhooks.send([hook(gateway)], event())
            await arrived(gateway, 1)
        (request,) = gateway.requests
    headers = {name: request.headers[name] for name in ("x-token", "content-type", "user-agent", "host")}
    assert headers == {
        "x-token": SECRET,
        "content-type": "application/json",
        "user-agent": f"opencode-quota-sidecar/{__version__}",
        "host": gateway.origin.removeprefix("http://"),
    }
    assert (request.method, request.query, request.body) == ("POST", f"token={SECRET}", body("json", event()))


async def test_a_hook_gets_only_the_events_that_it_wants() -> None:
    webhooks = Webhooks()
    with receiver(Reply(200)) as gateway:
        async with running(webhooks):
            for kind in ("failover", "low", "recovered", "exhausted"):
                webhooks.send([hook(gateway, frozenset({"low", "exhausted"}))], event(kind, kind))
            assert await arrived(gateway, 2) == ["low", "exhausted"]


async def test_events_arrive_in_their_order_also_those_from_before_the_start() -> None:
    webhooks = Webhooks()
    with receiver(Reply(200)) as gateway:
        for number in range(3):
            webhooks.send([hook(gateway)], event(str(number)))
        async with running(webhooks):
            webhooks.send([hook(gateway)], event("3"))
            assert await arrived(gateway, 4) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("fault", [Reply(503), Reply(429), Reply(hold=[Fault.CUT])])
async def test_what_may_pass_is_tried_three_times(fault: Reply) -> None:
    waits = Waits()
    webhooks = patient(waits)
    with receiver(fault, fault, Reply(200)) as gateway:
        with capture_logs() as logs:
            async with running(webhooks):
                webhooks.send([hook(gateway)], event())
        assert (len(gateway.requests), waits.asked, logs) == (3, [1.0, 5.0], [])


async def test_after_three_tries_the_next_event_has_its_turn() -> None:
    webhooks = patient()
    with receiver(Reply(500), Reply(500), Reply(502), Reply(200)) as gateway:
        with capture_logs() as logs:
            async with running(webhooks):
                webhooks.send([hook(gateway)], event("lost"))
                webhooks.send([hook(gateway)], event("kept"))
        texts = [request.json()["text"] for request in gateway.requests]
    assert texts == ["lost", "lost", "lost", "kept"]
    assert logs == [
        {"log_level": "warning", "event": "webhook.failed", "hook": "webhooks[0]",
         "webhook_event": "failover", "why": "status 502"}
    ]  # fmt: skip


@pytest.mark.parametrize("refusal", [Reply(404), Reply(401), redirect("http://127.0.0.1:1/elsewhere")])
async def test_a_refusal_for_good_is_tried_once(refusal: Reply) -> None:
    webhooks = patient()
    with receiver(refusal) as gateway:
        with capture_logs() as logs:
            async with running(webhooks):
                webhooks.send([hook(gateway)], event())
        assert len(gateway.requests) == 1
    assert [row["why"] for row in logs] == [f"status {refusal.status}"]


@pytest.mark.parametrize("url", ["http://169.254.169.254/x", "http://93.184.216.34/x", "ftp://127.0.0.1/x"])
async def test_no_address_is_called_that_is_not_allowed(url: str) -> None:
    webhooks = patient()
    with capture_logs() as logs:
        async with running(webhooks):
            webhooks.send([Hook("webhooks[0]", Secret(url), "json", ALL)], event())
    assert [row["why"] for row in logs] == ["UrlRefusedError"]


async def test_a_slow_receiver_holds_nobody_up() -> None:
    webhooks, open_it = Webhooks(), threading.Event()
    with receiver(Reply(200, hold=[open_it])) as slow, receiver(Reply(200)) as quick:
        async with running(webhooks):
            webhooks.send([hook(slow), hook(quick)], event("1"))
            await arrived(slow, 1)
            webhooks.send([hook(slow), hook(quick)], event("2"))
            assert await arrived(quick, 2) == ["1", "2"]
            assert len(slow.requests) == 1
            open_it.set()
            assert await arrived(slow, 2) == ["1", "2"]


async def test_of_more_than_a_hundred_that_wait_the_oldest_are_dropped_with_a_word() -> None:
    webhooks = Webhooks()
    with receiver(Reply(200)) as gateway:
        with capture_logs() as logs:
            for number in range(MOST_WAITING + 2):
                webhooks.send([hook(gateway)], event(str(number)))
        async with running(webhooks):
            texts = await arrived(gateway, MOST_WAITING)
    assert texts == [str(number) for number in range(2, MOST_WAITING + 2)]
    dropped = {
        "log_level": "warning", "event": "webhook.dropped", "hook": "webhooks[0]", "webhook_event": "failover"
    }  # fmt: skip
    assert logs == [dropped, dropped]


async def test_what_was_sent_just_before_the_end_still_arrives() -> None:
    webhooks = patient()
    with receiver(Reply(200)) as gateway:
        async with running(webhooks):
            webhooks.send([hook(gateway)], event("last words"))
        assert [request.json()["text"] for request in gateway.requests] == ["last words"]


async def test_the_end_waits_for_no_receiver_that_hangs() -> None:
    webhooks = Webhooks()
    with receiver(Reply(hold=[Fault.STALL])) as gateway:
        began = anyio.current_time()
        async with running(webhooks):
            webhooks.send([hook(gateway)], event())
            await arrived(gateway, 1)
            began = anyio.current_time()
        took = anyio.current_time() - began
    assert LAST_S <= took < TIMEOUT_S


async def test_no_log_holds_the_address_or_a_header(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    webhooks = patient()
    echo = Reply(500, SECRET.encode(), {"x-echo": SECRET})
    with receiver(echo, Reply(hold=[Fault.CUT]), redirect(f"/{SECRET}")) as gateway:
        async with running(webhooks):
            webhooks.send([hook(gateway)], event())
    said = capfd.readouterr()
    assert "webhook.failed" in said.out + said.err
    assert SECRET not in said.out + said.err
    assert SECRET not in repr(hook(gateway))
    own = [record.getMessage() for record in caplog.records if record.name.startswith("sidecar")]
    assert not [text for text in own if SECRET in text]
