"""How long choosing takes: a hundred targets, each an account of its own with five windows."""

import tempfile
import time
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import PutQuota, QuotaKey, QuotaSnapshot
from sidecar.core.account import Account, account_of
from sidecar.core.choose import RESERVE, Candidate, Stay, rank
from sidecar.protocol import ROUTER, Target
from sidecar.quota.windows import Window
from sidecar.services.remaining import Remaining
from tests.flying import NOW, Flying, origin, target

TARGETS: Final = 100
TIMES: Final = 200
PERIODS: Final = (60.0, 18_000.0, 86_400.0, 604_800.0, 2_592_000.0)
MODEL: Final = "m"


def measure() -> dict[str, list[float]]:
    """Return milliseconds of choices, by how much was read since the one before."""
    remaining, accounts = Remaining(), [_account(number) for number in range(TARGETS)]
    read = [_snapshot(number) for number in range(TARGETS)]

    def choose() -> None:
        rows = zip(accounts, read, strict=True)
        candidates = [_candidate(remaining, account, snapshot) for account, snapshot in rows]
        assert len(rank(candidates, "headroom", Stay(candidates[50].target, NOW), NOW)) == TARGETS

    def after(anew: int, again: int) -> float:
        for number in range(anew):
            read[number] = replace(read[number], attempted_at=NOW + again)
        began = time.perf_counter()
        choose()
        return (time.perf_counter() - began) * 1000

    choose()
    return {
        what: sorted(after(anew, again) for again in range(1, TIMES))
        for what, anew in (("nothing", 0), ("one account", 1), ("every account", TARGETS))
    }


async def measure_routed() -> dict[str, list[float]]:
    """Return milliseconds of what a virtual model adds to a turn's start, and to each of its requests."""
    names = [f"p{number}" for number in range(TARGETS)]
    with tempfile.TemporaryDirectory() as folder:
        async with Flying(Path(folder), *names) as bed:
            bed.kind_of_store = SqliteStore
            one = await bed.opencode()
            place = await one.application.workspaces.looked_at(one.directory)
            assert place is not None
            account = place.config.targets.account
            keys = [QuotaKey(account(target(name), origin(name)), "url") for name in names]
            rows = [PutQuota(key, _snapshot(number)) for number, key in enumerate(keys)]
            await one.application.store.apply(rows)
            spans: dict[str, list[float]] = {"turn/route": [], "request/plan": []}
            for _ in range(TIMES):
                began = time.perf_counter()
                await one.turn(ROUTER)
                spans["turn/route"].append((time.perf_counter() - began) * 1000)
                request, began = one.request(ROUTER), time.perf_counter()
                await request.plan()
                spans["request/plan"].append((time.perf_counter() - began) * 1000)
                await request.served()
            return {what: sorted(taken) for what, taken in spans.items()}


def _account(number: int) -> Account:
    return account_of(f"p{number}", f"https://p{number}.example", "a-key")


def _snapshot(number: int) -> QuotaSnapshot:
    windows = tuple(
        Window(
            f"w{period}",
            "percent",
            percent_remaining=10.0 + (number * 37 + index * 13) % 90,
            resets_at=NOW + period * (1 + number) / (TARGETS + 1),
            period_s=period,
        )
        for index, period in enumerate(PERIODS)
    )
    return QuotaSnapshot(windows, None, NOW, NOW)


def _candidate(remaining: Remaining, account: Account, snapshot: QuotaSnapshot) -> Candidate:
    left = remaining.of(account, MODEL, (snapshot,), NOW)
    return Candidate(
        Target(account.provider_id, MODEL),
        left.tier(RESERVE),
        headroom=left.headroom,
        steady=left.steady,
        pace=left.pace,
    )
