"""What is told without being asked for: once among all OpenCodes, from the cache, where it is wanted."""

import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from sidecar.protocol import ToastShowParams, WorkspaceCloseParams
from sidecar.services.alerts import SETUP_AGAIN_S
from tests.alerting import CACHE_S, NOW, Bed, left
from tests.bed.gateways import Gateway
from tests.bed.replies import Received, Reply, json_reply
from tests.machine import Machine


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with AsyncExitStack() as stack:
        yield Bed(tmp_path, stack)


LOW = "Campus gateway, cost: 18% left ($9.00 of $50.00)"
LOWER = "Campus gateway, cost: 4% left ($2.00 of $50.00)"
BACK = "Campus gateway, cost: back with 100% left"


async def test_a_gateway_that_drains_and_comes_back_is_told_three_times(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway)
    one = bed.opencode()
    told: list[list[str]] = []
    for percent in (50, 18, 17, 4, 2, 0, 0, 100, 100):
        gateway.quota(left(percent))
        told.append(await one.later())
    assert told == [[], [LOW], [], [LOWER], [], [], [], [BACK], []]
    assert one.shown == [
        ToastShowParams(one.directory, LOW, "warning", "Quota sidecar", 10.0),
        ToastShowParams(one.directory, LOWER, "error", "Quota sidecar", 10.0),
        ToastShowParams(one.directory, BACK, "success", "Quota sidecar", 10.0),
    ]


async def test_a_reset_is_named(bed: Bed, gateway: Gateway) -> None:
    gateway.quota(left(18, resets_at="2026-12-01T00:00:00Z"))
    bed.configure(gateway)
    assert await bed.opencode().idle() == [f"{LOW}\nresets in 9d 23h"]


