"""A plan that can be asked and says the same with every answer: who is believed, and when it is asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from sidecar.adapters.catalogue import NOTHING
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.webhooks import Webhooks
from sidecar.protocol import RequestFinishedParams, SessionIdleParams, Target, WorkspaceOpenParams
from sidecar.services.alerts import Alerts
from sidecar.services.answers import Answers
from sidecar.services.quotas import Quotas
from sidecar.services.status import StatusService
from sidecar.services.workspaces import Workspace, Workspaces
from tests.bed.gateways import DEADLINE_S, Gateway
from tests.bed.replies import Reply, json_reply
from tests.machine import KEY_A, Machine
from tests.recorded import NOW, at_loopback

LOGIN = {"type": "oauth", "access": f"access-{KEY_A}", "refresh": f"refresh-{KEY_A}", "expires": 0}
TURNS_AT = NOW + 4 * 3600


def asked(used: float) -> Reply:
    return json_reply({"five_hour": {"utilization": used, "resets_at": "2026-11-21T04:00:00Z"}})


class Plan:
    """A Claude plan on loopback, turned on, with a login; one OpenCode, and its clock."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.now = NOW
        self.machine = Machine(folder)
        self.gateway = gateway.script("/api/oauth/usage", asked(10))
        at_loopback(self.machine.config / "quota-presets", "claude-plan", gateway.origin)
        self.machine.write(self.machine.auth, {"anthropic": LOGIN})
        self.machine.write(self.machine.ours, {"providers": {"anthropic": {"undocumented": True}}})
        self.store, self.http = MemoryStore(), QuotaHttp()
        self.workspaces = Workspaces(self.machine.loader)
        self.directory = str(self.machine.project)
        self.workspaces.open(WorkspaceOpenParams(self.directory))
        self.quotas = Quotas(self.store, self.http, self.clock)
        self.answers = Answers(self.workspaces, self.store, self.clock)
        self.alerts = Alerts(self.workspaces, self.quotas, self.store, Webhooks(), self.clock)

    def clock(self) -> float:
        self.now += 1e-4
        return self.now

    async def hear(self, share_used: str) -> None:
        name = "anthropic-ratelimit-unified-5h"
        headers = {f"{name}-utilization": share_used, f"{name}-reset": str(int(TURNS_AT))}
        params = RequestFinishedParams(
            request_id="r",
            directory=self.directory,
            session_id="s",
            message_id="msg_1",
            agent="build",
            target=Target("anthropic", "claude-haiku-4-5"),
            headers=headers,
            ttfb_s=0.1,
            status=200,
            refused=False,
        )
        await self.store.apply(await self.answers.heard(params))

    async def idle(self) -> list[str]:
        """Return what is told when a session comes to rest."""
        told: list[str] = []
        await self.alerts.idle(
            SessionIdleParams(self.directory, "s"), lambda toast: told.append(toast.message)
        )
        return told

    async def report(self) -> list[tuple[bool, float | None, str | None]]:
        """Return of each row whether it was heard, what is left of the five hours, and the error."""
        service = StatusService(
            self.machine.places, self.machine.environ, self.store, self.quotas, self.clock
        )
        config = await to_thread.run_sync(self.machine.load)
        report = await service.report(Workspace(self.directory, config, NOTHING), None, refresh=False)
        return [
            (
                row.is_heard,
                row.windows[0].percent_remaining if row.windows else None,
                row.failure and row.failure.kind,
            )
            for row in report.gateways
        ]

    @property
    def requests(self) -> int:
        return len(self.gateway.requests)


@pytest.fixture
async def plan(tmp_path: Path, gateway: Gateway) -> AsyncIterator[Plan]:
    one = await to_thread.run_sync(Plan, tmp_path, gateway)
    yield one
    await one.http.aclose()


async def test_while_answers_tell_a_session_at_rest_asks_nobody_and_tells_by_them(plan: Plan) -> None:
    await plan.hear("0.85")
    assert (await plan.idle(), plan.requests) == (["anthropic, 5h: 15% left · resets in 3h 59m"], 0)
    plan.now += 901
    plan.gateway.script("/api/oauth/usage", asked(86))
    assert (await plan.idle(), plan.requests) == ([], 1)  # the same window, which was told of
    plan.now += 60
    await plan.hear("0.86")
    assert (await plan.idle(), plan.requests) == ([], 1)


async def test_who_asks_for_a_report_is_told_what_the_service_says_now(plan: Plan) -> None:
    await plan.hear("0.5")
    assert await plan.report() == [(False, 90.0, None)]


async def test_while_the_service_refuses_what_was_heard_since_stands_beside_the_old_values(
    plan: Plan,
) -> None:
    assert await plan.report() == [(False, 90.0, None)]
    plan.gateway.script("/api/oauth/usage", Reply(429))
    plan.now += 301
    assert await plan.report() == [(False, 90.0, "status")]
    await plan.hear("0.5")
    assert await plan.report() == [(False, 90.0, "status"), (True, 50.0, None)]
    plan.gateway.script("/api/oauth/usage", asked(55))
    plan.now += 301
    assert await plan.report() == [(False, 45.0, None), (True, 50.0, None)]
    assert await plan.report() == [(False, 45.0, None)]


async def test_an_expired_login_asks_nothing_and_keeps_what_was_known(plan: Plan) -> None:
    assert await plan.report() == [(False, 90.0, None)]
    plan.now += 301
    plan.machine.write(plan.machine.auth, {"anthropic": LOGIN | {"expires": NOW * 1000}})
    assert [await plan.report(), await plan.report()] == [[(False, 90.0, "login-expired")]] * 2
    with anyio.fail_after(DEADLINE_S):
        assert (await plan.idle(), plan.requests) == ([], 1)
    plan.machine.write(plan.machine.auth, {"anthropic": LOGIN | {"access": f"renewed-{KEY_A}"}})
    assert await plan.report() == [(False, 90.0, None)]
    assert plan.gateway.requests[-1].headers["authorization"] == f"Bearer renewed-{KEY_A}"
