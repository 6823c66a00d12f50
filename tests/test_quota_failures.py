"""What becomes of figures when a gateway fails, wants patience, or says what nobody may read."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sidecar.adapters.store import QuotaError, QuotaSnapshot
from sidecar.quota.mapping_checks import from_data
from sidecar.quota.windows import Window
from sidecar.services.quotas import Freshness
from tests.asking import CACHED, NOW, REFRESH, Bench, configured, left
from tests.bed.gateways import Gateway
from tests.bed.replies import Fault, Reply, json_reply

LEFT = {"name": "left", "unit": "credits", "remaining": "body.left"}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path / "state") as one:
        yield one


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        (Reply(401), "status", 401),
        (Reply(200, b"<html>"), "not-json", 200),
        (json_reply({"hello": "world"}), "no-window", 200),
        (Reply(hold=(Fault.CUT,)), "protocol", None),
    ],
)
async def test_an_error_keeps_the_last_good_value_and_is_tried_again_after_ten_seconds(
    bench: Bench, gateway: Gateway, reply: Reply, kind: str, status: int | None
) -> None:
    gateway.script("/v1/quota", left(9), reply, left(8))
    one = configured(gateway)
    good = await bench.read(one)
    bench.clock.now += 60
    failed = await bench.read(one)
    assert failed == QuotaSnapshot(
        windows=good.windows,
        read_at=good.read_at,
        attempted_at=failed.attempted_at,
        error=QuotaError(kind, status),
        trail=good.trail,
    )
    assert failed.attempted_at > NOW + 60
    bench.clock.now += 9
    assert (await bench.read(one), len(gateway.requests)) == (failed, 2)
    bench.clock.now += 1
    assert (await bench.left(one), (await bench.read(one)).error) == (8, None)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_stated_wait_is_kept_to_the_second_and_refresh_does_not_override_it(
    bench: Bench, gateway: Gateway, status: int
) -> None:
    gateway.script("/v1/quota", Reply(status, headers={"retry-after": "100"}), left(5))
    one = configured(gateway)
    failed = await bench.read(one)
    assert (failed.error, failed.failures) == (QuotaError("status", status), 1)
    retry_at = failed.attempted_at + 100
    assert failed.retry_at == retry_at
    bench.clock.now = retry_at - 1
    assert (await bench.read(one, how=REFRESH), len(gateway.requests)) == (failed, 1)
    bench.clock.now = retry_at
    assert (await bench.left(one), (await bench.read(one)).failures) == (5, 0)


async def test_without_a_stated_wait_it_doubles_to_a_quarter_of_an_hour(
    bench: Bench, gateway: Gateway
) -> None:
    gateway.script("/v1/quota", Reply(503))
    one, waits = configured(gateway), list[float]()
    for _ in range(7):
        failed = await bench.read(one, how=REFRESH)
        waits.append((failed.retry_at or 0) - failed.attempted_at)
        bench.clock.now = failed.retry_at or 0
    assert (waits, len(gateway.requests)) == ([30, 60, 120, 240, 480, 900, 900], 7)


@pytest.mark.parametrize("stated", ["0", "-5", "soon", "Mon, 21 Sep 2020 14:14:20 GMT", "9" * 12])
async def test_a_stated_wait_that_makes_no_sense_is_a_guess_instead(
    bench: Bench, gateway: Gateway, stated: str
) -> None:
    gateway.script("/v1/quota", Reply(429, headers={"retry-after": stated}))
    failed = await bench.read(configured(gateway))
    assert failed.retry_at == failed.attempted_at + 30


async def test_a_success_clears_the_count_of_refusals(bench: Bench, gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(503), left(5), Reply(503))
    one = configured(gateway)
    for _ in range(2):
        await bench.read(one, how=REFRESH)
        bench.clock.now += 60
    assert (await bench.read(one, how=REFRESH)).failures == 1


KEY = "sk-Zebra-Quokka-Numbat-417"


@pytest.mark.parametrize("echoed", [KEY, KEY.upper(), f"key {KEY[4:10]}", KEY[-6:], f"...{KEY[8:]}"])
async def test_texts_that_share_six_characters_with_any_key_are_dropped_before_storing(
    bench: Bench, new_gateway: Callable[[], Gateway], tmp_path: Path, echoed: str
) -> None:
    gateway, other = new_gateway(), new_gateway()
    gateway.quota({"key": echoed, "cost": {"currency": echoed, "limit": 4, "used": 1}})
    other.quota({"key": echoed, "tokens": {"limit": 4}})
    ones = [configured(gateway, KEY), configured(other, "another-key-0123456789", "other")]
    found = await bench.quotas.read(ones, CACHED)
    assert [found[one.key()].account_name for one in ones] == [None, None]
    assert found[ones[0].key()].windows == (Window("cost", "cost", 4, 1, 3, 75.0),)
    stored = b"".join([path.read_bytes() for path in (tmp_path / "state").iterdir()])
    assert echoed.casefold().encode() not in stored.lower()


async def test_five_shared_characters_are_no_secret(bench: Bench, gateway: Gateway) -> None:
    gateway.quota({"key": f"pool {KEY[3:8]}", "tokens": {"limit": 4}})
    assert (await bench.read(configured(gateway, KEY))).account_name == f"pool {KEY[3:8]}"


async def test_one_gateway_that_stalls_costs_only_its_own_timeout(
    bench: Bench, new_gateway: Callable[[], Gateway]
) -> None:
    stalls, works = new_gateway(), new_gateway().script("/v1/quota", left(3))
    stalls.script("/v1/quota", Reply(hold=(Fault.STALL,)))
    ones = [configured(stalls, name="stalls"), configured(works, name="works")]
    await bench.read(ones[1])  # the client is there: its imports take no part of the time
    found = await bench.quotas.read(ones, Freshness(cache_s=60, timeout_s=3, refresh=True))
    assert [found[one.key()].error for one in ones] == [QuotaError("timeout"), None]


@pytest.mark.parametrize(
    ("mapping", "body", "kind"),
    [
        ({"ok": "body.fine", "windows": [LEFT]}, {"fine": False, "left": 3}, "in-band"),
        ({"windows": [LEFT]}, {"right": 3}, "no-window"),
        (
            {"requests": [{"capture": {"id": "body.id"}}, {"path": "/{captured.id}"}], "windows": [LEFT]},
            {"left": 3},
            "no-capture",
        ),
        (
            {"windows": [LEFT, LEFT | {"rows": "body.rows[?n == `1`]", "remaining": "row.n"}]},
            {"left": 3, "rows": [{"n": 2}] * 20_000},
            "too-large",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_reply_that_says_nothing_says_why_whatever_else_stands_in_it(
    bench: Bench, gateway: Gateway, mapping: dict[str, Any], body: dict[str, Any], kind: str
) -> None:
    gateway.script("/v1/quota", json_reply(body))
    one = replace(configured(gateway), mapping=from_data(mapping))
    snapshot = await bench.read(one)
    assert (snapshot.error, snapshot.windows) == (QuotaError(kind, 200), ())
