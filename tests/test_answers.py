"""What ordinary answers tell: whose headers are read, by what, where it is kept and how long it is shown."""

from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import pytest

from sidecar.adapters.catalogue import NOTHING
from sidecar.adapters.config import Config
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.store import PutQuota, QuotaSnapshot
from sidecar.adapters.webhooks import Webhooks
from sidecar.core.account import Account, account_of
from sidecar.protocol import (
    RequestFinishedParams,
    SessionIdleParams,
    Target,
    ToastShowParams,
    WorkspaceOpenParams,
)
from sidecar.quota import presets
from sidecar.quota.mapping_checks import headers_read
from sidecar.quota.windows import Window
from sidecar.server import RESPONSE_HEADER_PREFIXES
from sidecar.services import workspaces
from sidecar.services.alerts import Alerts
from sidecar.services.answers import Answers
from sidecar.services.flights import Flights
from sidecar.services.look import Looking
from sidecar.services.quotas import HEARD_MODELS, Freshness, Quotas
from sidecar.services.requests import Requests
from sidecar.services.routing import Routing
from sidecar.services.status import StatusService
from sidecar.services.telling import Telling
from sidecar.services.workspaces import Workspace, Workspaces
from sidecar.texts.status_report import GatewayReport
from sidecar.texts.window_lines import ShownWindow
from tests.flying import Flying
from tests.machine import BASE, KEY_A, KEY_B, Machine

NOW = 1_795_219_200.0
LITELLM = {"x-litellm-key-spend": "2.5", "x-litellm-key-max-budget": "10.0"}
GROQ = {
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-remaining-requests": "14370",
    "x-ratelimit-reset-requests": "2m",
}
BUDGET = Window(
    "key budget", "cost", limit=10.0, used=2.5, remaining=7.5, percent_remaining=75.0, currency="USD"
)
OWN = {
    "requests": [],
    "account": 'headers."x-team"',
    "windows": [{"name": "calls", "unit": "calls", "remaining": 'headers."x-calls-left"', "period": "1m"}],
}


