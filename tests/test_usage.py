"""What an answer has used, and what it cost: counted for whoever served it."""

from pathlib import Path

import pytest

from sidecar.adapters.store import HourUsage
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
