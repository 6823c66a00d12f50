"""Who is asked what is left ahead of turns: whoever one may go to, and none for a model that nobody uses."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from sidecar.protocol import ROUTER, TurnRouteParams
from sidecar.services.lookout import LATELY_S, Lookout
from sidecar.services.polling import Polling
from sidecar.services.workspaces import Workspace
from tests.flying import MODEL, Flying, Opencode, leave, target

MESSAGES = "@ai-sdk/anthropic"


class Asked:
    """Notes who would be asked."""

    def __init__(self, one: Opencode) -> None:
        self.names: list[set[str]] = []
        application = one.application
        polling = cast("Polling", cast("Any", self))
        self.lookout = Lookout(application.workspaces, application.store, polling, one.bed.clock)

    async def nudge(self, _: Workspace, provider_ids: Collection[str]) -> None:
        self.names.append(set(provider_ids))


async def test_all_who_may_serve_the_next_turn_are_asked(tmp_path: Path) -> None:
    model = {"targets": ["a", "c"]}
    async with Flying(tmp_path, "a", "b", "c", virtualModels={MODEL: model}) as bed:
        one = await bed.opencode({"c": MESSAGES})
        asked = Asked(one)
        await leave(one, {"a": 40, "c": 80})
        for shown in (ROUTER, "c"):  # the second time the picker shows where the first went
            await one.turn(shown)
            await asked.lookout.turn(TurnRouteParams(one.directory, "ses_1", "build", target(shown)))
        await asked.lookout.turn(TurnRouteParams("/nowhere", "ses_1", "build", target("a")))
        await asked.lookout.turn(TurnRouteParams(one.directory, "ses_2", "build", target("a", "alone")))
        assert asked.names == [{"a", "c"}] * 2


async def test_at_a_start_those_are_asked_whose_virtual_model_was_used_lately(tmp_path: Path) -> None:
    async with Flying(tmp_path) as bed:
        one = await bed.opencode({"b": MESSAGES})
        asked = Asked(one)
        await asked.lookout.opened(one.directory)
        await leave(one, {"a": 40, "b": 80})
        assert await one.turn(ROUTER) == "b"
        await asked.lookout.opened(one.directory)
        assert asked.names == [{"a", "b"}]
        bed.clock.now += LATELY_S
        await asked.lookout.opened(one.directory)
        assert asked.names == [{"a", "b"}]
