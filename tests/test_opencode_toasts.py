"""Toasts in the real OpenCode: exactly those that are promised, with two of them open, and no chat waits."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import anyio
import msgspec
import pytest

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import PutQuota, State
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.opencode import START_S, Serve, no_session_error, run, text_of
from tests.bed.processes import living_under, wait_until
from tests.bed.replies import json_reply
from tests.bed.tui import Tui

PROVIDER: Final = "campus"
ENTRY: Final = {"providerId": PROVIDER, "label": "Campus gateway"}
ANSWER: Final = "A fine answer."
OLD_S: Final = 3600.0

LOW: Final = "Campus gateway, cost: 18% left ($9.00 of $50.00)\nresets in 9d 23h"
LOWER: Final = "Campus gateway, cost: 4% left ($2.00 of $50.00)\nresets in 9d 23h"
BACK: Final = "Campus gateway, cost: back with 100% left\nresets in 9d 23h"
ONE_THING: Final = "One thing to mend in the configuration:\n/quota_status says what and where."


@cache
def reset() -> str:
    """Return one instant for all tests of this file, of which the first has just begun."""
    return (datetime.now(UTC) + timedelta(days=9, hours=23, minutes=40)).isoformat(timespec="seconds")


def left(percent: float) -> dict[str, Any]:
    return {"cost": {"currency": "USD", "limit": 50, "remaining": percent / 2, "resets_at": reset()}}


@pytest.fixture
def configured(home: Home, gateway: Gateway) -> Home:
    gateway.quota(left(50)).models(ANSWER)
    home.write_opencode({PROVIDER: provider(gateway.base_url)})
    home.write_gateways(ENTRY)
    return home


@pytest.fixture
def open_serve(configured: Home) -> Iterator[Callable[[], Serve]]:
    """Start as many OpenCodes in the one home as a test needs; all are ended."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Serve(configured))


def chat(serve: Serve, session: str) -> None:
    assert text_of(serve.send(session, "Say something fine.", PROVIDER)) == ANSWER


def shown(*serves: Serve) -> list[str]:
    """Return what all toasts said that were ever shown."""
    return [toast["message"] for serve in serves for toast in serve.events.of("tui.toast.show")]


def stored(home: Home, change: Callable[[State], list[PutQuota]]) -> State:
    """Return what the sidecars of this home have stored, after a change to it."""

    async def look() -> State:
        store = SqliteStore(home.state, time.time)
        try:
            await store.apply(change(await store.load(time.time())))
            return await store.load(time.time())
        finally:
            await store.aclose()

    return anyio.run(look)


def grow_old(home: Home) -> None:
    """Let every reading be from an hour ago, as it would be after an hour in which nobody looked."""

    def aged(state: State) -> list[PutQuota]:
        return [
            PutQuota(key, msgspec.structs.replace(row, read_at=then, attempted_at=then))
            for key, row in state.quotas.items()
        ]

    then = time.time() - OLD_S
    stored(home, aged)


def wait_until_asked(home: Home) -> None:
    """Wait until a fresh reading is stored; it is judged a moment later."""

    def is_fresh() -> bool:
        rows = stored(home, lambda _: []).quotas.values()
        return any(time.time() - row.attempted_at < OLD_S / 2 for row in rows)

    wait_until(is_fresh, "somebody has asked the gateway")


def wait_until_judged(home: Home, level: float) -> None:
    """Wait until somebody has noted that so much is left, which nobody is told."""
    wait_until(
        lambda: [mark.level for mark in stored(home, lambda _: []).marks.values()] == [level],
        f"it is known that {level} % are left",
    )


def sidecars(home: Home) -> list[int]:
    return [pid for pid, command in living_under(home.path).items() if "-m sidecar serve" in command]