async def test_of_several_opencodes_that_look_at_once_one_asks_and_one_tells(
    bed: Bed, gateway: Gateway
) -> None:
    gateway.quota(left(18))
    bed.configure(gateway)
    several = [bed.opencode() for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for one in several:
            tasks.start_soon(one.idle)
    assert [toast.message for one in several for toast in one.shown] == [LOW]
    assert len(gateway.requests) == 1
    assert [await one.later() for one in several] == [[]] * 5
    assert await bed.opencode().idle() == []


async def test_who_is_not_the_first_to_note_it_tells_nothing(
    bed: Bed, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed.configure(gateway.quota(left(18)))
    one = bed.opencode()

    async def taken(*_: object) -> bool:
        return False

    with monkeypatch.context() as between:
        between.setattr(one.store, "swap", taken)
        assert await one.idle() == []
    assert await one.idle() == [LOW]


async def test_a_subagents_rest_is_nobodys_business(bed: Bed, gateway: Gateway) -> None:
    gateway.quota(left(18))
    bed.configure(gateway)
    assert await bed.opencode().idle(parent="ses_0") == []
    assert gateway.requests == []


@pytest.mark.parametrize("ours", [{"toasts": False}, {"enabled": False}], ids=str)
@pytest.mark.parametrize("where", ["ours", "projects_file"])
async def test_where_nobody_wants_it_nothing_is_asked_or_told(
    bed: Bed, gateway: Gateway, ours: dict[str, object], where: str
) -> None:
    gateway.quota(left(18))
    bed.configure(gateway, widht=60)
    if where == "ours":
        bed.configure(gateway, widht=60, **ours)
    else:
        bed.machine.write(bed.machine.projects_file, ours)
    one = bed.opencode()
    assert (await one.opened(), await one.idle()) == ([], [])
    assert gateway.requests == []


async def test_a_provider_that_is_switched_off_is_not_asked(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway, providers={"p0": {"enabled": False}})
    assert await bed.opencode().idle() == []
    assert gateway.requests == []


@pytest.mark.parametrize("reply", [json_reply(left(50)), Reply(404)])
async def test_a_gateway_is_asked_once_in_a_cache_period_also_when_it_fails_or_turns(
    bed: Bed, gateway: Gateway, reply: Reply
) -> None:
    gateway.script("/v1/quota", reply)
    bed.configure(gateway)
    one = bed.opencode()
    for expected in (1, 1, 1, 2):
        await one.idle()
        bed.now += CACHE_S / 3
        assert len(gateway.requests) == expected
    gateway.quota(left(50, resets_at=bed.now + 1))
    for _ in range(5):
        await one.idle()
        bed.now += CACHE_S / 6
    assert len(gateway.requests) == 3


async def test_what_was_read_before_a_failure_is_not_told(bed: Bed, gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(500), json_reply(left(18)))
    bed.configure(gateway)
    one = bed.opencode()
    await one.remember(read_at=NOW - 3600)
    assert (await one.idle(), len(gateway.requests)) == ([], 1)
    assert await one.later() == [LOW]


async def test_a_window_that_has_turned_since_it_was_read_is_not_told(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway.quota(left(18)))
    one = bed.opencode()
    await one.remember(read_at=NOW - 10, resets_at=NOW - 5)
    assert (await one.idle(), gateway.requests) == ([], [])
    assert await one.later() == [LOW]


MANY = (
    "• Robotics lab, cost: nothing left of $50.00\n"
    "• Team LiteLLM, cost: 4% left ($2.00 of $50.00)\n"
    "• Campus gateway, cost: 18% left ($9.00 of $50.00)\n"
)


async def test_what_one_look_finds_is_one_toast_the_worst_first(
    bed: Bed, new_gateway: Any, gateway: Gateway
) -> None:
    gateways = [gateway, *(new_gateway() for _ in range(4))]
    for one, percent in zip(gateways, (50, 50, 50, 0, 50), strict=True):
        one.quota(left(percent))
    bed.configure(*gateways)
    opencode = bed.opencode()
    assert await opencode.idle() == ["OpenRouter, cost: nothing left of $50.00"]
    for one, percent in zip(gateways, (18, 0, 4, 100, 50), strict=True):
        one.quota(left(percent))
    bed.configure(*gateways, widht=60)
    assert await opencode.later() == [f"{MANY}and 2 more: /quota_status"]
    assert [toast.variant for toast in opencode.shown] == ["error", "error"]
    gateway.quota(left(4))
    gateways[1].quota(left(60))
    assert await opencode.later() == [
        "• Campus gateway, cost: 4% left ($2.00 of $50.00)\n• Robotics lab, cost: back with 60% left"
    ]


async def test_what_turns_within_the_hour_or_binds_no_model_is_not_told(bed: Bed, gateway: Gateway) -> None:
    figures = {"unit": "requests", "limit": "body.limit", "used": "body.used"}
    mapping: dict[str, Any] = {"windows": [
        figures | {"name": "a minute's", "period": "1m"},
        figures | {"name": "shown only", "models": []},
        figures | {"name": "a day's", "period": "1d"},
    ]}  # fmt: skip
    gateway.quota({"limit": 100, "used": 97})
    bed.machine.gateways(
        {"providerId": "p", "label": "Gateway", "baseURL": gateway.base_url, "mapping": mapping}
    )
    assert await bed.opencode().idle() == ["Gateway, a day's: 3% left (3 of 100)"]


async def test_two_windows_of_one_name_are_told_as_the_tighter_one(bed: Bed, gateway: Gateway) -> None:
    twice = {"windows": [
        {"name": "calls", "unit": "requests", "limit": f"body.{row}.limit", "used": f"body.{row}.used"}
        for row in ("a", "b", "c")
    ]}  # fmt: skip
    gateway.quota({row: {"limit": 100, "used": used} for row, used in (("a", 1), ("b", 97), ("c", 50))})
    bed.machine.gateways(
        {"providerId": "p", "label": "Gateway", "baseURL": gateway.base_url, "mapping": twice}
    )
    one = bed.opencode()
    assert await one.idle() == ["Gateway, calls: 3% left (3 of 100)"]
    assert [await one.later() for _ in range(3)] == [[]] * 3


def is_for_quota(request: Received) -> bool:
    return request.path == "/v1/quota"


async def test_an_idle_during_a_look_causes_one_more_look_at_most(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway)
    one = bed.opencode()
    go_on = threading.Event()
    gateway.script("/v1/quota", replace(json_reply(left(18)), hold=[go_on]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.idle)
        await anyio.to_thread.run_sync(gateway.wait_for_request, is_for_quota)
        assert [await one.idle() for _ in range(5)] == [[]] * 5
        assert one.workspaces.looks == 1
        go_on.set()
    assert one.workspaces.looks == 2
    assert [toast.message for toast in one.shown] == [LOW]
    await one.idle()
    assert one.workspaces.looks == 3


async def test_after_a_look_that_failed_the_next_one_looks_again(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway.quota(left(18)))
    one = bed.opencode()
    one.workspaces.failure = RuntimeError()
    with pytest.raises(RuntimeError):
        await one.idle()
    one.workspaces.failure = None
    assert await one.idle() == [LOW]


async def test_a_directory_that_was_closed_meanwhile_is_not_looked_at(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway)
    one = bed.opencode()
    one.workspaces.close(WorkspaceCloseParams(one.directory))
    assert (await one.opened(), await one.idle(), gateway.requests) == ([], [], [])


ONE_THING = "One thing to mend in the configuration:\n/quota_status says what and where."
TWO_THINGS = "2 things to mend in the configuration:\n/quota_status says what and where."


async def test_a_fault_is_told_once_when_a_workspace_opens_or_later_and_what_is_new_is_told(
    bed: Bed, gateway: Gateway
) -> None:
    bed.configure(gateway.quota(left(50)), widht=60)
    one, other = bed.opencode(), bed.opencode()
    assert [await one.opened(), await other.opened(), await one.idle()] == [[ONE_THING], [], []]
    assert one.shown == [ToastShowParams(one.directory, ONE_THING, "warning", "Quota sidecar", 10.0)]
    bed.configure(gateway, widht=60, toast=False)
    assert [await one.idle(), await other.idle()] == [[TWO_THINGS], []]


async def test_after_a_day_a_fault_is_told_again(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway, widht=60)
    assert await bed.opencode().opened() == [ONE_THING]
    bed.now += SETUP_AGAIN_S
    assert await bed.opencode().opened() == [ONE_THING]


async def test_a_fault_in_a_file_whose_path_is_no_text_is_told(bed: Bed, tmp_path: Path) -> None:
    bed.machine = Machine(tmp_path / os.fsdecode(b"\xff"))
    bed.configure(widht=60)
    assert await bed.opencode().opened() == [ONE_THING]


async def test_a_workspace_that_opens_is_no_reason_to_ask_a_gateway(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway.quota(left(3)))
    assert await bed.opencode().opened() == []
    assert gateway.requests == []
