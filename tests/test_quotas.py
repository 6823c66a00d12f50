"""What is left at gateways: from the cache, or asked once, by one task of one process."""

import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter, time

import anyio
import msgspec
import pytest

from sidecar.adapters.store import PutQuota, QuotaError, QuotaSnapshot
from sidecar.core.account import account_of
from sidecar.core.forecast import Trail
from sidecar.core.freshness import may_still_be_shown
from sidecar.quota.windows import Window
from sidecar.services.quotas import FETCH_CLAIM_S, Freshness
from tests.asking import CACHED, NEUTRAL, NOTHING, NOW, REFRESH, Bench, arrived, configured, left
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.processes import wait_until
from tests.bed.program import patched, run
from tests.bed.replies import Fault, Received, Reply
from tests.bed.sidecar import Sidecar

HASTY = Freshness(cache_s=60, timeout_s=0.2)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path / "state") as one:
        yield one


async def test_a_reply_is_shown_for_sixty_seconds_and_then_asked_for_again(
    bench: Bench, gateway: Gateway
) -> None:
    gateway.script("/v1/quota", left(9), left(8))
    one = configured(gateway)
    assert [await bench.left(one), await bench.left(one)] == [9, 9]
    bench.clock.now += 59
    assert (await bench.left(one), len(gateway.requests)) == (9, 1)
    bench.clock.now += 1
    assert (await bench.left(one), len(gateway.requests)) == (8, 2)


async def test_a_snapshot_holds_what_was_read_and_when(bench: Bench, gateway: Gateway) -> None:
    gateway.quota({"key": "campus pool", "cost": {"currency": "EUR", "limit": 10, "used": 4}})
    snapshot = await bench.read(configured(gateway))
    assert snapshot == QuotaSnapshot(
        windows=(Window("cost", "cost", 10, 4, 6, 60.0, currency="EUR"),),
        account_name="campus pool",
        read_at=snapshot.read_at,
        attempted_at=snapshot.read_at or 0.0,
        trail={"cost:cost:EUR": Trail(((int(NOW), 6000),))},
    )
    assert NOW < (snapshot.read_at or 0.0) < NOW + 1


async def test_what_was_read_before_is_followed_also_past_an_error(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", left(9), Reply(401), left(8), left(10))
    one, trails = configured(gateway), list[Trail]()
    for _ in range(4):
        trails += (await bench.read(one)).trail.values()
        bench.clock.now += 120
    before = ((NOW, 900), (NOW + 240, 800))
    assert [trail.points for trail in trails] == [before[:1], before[:1], before, ((NOW + 360, 1000),)]


async def test_refresh_asks_although_the_cache_is_fresh(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", left(9), left(8))
    one = configured(gateway)
    assert [await bench.left(one), await bench.left(one, REFRESH)] == [9, 8]


async def test_a_service_that_wants_to_be_asked_seldom_is_not_asked_sooner_for_a_refresh_or_an_error(
    bench: Bench, gateway: Gateway
) -> None:
    seldom = msgspec.structs.replace(NEUTRAL, every="5m")
    gateway.script("/v1/quota", left(9), Reply(401), left(7))
    one = msgspec.structs.replace(configured(gateway), mapping=seldom)
    assert await bench.left(one) == 9
    bench.clock.now += 299
    assert (await bench.left(one, REFRESH), len(gateway.requests)) == (9, 1)
    bench.clock.now += 1
    assert ((await bench.read(one)).error, len(gateway.requests)) == (QuotaError("status", 401), 2)
    bench.clock.now += 299
    assert (await bench.left(one, REFRESH), len(gateway.requests)) == (9, 2)
    bench.clock.now += 1
    assert (await bench.left(one), len(gateway.requests)) == (7, 3)


async def test_a_clock_that_was_set_back_does_not_freeze_the_figures(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", left(9), left(8))
    one = configured(gateway)
    assert await bench.left(one) == 9
    bench.clock.now -= 86_400
    assert await bench.left(one) == 8


async def test_many_who_ask_at_once_share_one_fetch(bench: Bench, gateway: Gateway) -> None:
    go = threading.Event()
    gateway.script("/v1/quota", Reply(200, left(7).body, hold=(go,)))
    one, answers = configured(gateway), list[object]()

    async def ask(how: Freshness) -> None:
        answers.append(await bench.left(one, how))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(ask, REFRESH if number % 2 else CACHED)
        await anyio.to_thread.run_sync(arrived, gateway)
        go.set()
    assert (answers, len(gateway.requests)) == ([7] * 20, 1)


async def test_each_account_and_url_is_asked_for_itself(
    bench: Bench, new_gateway: Callable[[], Gateway]
) -> None:
    first, second = new_gateway().quota({"tokens": {"remaining": 1}}), new_gateway()
    second.quota({"tokens": {"remaining": 2}})
    ones = [
        configured(first, "key-of-alice-0123456789"),
        configured(first, "key-of-bob-0123456789abc"),
        configured(second),
    ]
    found = await bench.quotas.read(ones, CACHED)
    assert [found[one.key()].windows[0].remaining for one in ones] == [1, 1, 2]
    keys = {request.headers["authorization"] for request in first.requests}
    assert keys == {"Bearer key-of-alice-0123456789", "Bearer key-of-bob-0123456789abc"}


NOTING_CLAIMS = patched(
    "import os, sidecar.adapters.sqlite_store as module\n"
    "claim = module.SqliteStore.claim\n"
    "async def noted(self, *args):\n"
    "    granted = await claim(self, *args)\n"
    "    os.write(2, b'won\\n' if granted else b'lost\\n')\n"
    "    return granted\n"
    "module.SqliteStore.claim = noted",
    "serve",
)
"""The same program, telling on stderr how each of its claims went."""


def test_two_processes_fetch_once_and_the_loser_shows_the_winners_row(home: Home, gateway: Gateway) -> None:
    go = threading.Event()
    gateway.script("/v1/quota", Reply(200, left(7).body, hold=(go,)))
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url})
    with (
        Sidecar(home.env, home.path, NOTING_CLAIMS) as first,
        Sidecar(home.env, home.path, NOTING_CLAIMS) as second,
    ):
        first.open(home.project)
        second.open(home.project)
        begun = [(one, one.begin_command(home.project, "refresh")) for one in (first, second)]
        gateway.wait_for_request(lambda _: True)
        wait_until(lambda: "lost" in first.log + second.log, "the other has lost the claim")
        go.set()
        texts = [one.answer(request_id)["text"] for one, request_id in begun]
    assert ["7 of 100 left" in text for text in texts] == [True, True]
    assert len(gateway.requests) == 1


async def test_who_gets_the_claim_right_after_another_looks_again_before_asking(
    bench: Bench, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, claim = configured(gateway), bench.store.claim

    async def after_another(key: str, owner: str, ttl_s: float, now: float) -> bool:
        row = QuotaSnapshot((Window("tokens", "tokens", remaining=6),), read_at=now, attempted_at=now)
        await bench.store.apply([PutQuota(one.key(), row)])
        return await claim(key, owner, ttl_s, now)

    monkeypatch.setattr(bench.store, "claim", after_another)
    assert (await bench.left(one), await bench.left(one, REFRESH), gateway.requests) == (6, 6, [])


def test_when_a_process_dies_in_a_fetch_the_next_one_asks_after_its_claim(
    home: Home, gateway: Gateway
) -> None:
    gateway.script("/v1/quota", Reply(hold=(Fault.STALL,)), left(7))
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url}, quotaTimeoutS=0.5)
    with Sidecar(home.env, home.path) as first, Sidecar(home.env, home.path) as second:
        first.open(home.project)
        second.open(home.project)
        first.begin_command(home.project)
        gateway.wait_for_request(lambda _: True)
        first.process.kill()
        first.process.wait()
        asked_at = perf_counter()
        second.command(home.project)
        assert (len(gateway.requests), perf_counter() - asked_at < FETCH_CLAIM_S) == (1, True)


