"""What several OpenCodes find out at the same moment is told by one of them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sidecar.adapters.store import State
from sidecar.adapters.webhooks import Event
from tests.flying import Flying, Opencode, Request

pytestmark = pytest.mark.anyio

HOUR = {"headers": {"retry-after": "3600"}}


class Told:
    """Several OpenCodes, and what receivers hear of them."""

    def __init__(self, bed: Flying, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bed = bed
        self._patch = monkeypatch
        self.events: list[str] = []

    async def opencode(self) -> Opencode:
        one = await self._bed.opencode()

        def send(_: object, event: Event) -> None:
            self.events.append(event.kind)

        self._patch.setattr(one.application.webhooks, "send", send)
        return one

    async def refused_at_once(self, one: Opencode, other: Opencode) -> tuple[Request, Request]:
        """Let one provider refuse a request of each, the first one's just after the other has looked."""
        first, second = one.request(session="ses_1"), other.request(session="ses_2")
        assert [await first.plan(), await second.plan()] == ["a", "a"]
        self._after_a_look(other, lambda: first.refused(429, **HOUR))
        assert await second.refused(429, **HOUR) == "b"
        return first, second

    def _after_a_look(self, one: Opencode, happens: Callable[[], Awaitable[object]]) -> None:
        """Let something happen a moment after *one* has looked at the disk for the next time."""
        store, waiting = one.application.store, [happens]
        load = store.load

        def nothing(_: float) -> None:
            return None

        async def late(now: float, within_s: float | None = None) -> State:
            state = await load(now, within_s)
            while waiting:
                self._bed.clock.now += 0.002
                await waiting.pop()()
            return state

        self._patch.setattr(store, "fresh", nothing)
        self._patch.setattr(store, "load", late)


async def test_a_refusal_that_two_meet_at_once_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Flying(tmp_path, webhooks=[{"url": "https://hooks.example/x"}]) as bed:
        told = Told(bed, monkeypatch)
        one, other = await told.opencode(), await told.opencode()
        first, second = await told.refused_at_once(one, other)
        await first.served()
        await second.served()
        assert one.toasts == ["A refuses (quota used up) · back in 1h · going on at B"]
        assert (other.toasts, told.events) == ([], ["failover"])


async def test_that_nobody_is_left_is_told_once_by_two_who_see_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Flying(tmp_path, webhooks=[{"url": "https://hooks.example/x"}]) as bed:
        told = Told(bed, monkeypatch)
        one, other = await told.opencode(), await told.opencode()
        first, second = await told.refused_at_once(one, other)
        for request in (first, second):
            assert await request.refused(429, **HOUR) == "reply 403"
        assert told.events == ["exhausted"]
        assert (one.toasts, other.toasts) == ([], [])
