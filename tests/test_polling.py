"""What is asked before anybody wants to know: when, how often, by how many, and what holds it back."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from sidecar.adapters.catalogue import NOTHING
from sidecar.adapters.config import Config
from sidecar.adapters.gateway import Gateway as Configured
from sidecar.adapters.store import PutQuota, QuotaError, QuotaSnapshot
from sidecar.core.account import account_of
from sidecar.core.freshness import HEARD_IN_PART_S, HEARD_S, NARROW_POLL_S, POLL_S
from sidecar.quota.windows import Window
from sidecar.services.polling import JITTER, Polling
from sidecar.services.workspaces import Workspace
from tests.asking import Bench, arrived
from tests.bed.gateways import DEADLINE_S, Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.replies import Reply, json_reply
from tests.bed.sidecar import Sidecar
from tests.machine import KEY_A, Machine

PRESET = """
base_url = "{origin}"
providers = ["plan"]
{more}
[[requests]]
path = "/usage"
[[windows]]
name = "5h"
unit = "percent"
period = "5h"
percent_used = "body.five"
[[windows]]
name = "7d sonnet"
unit = "percent"
period = "7d"
models = ["*sonnet*"]
percent_used = "body.sonnet"
"""


class Polled:
    """A plan on loopback that somebody has a key for, one process that polls it, and a clock."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.bench = Bench(folder / "state")
        self.machine = Machine(folder)
        self.machine.environ["PLAN_API_KEY"] = KEY_A
        self.gateway = gateway.script("/usage", json_reply({"five": 40}))
        self.draws: list[float] = []
        self.polling = self.another()

    def another(self) -> Polling:
        return Polling(self.bench.quotas, lambda: self.draws.pop(0) if self.draws else 0.0)

    def preset(self, more: str = "") -> None:
        folder = self.machine.config / "quota-presets"
        folder.mkdir(exist_ok=True)
        (folder / "plan.toml").write_text(PRESET.format(origin=self.gateway.origin, more=more))

    async def nudge(self, *provider_ids: str, **more: Any) -> int:
        """Let a turn begin at these providers; return how many requests there were by then."""
        polling: Polling = more.get("by", self.polling)
        await polling.nudge(await self.place(), provider_ids or ("plan",))
        return len(self.gateway.requests)

    async def place(self) -> Workspace:
        return Workspace(str(self.machine.project), await self.config(), NOTHING)

    async def config(self) -> Config:
        return await anyio.to_thread.run_sync(self.machine.load)

    async def only(self) -> Configured:
        (found,) = (await self.config()).gateways
        return found

    async def snapshot(self) -> QuotaSnapshot:
        state = await self.bench.store.load(self.bench.clock.now)
        return state.quotas[(await self.only()).key()]

    async def hear(self, *windows: Window) -> None:
        """Let ordinary answers tell these windows of the account."""
        account = account_of("plan", "", KEY_A)
        mapping = (await self.only()).mapping
        listener = Configured("plan", "plan", mapping, account)
        now = self.bench.clock.now
        await self.bench.store.apply(
            [PutQuota(listener.key(), QuotaSnapshot(windows, read_at=now, attempted_at=now))]
        )

    def later(self, seconds: float) -> None:
        self.bench.clock.now += seconds


@pytest.fixture
async def polled(tmp_path: Path, gateway: Gateway) -> AsyncIterator[Polled]:
    one = Polled(tmp_path, gateway)
    one.preset()
    async with one.bench:
        yield one


FIVE = Window("5h", "percent", percent_remaining=60.0, period_s=18_000)
SONNET = Window("7d sonnet", "percent", percent_remaining=90.0, period_s=604_800, models=("*sonnet*",))


async def test_it_is_asked_at_once_and_then_every_five_minutes_at_most(polled: Polled) -> None:
    assert [await polled.nudge(), await polled.nudge()] == [1, 1]
    polled.later(POLL_S - 1)
    assert await polled.nudge() == 1
    polled.later(1)
    assert await polled.nudge() == 2
    assert [window.percent_remaining for window in (await polled.snapshot()).windows] == [60.0]