def test_a_gateway_that_drains_under_two_opencodes_gives_exactly_the_promised_toasts(
    configured: Home, gateway: Gateway, open_serve: Callable[[], Serve]
) -> None:
    one, other = open_serve(), open_serve()
    sessions = [(serve, serve.create_session()) for serve in (one, other)]
    told: list[str] = []

    def drain(percent: float, *expected: str) -> None:
        gateway.quota(left(percent))
        grow_old(configured)
        before = len(gateway.seen("/v1/quota"))
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(chat, *zip(*sessions, strict=True)))
        wait_until_asked(configured)
        told.extend(expected)
        wait_until(lambda: len(shown(one, other)) >= len(told), f"{expected} at {percent} %")
        assert sorted(shown(one, other)) == sorted(told)
        assert len(gateway.seen("/v1/quota")) == before + 1

    with no_session_error(one), no_session_error(other):
        drain(50)
        drain(18, LOW)
        drain(17)
        drain(4, LOWER)
        drain(0)
        wait_until_judged(configured, 0)
        drain(100, BACK)
        gateway.quota(left(18))
        grow_old(configured)
        chat(other, other.create_session(parentID=sessions[0][1]))
        theirs = shown(other)
        chat(*sessions[0])
        told.append(LOW)
        wait_until(lambda: len(shown(one, other)) >= len(told), "the toast after the user's own session")
        assert shown(other) == theirs, "a subagent's rest tells nothing"
        configured.write_gateways(ENTRY, widht=60)
        drain(17, ONE_THING)
        configured.write_gateways(ENTRY, widht=60, toasts=False)
        gateway.quota(left(4))
        grow_old(configured)
        for serve, session in sessions:
            chat(serve, session)
            assert "4%" in text_of(serve.command(session, "quota_status", provider=PROVIDER))
        assert sorted(shown(one, other)) == sorted(told)
    variants = {toast["message"]: toast["variant"] for toast in (
        *one.events.of("tui.toast.show"), *other.events.of("tui.toast.show")
    )}  # fmt: skip
    assert variants == {LOW: "warning", LOWER: "error", BACK: "success", ONE_THING: "warning"}


def test_no_chat_waits_for_a_look_and_after_an_error_there_is_one_toast(
    configured: Home, gateway: Gateway, open_serve: Callable[[], Serve]
) -> None:
    go_on = threading.Event()
    gateway.script("/v1/quota", replace(json_reply(left(18)), hold=[go_on]))
    serve = open_serve()
    session = serve.create_session()
    chat(serve, session)
    gateway.wait_for_request(lambda request: request.path == "/v1/quota")
    chat(serve, session)
    gateway.script("/v1/chat/completions", json_reply({"error": {"message": "no"}}, 400), method="POST")
    posted = serve.send(session, "Fail.", PROVIDER)
    assert posted["info"]["error"]["data"]["message"] == "no"
    assert shown(serve) == []
    go_on.set()
    serve.events.wait_for("tui.toast.show")
    grow_old(configured)
    serve.send(session, "Fail again.", PROVIDER)
    serve.events.wait_for("session.idle", lambda event: event["sessionID"] == session, 4)
    wait_until_asked(configured)
    assert shown(serve) == [LOW]
    assert len(gateway.seen("/v1/quota")) == 2


def test_where_one_sidecar_is_stopped_the_other_tells(
    configured: Home, gateway: Gateway, open_serve: Callable[[], Serve]
) -> None:
    one = open_serve()
    chat(one, one.create_session())
    wait_until_asked(configured)
    stopped = sidecars(configured)
    other = open_serve()
    chat(other, other.create_session())
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    gateway.quota(left(18))
    grow_old(configured)
    chat(other, other.create_session())
    assert other.events.wait_for("tui.toast.show")["message"] == LOW
    chat(one, one.create_session())
    assert shown(one) == []


def test_a_turn_that_nobody_watches_leaves_the_toast_to_the_next_screen(
    configured: Home, gateway: Gateway
) -> None:
    configured.write_gateways(ENTRY, widht=60)
    gateway.quota(left(18))
    assert ANSWER in run(configured, "Say something fine.").stdout
    assert gateway.seen("/v1/quota") == []
    with Tui(configured, columns=100) as tui:
        tui.wait_for("One thing to mend in the configuration:")
        tui.write("hello")
        tui.press("enter")
        tui.wait_for("Campus gateway, cost: 18% left ($9.00 of $50.00)", START_S)
        assert "resets in 9d 23h" in tui.text
