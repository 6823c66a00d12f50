"""Plans for virtual models: what has to be seen by all first, what a dry run can't leave, who may be back."""

from pathlib import Path
from typing import Final

import anyio
import pytest

from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.store import LEASE_S
from sidecar.protocol import (
    ROUTER,
    CatalogueModel,
    CatalogueProvider,
    PassPlan,
    SendPlan,
    SessionErrorParams,
    WorkspaceCloseParams,
    WorkspaceOpenParams,
)
from sidecar.services import turns
from sidecar.services.flights import LONGEST_S, Flight
from tests.flying import CHAT, MODEL, NOW, Flying, Opencode, leave, target

MESSAGES: Final = "@ai-sdk/anthropic"


def planned_at_once(one: Opencode, own: str) -> str | None:
    """Return where a request goes that waits for nothing; None: it has to."""
    plan = one.application.routing.plan_at_once(one.request(own).params)
    return plan.target.provider_id if isinstance(plan, SendPlan) else None


async def test_where_targets_are_compared_nothing_is_sent_before_others_can_see_it(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        bed.store = MemoryStore()
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 80})
        assert planned_at_once(one, ROUTER) is None
        assert await one.request(ROUTER).plan() == "b"
        assert [lease.provider_id for lease in bed.store.state(NOW).leases.values()] == ["b"]


async def test_by_the_users_order_nothing_is_waited_for_and_nothing_counted(tmp_path: Path) -> None:
    async with Flying(tmp_path, strategy="priority") as bed:
        bed.store = MemoryStore()
        one = await bed.opencode()
        await leave(one, {"a": 0, "b": 80})
        assert planned_at_once(one, ROUTER) == "b"
        assert bed.store.state(NOW).leases == {}


async def test_in_a_dry_run_a_virtual_request_is_sent_all_the_same(tmp_path: Path) -> None:
    async with Flying(tmp_path, dryRun=True) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 80})
        request = one.request(ROUTER)
        assert await request.plan() == "b"
        await request.served()
        assert [(row.taken, row.dry_run) for row in await one.decisions()] == [(target("b"), True)]


async def test_a_turn_goes_again_to_one_whose_wait_is_over(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "c") as bed:
        one = await bed.opencode({"c": MESSAGES})
        await leave(one, {"a": 40, "c": 80})
        refused = SessionErrorParams(
            one.directory, "ses_9", "msg_9", "build", target("c"), is_root=True, went_by_us=False, status=429
        )
        await one.application.turns.failed(refused)
        assert await one.turn(ROUTER, "ses_2") is None
        bed.clock.now += 1800
        await leave(one, {"a": 40, "c": 80})
        assert await one.turn(ROUTER, "ses_3") == "c"


async def test_by_cost_a_plan_is_paid_already_and_an_unknown_price_is_the_dearest(tmp_path: Path) -> None:
    async with Flying(tmp_path, strategy="cost") as bed:
        one = await bed.opencode()
        await leave(one, {"a": None, "b": 40})
        request = one.request(ROUTER)
        assert await request.plan() == "b"
        await request.served()
        candidates = (await one.decisions())[0].candidates
        assert [(row.target, row.price) for row in candidates] == [(target("b"), 0.0), (target("a"), None)]
        await leave(one, {"a": 90})
        assert await one.request(ROUTER, session="ses_2").plan() == "a"


async def test_a_lease_is_renewed_so_often_that_one_late_beat_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Flying(tmp_path) as bed:
        bed.store = store = MemoryStore()
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 80})
        await one.request(ROUTER).plan()
        seen = list[bool]()

        async def sleep(seconds: float) -> None:
            if len(seen) == 12:
                raise TimeoutError
            bed.clock.now += 2 * seconds  # each beat comes as late as the one that was left out
            seen.append([row.provider_id for row in store.state(bed.clock.now).leases.values()] == ["b"])

        monkeypatch.setattr(anyio, "sleep", sleep)
        with pytest.raises(TimeoutError):
            await one.application.leases.run()
        assert seen == [True] * 12


async def test_a_lease_ends_with_its_request_or_when_no_host_waits_any_more(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        bed.store = store = MemoryStore()
        one = await bed.opencode()
        await leave(one, {"a": 40, "b": 80})
        await one.request(ROUTER).plan()
        for age in range(0, int(LONGEST_S), 10):
            bed.clock.now = NOW + age
            await one.application.leases.beat()
        assert [row.until for row in store.state(bed.clock.now).leases.values()] == [bed.clock.now + LEASE_S]
        bed.clock.now = NOW + LONGEST_S
        await one.application.leases.beat()
        assert store.state(NOW + LONGEST_S + LEASE_S - 10).leases == {}
    assert Flight().lease("r", None, NOW) == []


async def test_the_host_speaks_for_a_virtual_model_what_it_was_told_at_its_start(tmp_path: Path) -> None:
    async with Flying(tmp_path, "a", "b", "c") as bed:
        one = await bed.opencode({"b": MESSAGES, "c": MESSAGES})
        await leave(one, {"a": 40, "b": 80, "c": 30})
        assert await one.turn(ROUTER) is None, "most speak as the best one does"
        packages = {"a": CHAT, "b": MESSAGES, "c": MESSAGES, ROUTER: CHAT}
        offered = [
            CatalogueProvider(name, [CatalogueModel(MODEL, npm=npm)]) for name, npm in packages.items()
        ]
        one.application.workspaces.open(WorkspaceOpenParams(one.directory, offered))
        await leave(one, {"a": 40, "b": 80, "c": 30})
        assert await one.turn(ROUTER, "ses_2") == "b"


async def test_no_turn_goes_where_nobody_has_said_that_the_host_can_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FIRST_TOLD_S", 0.0)
    targets = [f"a/{MODEL}", f"gone/{MODEL}"]
    async with Flying(tmp_path, "a", virtualModels={MODEL: {"targets": targets}}) as bed:
        one = await bed.opencode()
        await leave(one, {"a": 0})
        one.application.workspaces.close(WorkspaceCloseParams(one.directory))
        one.application.workspaces.open(WorkspaceOpenParams(one.directory))
        assert await one.turn(ROUTER) is None


async def test_a_request_that_is_to_blame_itself_is_told_so_though_others_could_still_be_asked(
    tmp_path: Path,
) -> None:
    async with Flying(tmp_path, "a", "b", "c", maxAttempts=2) as bed:
        one = await bed.opencode()
        request = one.request(ROUTER)
        assert [await request.plan(), await request.refused(400)] == ["a", "b"]
        assert await request.failure(429) == PassPlan()


async def test_a_move_is_not_told_that_ended_where_the_session_was(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode()
        for left, path in (({"a": 60, "b": 40}, ["a"]), ({"a": 20, "b": 80}, ["b", "a"])):
            await leave(one, left)
            request = one.request(ROUTER)
            assert [await request.plan(), *[await request.refused(400) for _ in path[1:]]] == path
            await request.served()
            bed.clock.now += 700
        assert one.toasts == []