@pytest.mark.parametrize(
    ("used", "wait_s"), [(69, POLL_S), (70, NARROW_POLL_S), (99, NARROW_POLL_S), (100, POLL_S)]
)
async def test_of_who_has_little_left_it_is_asked_more_often(
    polled: Polled, used: int, wait_s: float
) -> None:
    polled.gateway.script("/usage", json_reply({"five": used}))
    await polled.nudge()
    polled.later(wait_s - 1)
    assert await polled.nudge() == 1
    polled.later(1)
    assert await polled.nudge() == 2


async def test_an_interval_is_drawn_once_for_each_attempt(polled: Polled) -> None:
    polled.draws = [0.5, 1.0]
    await polled.nudge()
    first_s, second_s = (POLL_S * (1 + JITTER * drawn) for drawn in (1.0, 0.0))
    polled.later(first_s - 1)
    assert [await polled.nudge() for _ in range(3)] == [1, 1, 1]
    polled.later(1)
    assert await polled.nudge() == 2
    polled.later(second_s)
    assert await polled.nudge() == 3


async def test_what_a_preset_or_the_user_wants_is_heeded_if_it_is_slower(polled: Polled) -> None:
    polled.preset('every = "20m"')
    await polled.nudge()
    polled.later(1199)
    assert await polled.nudge() == 1
    polled.later(1)
    assert await polled.nudge() == 2
    polled.machine.write(polled.machine.ours, {"quotaCacheS": 7200})
    polled.later(7199)
    assert await polled.nudge() == 2
    polled.later(1)
    assert await polled.nudge() == 3


async def test_only_providers_that_a_turn_may_go_to_are_asked(polled: Polled) -> None:
    assert await polled.nudge("another") == 0
    polled.machine.write(polled.machine.ours, {"enabled": False})
    assert await polled.nudge() == 0


async def test_what_answers_have_told_is_not_asked_for(polled: Polled) -> None:
    await polled.hear(FIVE)
    assert await polled.nudge() == 0
    polled.later(HEARD_S + 1)
    assert await polled.nudge() == 1


@pytest.mark.parametrize(
    "window",
    [
        Window("requests", "requests", percent_remaining=60.0, period_s=60),
        Window("5h", "percent", percent_remaining=60.0, period_s=18_000, models=()),
        Window("balance", "cost", remaining=12),
    ],
    ids=["of a minute", "only shown", "without a share"],
)
async def test_what_says_nothing_of_the_plan_spares_no_request(polled: Polled, window: Window) -> None:
    await polled.hear(window)
    assert await polled.nudge() == 1


async def test_of_a_plan_whose_other_windows_nobody_tells_it_is_asked(polled: Polled) -> None:
    await polled.nudge()
    polled.later(POLL_S)
    await polled.hear(Window("week", "percent", percent_remaining=60.0, period_s=604_800))
    assert await polled.nudge() == 2


async def test_limits_of_some_models_that_answers_do_not_tell_are_asked_for_once_an_hour(
    polled: Polled,
) -> None:
    polled.gateway.script("/usage", json_reply({"five": 40, "sonnet": 10}))
    await polled.nudge()
    polled.later(HEARD_IN_PART_S - 60)
    await polled.hear(FIVE)
    assert await polled.nudge() == 1
    polled.later(61)
    assert await polled.nudge() == 2
    polled.later(HEARD_IN_PART_S + 60)
    await polled.hear(FIVE, SONNET)
    assert await polled.nudge() == 2


async def test_a_report_asks_although_answers_have_told(polled: Polled) -> None:
    await polled.hear(FIVE)
    assert await polled.bench.left(await polled.only()) is None
    assert len(polled.gateway.requests) == 1