async def test_a_dead_holders_claim_ends_by_itself(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", left(7))
    one = configured(gateway)
    assert await bench.store.claim(f"fetch:{one.key().digest()}", "dead", FETCH_CLAIM_S, bench.clock())
    assert (await bench.read(one, how=HASTY), len(gateway.requests)) == (NOTHING, 0)
    bench.clock.now += FETCH_CLAIM_S
    assert (await bench.left(one), len(gateway.requests)) == (7, 1)


async def test_a_caller_who_gives_up_leaves_no_claim_behind(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(hold=(Fault.STALL,)), left(7))
    one = configured(gateway)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.read, one)
        await anyio.to_thread.run_sync(arrived, gateway)
        tasks.cancel_scope.cancel()
    assert (await bench.left(one), len(gateway.requests)) == (7, 2)


@pytest.mark.parametrize("turns", range(6))
async def test_wherever_a_caller_gives_up_the_next_one_is_served(
    bench: Bench, gateway: Gateway, turns: int
) -> None:
    gateway.script("/v1/quota", left(7))
    one = configured(gateway)
    await bench.store.load(NOW)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.read, one)
        for _ in range(turns * turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert await bench.left(one) == 7
    assert bench.store.trouble is None


def test_an_old_value_may_be_shown_until_its_reset_has_passed() -> None:
    assert may_still_be_shown(NOW, NOW + 5, NOW + 4.9)
    assert not may_still_be_shown(NOW, NOW + 5, NOW + 5)


async def test_fifty_slow_gateways_are_asked_at_once(bench: Bench, gateway: Gateway) -> None:
    all_there = threading.Barrier(50)

    def together(_: Received) -> Reply:
        all_there.wait(20)
        return left(1)

    ones = [
        msgspec.structs.replace(configured(gateway), account=account_of(f"p{n}", gateway.origin, None))
        for n in range(50)
    ]
    gateway.script("/v1/quota", together)
    found = await bench.quotas.read(ones, CACHED)
    assert ([snapshot.error for snapshot in found.values()], len(found)) == ([None] * 50, 50)


async def test_a_row_of_another_version_without_windows_is_no_error(bench: Bench, gateway: Gateway) -> None:
    one = configured(gateway.script("/v1/quota", left(3)))
    await bench.store.apply([PutQuota(one.key(), QuotaSnapshot())])
    assert await bench.left(one) == 3


def test_the_command_line_shares_the_servers_cache(home: Home, gateway: Gateway) -> None:
    gateway.script("/v1/quota", left(7))
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url})
    started = time()
    for _ in range(2):
        assert "7 of 100 left" in run(home, "status").stdout
    assert len(gateway.requests) == 1 or time() - started > 60
