"""What an answer has used, and what it cost: counted for whoever served it."""

from pathlib import Path

import anyio
import pytest

from sidecar.adapters.store import HourUsage, PutQuota
from sidecar.protocol import CatalogueModel, CataloguePrices, CatalogueProvider, WorkspaceOpenParams
from tests.flying import CHAT, MODEL, NOW, Flying

pytestmark = pytest.mark.anyio

TOKENS = {"input_tokens": 1e6, "output_tokens": 2e6, "cache_read_tokens": 4e6, "cache_write_tokens": 8e6}


@pytest.mark.parametrize(
    ("prices", "cost"),
    [
        (CataloguePrices(3, 15, 0.5, 4), 3 + 30 + 2 + 32),
        (CataloguePrices(3, 15), 3 + 30 + 12 + 24),
        (CataloguePrices(3, 15, 0, 0), 33),
        (CataloguePrices(0, 0, 0, 0), None),
        (CataloguePrices(3), None),
        (None, None),
    ],
)
async def test_tokens_cost_what_the_catalogue_says(
    tmp_path: Path, prices: CataloguePrices | None, cost: float | None
) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        offered = [CatalogueProvider("a", [CatalogueModel(MODEL, npm=CHAT, prices=prices)])]
        one.application.workspaces.open(WorkspaceOpenParams(one.directory, offered))
        request = one.request()
        await request.plan()
        await request.served()
        await request.used(**TOKENS)
        await request.used(**TOKENS)  # of a request that didn't come by us
        (row,) = one.application.store.state(NOW).usage
        assert row == HourUsage(int(NOW // 3600), "a", MODEL, 1, 0, 15e6, cost, answered=1)


async def test_an_answer_that_is_complete_while_its_head_is_still_looked_at_is_counted_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = {"models": ["*"], "targets": [f"a/{MODEL}", f"b/{MODEL}"], "strategy": "headroom"}
    async with Flying(tmp_path, routes=[route]) as bed:
        one = await bed.opencode()
        looking, goes_on = anyio.Event(), anyio.Event()

        async def heard(_: object) -> list[PutQuota]:
            looking.set()
            await goes_on.wait()
            return []

        monkeypatch.setattr(one.application.answers, "heard", heard)
        request = one.request()
        await request.plan()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request.served)
            await looking.wait()
            await request.used(**TOKENS)
            goes_on.set()
        await one.application.leases.beat()
        state = one.application.store.state(NOW)
        assert [(row.requests, row.tokens) for row in state.usage] == [(1, 15e6)]
        assert state.leases == {}