@pytest.mark.parametrize(
    ("more", "waits"),
    [
        ('every = "5m"\nbackoff = "6h"', [300, 600, 1200, 2400, 4800, 9600, 19_200, 21_600, 21_600]),
        ("", [30, 60, 120, 240, 480, 900, 900]),
    ],
    ids=["a service known for it", "any other"],
)
async def test_refused_for_too_many_requests_it_waits_twice_as_long_each_time(
    polled: Polled, more: str, waits: list[float]
) -> None:
    polled.preset(more)
    polled.gateway.script("/usage", Reply(429, b"{}", {"retry-after": "0"}))
    for count, wait_s in enumerate(waits, 1):
        assert await polled.nudge() == count
        told = await polled.snapshot()
        assert told.error == QuotaError("status", 429)
        assert told.retry_at is not None
        assert round(told.retry_at - told.attempted_at) == wait_s
        polled.later(max(wait_s, POLL_S) - 1)
        assert await polled.nudge() == count
        polled.later(1.01)


async def test_a_wait_that_is_stated_is_kept(polled: Polled) -> None:
    polled.gateway.script("/usage", Reply(429, b"{}", {"retry-after": "7999"}))
    await polled.nudge()
    polled.later(7998)
    assert await polled.nudge() == 1
    polled.later(2)
    assert await polled.nudge() == 2


async def test_a_fault_of_the_service_waits_as_long_as_any(polled: Polled) -> None:
    polled.preset('backoff = "6h"')
    polled.gateway.script("/usage", Reply(503))
    for _ in range(12):
        await polled.nudge()
        polled.later(901)
    told = await polled.snapshot()
    assert told.retry_at is not None
    assert round(told.retry_at - told.attempted_at) == 900


async def test_of_many_turns_and_processes_one_asks_and_the_others_do_not_wait(polled: Polled) -> None:
    go, second = threading.Event(), Bench(polled.machine.home.parent / "state")
    second.clock = polled.bench.clock
    other = Polling(second.quotas, lambda: 0.0)
    polled.gateway.script("/usage", Reply(200, json_reply({"five": 40}).body, hold=(go,)))
    async with second:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(polled.nudge)
            await anyio.to_thread.run_sync(arrived, polled.gateway)
            with anyio.fail_after(DEADLINE_S):  # while the first waits for its answer
                assert [await polled.nudge(), await polled.nudge(by=other)] == [1, 1]
            go.set()
        polled.later(10)
        assert await polled.nudge(by=other) == 1


async def test_nothing_is_thrown_whatever_fails(polled: Polled, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> float:
        raise RuntimeError("the store is gone")

    monkeypatch.setattr(polled.bench.quotas, "last", fail)
    assert await polled.nudge() == 0
    monkeypatch.undo()
    assert await polled.nudge() == 1
    polled.gateway.go_down()
    polled.later(POLL_S)
    assert await polled.nudge() == 1
    assert (await polled.snapshot()).error == QuotaError("connect")


def test_a_turn_lets_those_be_asked_that_it_may_go_to_and_does_not_wait(
    home: Home, child: Sidecar, new_gateway: Callable[[], Gateway]
) -> None:
    go, gateways = threading.Event(), {name: new_gateway() for name in ("alpha", "beta", "other")}
    for gateway in gateways.values():
        gateway.script("/v1/quota", Reply(200, b'{"tokens": {"remaining": 1}}', hold=(go,)))
    home.write_opencode({name: provider(gateway.base_url) for name, gateway in gateways.items()})
    home.write_gateways(*({"providerId": name} for name in gateways))
    child.initialize()
    models = {"alpha": MODEL, "beta": MODEL, "other": "another-model"}
    offered = [{"id": name, "models": [{"id": model}]} for name, model in models.items()]
    child.ask("workspace/open", directory=str(home.project), providers=offered)
    turn = {"directory": str(home.project), "sessionId": "ses_1", "agent": "build"}
    assert child.ask("turn/route", **turn, target={"providerId": "other", "modelId": "another-model"}) == {}
    assert child.ask("turn/route", **turn, target={"providerId": "alpha", "modelId": MODEL}) == {}
    for name in ("alpha", "beta"):
        gateways[name].wait_for_request(lambda request: request.path == "/v1/quota")
    assert gateways["other"].requests == []
    go.set()