class Heard:
    """One sidecar's services on a store in memory, with a clock of its own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now = NOW
        self.store = MemoryStore()
        self.workspaces = Workspaces(machine.loader)
        self.workspaces.open(WorkspaceOpenParams(str(machine.project)))
        self.answers = Answers(self.workspaces, self.store, lambda: self.now)
        self.quotas = Quotas(self.store, QuotaHttp(), lambda: self.now)
        flights, telling = Flights(), Telling(self.store, Webhooks(), lambda: self.now)
        routing = Routing(
            self.workspaces, self.store, flights, Looking(self.workspaces, self.store, lambda: self.now)
        )
        self.requests = Requests(
            self.workspaces, self.answers, routing, flights, telling, self.store, lambda: self.now
        )

    async def hear(
        self, provider: str, headers: dict[str, str], model: str = "m", status: int | None = 200, **more: Any
    ) -> None:
        params = RequestFinishedParams(
            request_id="r",
            directory=str(self.machine.project),
            session_id="s",
            message_id="msg_1",
            agent="build",
            target=Target(provider, model),
            headers=headers,
            ttfb_s=0.1,
            status=status,
            refused=status is not None and status >= 400,
            **more,
        )
        await self.requests.finished(params)

    async def known(self) -> list[tuple[str, tuple[Window, ...]]]:
        """Return what was kept: by account's provider, each snapshot's windows."""
        quotas = (await self.store.load(self.now)).quotas
        rows = [(key.account.provider_id, row.windows) for key, row in quotas.items()]
        return sorted(rows, key=lambda row: row[0])

    async def report(self, only: str | None = None) -> list[GatewayReport]:
        service = StatusService(
            self.machine.places, self.machine.environ, self.store, self.quotas, lambda: self.now
        )
        place = Workspace(str(self.machine.project), await self.config(), NOTHING)
        return list((await service.report(place, only, refresh=True)).gateways)

    async def shown(self) -> list[tuple[str, list[str]]]:
        return [(row.label, [window.name for window in row.windows]) for row in await self.report()]

    async def config(self) -> Config:
        return await anyio.to_thread.run_sync(self.machine.load)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def heard(machine: Machine) -> Heard:
    return Heard(machine)


async def test_a_provider_that_nobody_configured_is_heard(heard: Heard) -> None:
    await heard.hear("team", LITELLM)
    heard.now += 60
    (row,) = await heard.report()
    assert (row.provider_id, row.label, row.windows, row.read_at) == ("team", "team", (BUDGET,), NOW)
    assert (row.requests_today, row.is_heard, row.failure) == (1, True, None)


async def test_a_preset_for_one_provider_reads_no_other(heard: Heard) -> None:
    for provider in ("other", "openai"):
        await heard.hear(provider, {"x-codex-primary-used-percent": "40"})
    assert [provider for provider, _ in await heard.known()] == ["openai"]


async def test_what_one_model_says_of_itself_stays_beside_another_models(heard: Heard) -> None:
    await heard.hear("groq", GROQ, "big")
    await heard.hear("groq", GROQ | {"x-ratelimit-remaining-requests": "1"}, "small")
    await heard.hear("groq", GROQ | {"x-ratelimit-remaining-requests": "14000"}, "big")
    rows = [(row.model, [(window.remaining, window.models) for window in row.windows])
            for row in await heard.report("GROQ")]  # fmt: skip
    assert rows == [("big", [(14000, ("big",))]), ("small", [(1, ("small",))])]


async def test_what_several_presets_read_in_one_answer_is_shown_as_one(heard: Heard) -> None:
    await heard.hear("team", LITELLM | GROQ)
    assert len(await heard.known()) == 2
    assert await heard.shown() == [("team", ["key budget", "requests"])]
    heard.now += 1
    await heard.hear("team", LITELLM)
    assert await heard.shown() == [("team", ["key budget"]), ("team", ["requests"])]


async def test_what_was_heard_before_is_followed_and_does_not_grow_with_every_answer(heard: Heard) -> None:
    for number in range(200):
        await heard.hear("team", LITELLM | {"x-litellm-key-spend": str(2.5 + number / 40)})
        heard.now += 18
    ((snapshot, trail),) = [
        (row, row.trail["key budget:cost:USD"]) for row in (await heard.store.load(NOW)).quotas.values()
    ]
    assert trail.points[-1] == (heard.now - 18, 2525)
    assert len(trail.points) == 12
    assert len(msgspec.json.encode(snapshot)) < 600
    ((window,),) = [row.windows for row in await heard.report()]
    assert window == ShownWindow(**msgspec.structs.asdict(snapshot.windows[0]), used_up_at=heard.now + 1800)


async def test_a_refusal_tells_too_and_what_says_nothing_changes_nothing(
    heard: Heard,
) -> None:
    await heard.hear("team", LITELLM)
    await heard.hear("team", LITELLM | {"x-litellm-key-spend": "9"}, status=429)
    await heard.hear("team", {"retry-after": "7"}, status=503)
    await heard.hear("team", {}, status=None)
    await heard.hear("team", LITELLM, status=None, aborted=True)
    ((_, (window,)),) = await heard.known()
    assert window.used == 9
    usage = (await heard.store.load(NOW)).usage
    assert [(row.requests, row.failures) for row in usage] == [(4, 3)]


async def test_an_entry_that_listens_waits_for_the_next_answer(heard: Heard) -> None:
    heard.machine.gateways({"providerId": "team", "label": "Team", "mapping": OWN})
    (row,) = await heard.report()
    assert (row.label, row.windows, row.failure, row.is_heard) == ("Team", (), None, True)
    await heard.hear("team", LITELLM | {"x-calls-left": "7", "x-team": "us"})
    (row,) = await heard.report()
    assert row.windows == (Window("calls", "calls", remaining=7, period_s=60.0),)
    assert row.account_name == "us"
    heard.now += 60
    (row,) = await heard.report()
    assert row.windows == ()


async def test_what_is_heard_shows_beside_an_entry_only_while_that_was_fetched_in_vain(heard: Heard) -> None:
    heard.machine.gateways({"providerId": "team", "baseURL": "http://127.0.0.1:9"})
    (entry,) = (await anyio.to_thread.run_sync(heard.machine.load)).gateways
    await heard.hear("team", LITELLM)
    assert len(await heard.known()) == 1
    assert [row.is_heard for row in await heard.report()] == [False]  # asked for this report, and refused
    assert [(row.is_heard, len(row.windows)) for row in await heard.report()] == [(False, 0), (True, 1)]
    good = QuotaSnapshot((BUDGET,), read_at=heard.now, attempted_at=heard.now)
    await heard.store.apply([PutQuota(entry.key(), good)])
    assert [row.is_heard for row in await heard.report()] == [False]


@pytest.mark.parametrize(
    "settings", [{"enabled": False}, {"providers": {"team": {"enabled": False}}}], ids=["all", "the provider"]
)
@pytest.mark.parametrize("in_project", [False, True])
async def test_where_it_is_switched_off_nothing_is_heard_or_shown(
    heard: Heard, settings: dict[str, object], in_project: bool
) -> None:
    await heard.hear("team", LITELLM)
    before = await heard.known()
    heard.machine.write(heard.machine.projects_file if in_project else heard.machine.ours, settings)
    heard.workspaces.open(WorkspaceOpenParams(str(heard.machine.project), []))
    await heard.hear("team", LITELLM | {"x-litellm-key-spend": "9"})
    assert await heard.known() == before
    assert await heard.shown() == []


async def test_of_many_models_the_newest_answers_are_told_of(heard: Heard) -> None:
    for number in range(HEARD_MODELS + 3):
        heard.now += 1
        await heard.hear("groq", GROQ, model=f"m{number:02}")
    assert [row.model for row in await heard.report()] == [f"m{n:02}" for n in range(3, HEARD_MODELS + 3)]


def unified(window: str, share: str, resets_at: float) -> dict[str, str]:
    name = f"anthropic-ratelimit-unified-{window}"
    return {f"{name}-utilization": share, f"{name}-reset": str(int(resets_at))}


async def test_a_limit_of_some_models_holds_until_its_reset_although_answers_of_others_do_not_say_it(
    heard: Heard,
) -> None:
    async def left() -> dict[str, float | None]:
        ((_, windows),) = await heard.known()
        return {window.name: window.percent_remaining for window in windows}

    week = unified("7d", "0.5", NOW + 9000)
    await heard.hear("anthropic", week | unified("7d_sonnet", "0.75", NOW + 600), "claude-sonnet-4-5")
    await heard.hear("anthropic", unified("7d", "0.625", NOW + 9000), "claude-haiku-4-5")
    assert await left() == {"7d": 37.5, "7d sonnet": 25.0}
    await heard.hear("anthropic", unified("5h", "0.125", NOW + 99), "claude-haiku-4-5")
    assert await left() == {"5h": 87.5, "7d sonnet": 25.0}
    heard.now += 601
    await heard.hear("anthropic", week, "claude-haiku-4-5")
    assert await left() == {"7d": 50.0}


async def test_what_another_opencode_has_heard_meanwhile_stays(tmp_path: Path) -> None:
    async with Flying(tmp_path, "anthropic") as bed:
        one, other = await bed.opencode(), await bed.opencode()
        early = other.request("anthropic")
        await early.plan()
        later = one.request("anthropic")
        await later.plan()
        await later.served(**unified("7d", "0.5", NOW + 9000), **unified("7d_sonnet", "1", NOW + 9000))
        await early.served(**unified("7d", "0.625", NOW + 9000))
        (row,) = (await one.application.store.load(NOW)).quotas.values()
        assert {window.name: window.percent_remaining for window in row.windows} == {
            "7d": 37.5,
            "7d sonnet": 0.0,
        }


async def test_answers_of_another_place_than_the_providers_own_are_not_heard(heard: Heard) -> None:
    await heard.hear("groq", GROQ, origin="http://127.0.0.1:9")
    heard.machine.provider("team", baseURL=BASE)
    heard.workspaces.open(WorkspaceOpenParams(str(heard.machine.project), []))
    await heard.hear("team", LITELLM, origin="https://elsewhere.example")
    assert await heard.known() == []
    await heard.hear("groq", GROQ, origin="https://api.groq.com")
    await heard.hear("team", LITELLM, origin="https://campus.example")
    await heard.hear("unknown", LITELLM, origin="https://any.example")
    assert [provider for provider, _ in await heard.known()] == ["groq", "team", "unknown"]


async def test_a_directory_that_is_not_open_is_counted_alone(heard: Heard) -> None:
    heard.machine.project = heard.machine.home
    await heard.hear("team", LITELLM)
    assert await heard.known() == []
    assert [row.requests for row in (await heard.store.load(NOW)).usage] == [1]


async def test_figures_belong_to_the_key_that_opencode_uses_and_its_origin(heard: Heard) -> None:
    heard.machine.environ["TEAM_API_KEY"] = KEY_A
    heard.machine.provider("team", baseURL="https://gw.example/v1", apiKey=KEY_B)
    await heard.hear("team", LITELLM)
    (key,) = (await heard.store.load(NOW)).quotas
    assert key.account == account_of("team", "https://gw.example", KEY_B)
    (row,) = await heard.report()
    assert row.key.source == "opencode.json"


async def test_another_key_has_heard_nothing_yet(heard: Heard) -> None:
    heard.machine.write(heard.machine.auth, {"team": {"type": "api", "key": KEY_A}})
    await heard.hear("team", LITELLM)
    assert await heard.shown() == [("team", ["key budget"])]
    heard.machine.write(heard.machine.auth, {"team": {"type": "api", "key": KEY_B}})
    assert await heard.shown() == []


@pytest.mark.parametrize(
    ("login", "names"),
    [
        ({"type": "oauth", "accountId": "account-" + "a" * 24, "refresh": KEY_B}, "account-" + "a" * 24),
        ({"type": "oauth", "refresh": KEY_B, "access": KEY_A}, KEY_B),
        ({"type": "oauth", "refresh": 5}, None),
        ("broken", None),
    ],
)
async def test_a_logins_figures_belong_to_its_account(heard: Heard, login: object, names: str | None) -> None:
    heard.machine.write(heard.machine.auth, {"team": login})
    await heard.hear("team", LITELLM)
    (key,) = (await heard.store.load(NOW)).quotas
    assert key.account == account_of("team", "", names)
    (row,) = await heard.report()
    assert row.key.source == ("OpenCode's login" if names else "none (keyless)")


async def test_an_account_without_key_and_origin_is_named_by_its_provider(heard: Heard) -> None:
    await heard.hear("team", LITELLM)
    (key,) = (await heard.store.load(NOW)).quotas
    assert key.account == Account("team", "", "local:")


async def test_no_text_that_gives_away_a_key_is_kept(heard: Heard) -> None:
    heard.machine.provider("team", apiKey=KEY_A)
    heard.machine.gateways({"providerId": "team", "mapping": OWN})
    await heard.hear("team", {"x-calls-left": "7", "x-team": KEY_A[:12]})
    (snapshot,) = (await heard.store.load(NOW)).quotas.values()
    assert snapshot.account_name is None
    assert KEY_A[:12] not in repr(snapshot)


async def test_configured_gateways_come_first_and_others_while_they_tell(heard: Heard) -> None:
    heard.machine.gateways({"providerId": "zoo", "mapping": OWN})
    await heard.hear("groq", GROQ)
    await heard.hear("team", LITELLM)
    assert await heard.shown() == [("zoo", []), ("groq", ["requests"]), ("team", ["key budget"])]
    heard.now += 120
    assert await heard.shown() == [("zoo", []), ("team", ["key budget"])]
    heard.now += 7 * 86400
    assert await heard.shown() == [("zoo", [])]


async def test_what_was_heard_is_told_by_toasts_too(heard: Heard) -> None:
    shown: list[ToastShowParams] = []
    alerts = Alerts(heard.workspaces, heard.quotas, heard.store, Webhooks(), lambda: heard.now)
    idle = SessionIdleParams(str(heard.machine.project), "s")
    for spent in ("5", "9.6", "9.7"):
        heard.now += 60
        await heard.hear("team", LITELLM | {"x-litellm-key-spend": spent})
        await alerts.idle(idle, shown.append)
    (toast,) = shown
    assert (toast.variant, toast.message) == ("error", "team, key budget: 4% left ($0.40 of $10.00)")


async def test_who_listens_is_never_fetched(heard: Heard) -> None:
    heard.machine.gateways({"providerId": "team", "mapping": OWN})
    gateways = await heard.quotas.gateways(await heard.config())
    assert await heard.quotas.read(gateways, Freshness(1, refresh=True, timeout_s=1)) == {}
    snapshot = QuotaSnapshot((BUDGET,), read_at=1.0, attempted_at=1.0)
    await heard.store.apply([PutQuota(gateways[0].key(), snapshot)])
    assert await heard.quotas.read(gateways, Freshness(1, refresh=True, timeout_s=1)) == {
        gateways[0].key(): snapshot
    }


async def test_files_are_looked_at_again_after_two_seconds_at_the_earliest(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = 100.0
    monkeypatch.setattr(workspaces.anyio, "current_time", lambda: time)
    await heard.hear("team", LITELLM)
    heard.machine.write(heard.machine.ours, {"enabled": False})
    time += workspaces.LOOK_AGAIN_S - 0.01
    await heard.hear("team", LITELLM | {"x-litellm-key-spend": "5"})
    time += 0.01
    await heard.hear("team", LITELLM | {"x-litellm-key-spend": "9"})
    ((_, (window,)),) = await heard.known()
    assert window.used == 5


def test_what_only_a_fetch_needs_has_no_effect_on_who_listens_and_is_told(machine: Machine) -> None:
    fetched = {"baseURL": BASE, "quotaPath": "/q", "apiKeyEnv": "TEAM_KEY", "headers": {"x-a": "b"}}
    machine.gateways({"providerId": "team", "mapping": OWN} | fetched)
    config = machine.load()
    assert [gateway.account for gateway in config.gateways] == [Account("team", "", "local:")]
    told = "has no effect here: nothing is fetched, the headers of ordinary answers are read"
    assert [(problem.path, problem.message) for problem in config.problems] == [
        (f"gateways[0].{name}", told) for name in fetched
    ]


def test_the_handshake_asks_for_every_header_that_our_presets_read() -> None:
    listening = [mapping for name in presets.names() if (mapping := presets.load(name)).is_passive]
    read = {name for mapping in listening for name in headers_read(mapping)}
    assert read != set()
    assert [name for name in sorted(read) if not name.startswith(tuple(RESPONSE_HEADER_PREFIXES))] == []


async def test_the_entries_of_a_directory_say_which_headers_they_read(heard: Heard) -> None:
    directory = str(heard.machine.project)
    assert await heard.answers.headers(directory) == []
    heard.machine.gateways({"providerId": "team", "mapping": OWN}, {"providerId": "gw", "baseURL": BASE})
    heard.workspaces.open(WorkspaceOpenParams(directory, []))
    assert await heard.answers.headers(directory) == ["x-calls-left", "x-team"]
    assert await heard.answers.headers("/elsewhere") == []


async def test_of_many_answers_at_once_one_looks_at_the_files(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    config = heard.workspaces.config

    async def look(directory: str) -> Config:
        looks.append(directory)
        return await config(directory)

    monkeypatch.setattr(heard.workspaces, "config", look)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(heard.hear, "team", LITELLM)
    assert looks == [str(heard.machine.project)]
    assert [row.requests_today for row in await heard.report()] == [20]
