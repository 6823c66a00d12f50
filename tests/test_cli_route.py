"""`quota-sidecar route` as a script runs it: what stdout holds, what is explained, and exit codes."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest

from sidecar.adapters.catalogue_file import write_catalogue
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import PutCooldown, PutSession
from sidecar.core.account import account_of
from sidecar.core.choose import Strategy
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import SessionRoute
from sidecar.protocol import CatalogueModel, CataloguePrices, CatalogueProvider, Target
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.program import MAIN, run

CHAT = "@ai-sdk/openai-compatible"
KEYS = {"campus": "campus-key-0123456789abcdef", "lab": "lab-key-0123456789abcdef0123"}


class Two:
    """A home with two providers that have one model under two names; 25 % are left at the first."""

    def __init__(self, home: Home, new_gateway: Callable[[], Gateway], **ours: Any) -> None:
        self.home = home
        self.gateways = {name: new_gateway() for name in KEYS}
        for name, used in (("campus", 750), ("lab", 100)):
            self.gateways[name].quota({"tokens": {"limit": 1000, "used": used}})
        home.write_opencode(
            {
                name: provider(gateway.base_url, name=name.title(), key=KEYS[name])
                for name, gateway in self.gateways.items()
            },
            enabled_providers=[*KEYS, "limit-router"],
        )
        home.write_gateways(*({"providerId": name} for name in KEYS), **ours)
        write_catalogue(
            home.state, [offered("campus", "qwen3-coder", 1), offered("lab", "qwen/qwen3.coder", 2)]
        )

    async def refused(self, *names: str) -> None:
        """Let these have refused for an hour, just now."""
        store, now = SqliteStore(self.home.state, time.time), time.time()
        for name in names:
            base = self.gateways[name].base_url
            account = account_of(name, base.removesuffix("/v1"), KEYS[name])
            key = CooldownKey("account", account.origin, name, account.fingerprint)
            row = Cooldown(key, "rate-limit-short", now, now + 3600, stated=True, began=now)
            await store.apply([PutCooldown(row)])
        await store.aclose()


def offered(name: str, model_id: str, price: float) -> CatalogueProvider:
    prices = CataloguePrices(input=price, output=price)
    return CatalogueProvider(name, [CatalogueModel(model_id, npm=CHAT, prices=prices)], name.title())


@pytest.fixture
def two(home: Home, new_gateway: Callable[[], Gateway]) -> Two:
    return Two(home, new_gateway)


def said(text: str) -> str:
    """Return *text* without what the clock says."""
    return re.sub(r"(until|at) (\w+ )?(\d\d:\d\d|midnight)", r"\1 TIME", text)


@pytest.mark.parametrize(
    "name",
    ["qwen3-coder", "limit-router/qwen3-coder", "qwen3.coder", "Qwen/Qwen3-Coder", "lab/qwen/qwen3.coder"],
)
def test_stdout_is_the_name_of_who_has_the_most_left(two: Two, name: str) -> None:
    done = run(two.home, "route", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "lab/qwen/qwen3.coder\n", "")


def test_a_model_of_a_provider_is_itself_while_it_does_not_wait(two: Two) -> None:
    assert run(two.home, "route", "campus/qwen3-coder").stdout == "campus/qwen3-coder\n"


@pytest.mark.anyio
async def test_a_model_of_a_provider_that_waits_is_who_stands_in_for_it(two: Two) -> None:
    two.home.write_gateways(models={"qwen3-coder": ["qwen/qwen3.coder"]})
    await two.refused("campus")
    assert run(two.home, "route", "campus/qwen3-coder").stdout == "lab/qwen/qwen3.coder\n"


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("headroom", "lab/qwen/qwen3.coder\n"),
        ("cost", "campus/qwen3-coder\n"),
        ("priority", "campus/qwen3-coder\n"),
    ],
)
def test_a_strategy_can_be_asked_for(two: Two, strategy: str, expected: str) -> None:
    assert run(two.home, "route", "qwen3-coder", "--strategy", strategy).stdout == expected


def test_explained_on_stderr_stdout_stays_as_it_is(two: Two) -> None:
    done = run(two.home, "route", "qwen3-coder", "--explain")
    assert (done.returncode, done.stdout) == (0, "lab/qwen/qwen3.coder\n")
    assert done.stderr == (
        """\
The next turn goes to Lab (qwen/qwen3.coder): 90% left.

limit-router/qwen3-coder · headroom: whoever has the most left

  1.  lab/qwen/qwen3.coder  healthy · 90% left · $2.00 a million tokens
  2.  campus/qwen3-coder    healthy · 25% left · $1.00 a million tokens
"""
    )


def test_as_data_it_says_all_that_was_weighed(two: Two) -> None:
    done = run(two.home, "route", "qwen3-coder", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    assert data.pop("at").endswith("Z")
    assert data == {
        "model": "limit-router/qwen3-coder",
        "reason": "routed",
        "strategy": "headroom",
        "taken": "lab/qwen/qwen3.coder",
        "label": "Lab",
        "candidates": [
            {
                "target": "lab/qwen/qwen3.coder",
                "tier": "healthy",
                "headroom_percent": 90.0,
                "place": 1,
                "price": 2.0,
            },
            {
                "target": "campus/qwen3-coder",
                "tier": "healthy",
                "headroom_percent": 25.0,
                "price": 1.0,
            },
        ],
    }


@pytest.mark.anyio
async def test_when_all_wait_the_first_to_be_back_is_printed_and_the_code_says_so(two: Two) -> None:
    await two.refused("campus", "lab")
    done = run(two.home, "route", "qwen3-coder")
    assert (done.returncode, done.stdout) == (3, "lab/qwen/qwen3.coder\n")
    assert said(done.stderr) == (
        "quota-sidecar: The next turn goes to Lab (qwen/qwen3.coder) all the same: everybody has to wait, "
        "and it is back first, at TIME.\n"
    )


def test_nobody_can_be_asked_where_all_are_switched_off(two: Two) -> None:
    two.home.write_gateways(
        providers={name: {"enabled": False} for name in KEYS},
        virtualModels={"coder": {"targets": ["campus/qwen3-coder", "lab/qwen/qwen3.coder"]}},
    )
    done = run(two.home, "route", "coder")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "quota-sidecar: Nobody can take the next turn of limit-router/coder.\n"


def test_an_unknown_model_is_answered_with_the_nearest(two: Two) -> None:
    done = run(two.home, "route", "qwen-coder")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "quota-sidecar: There is no model 'qwen-coder'. "
        "Did you mean 'qwen3-coder' or 'campus/qwen3-coder' or 'lab/qwen/qwen3.coder'?\n"
    )


def test_before_opencode_has_run_nobody_knows_a_model(home: Home) -> None:
    done = run(home, "route", "qwen3-coder")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "quota-sidecar: There is no model 'qwen3-coder': which there are is known once OpenCode has run "
        "with this plugin.\n"
    )


def test_an_unknown_strategy_is_answered_with_the_nearest(home: Home) -> None:
    done = run(home, "route", "m", "--strategy", "cots")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--strategy: there is no strategy 'cots'; did you mean 'cost'?\n" in done.stderr


def test_help_names_every_strategy(home: Home) -> None:
    text = run(home, "route", "--help").stdout
    assert all(name in text for name in get_args(Strategy))


def test_in_a_shell_the_answer_is_an_argument(two: Two) -> None:
    line = f'echo run -m "$({sys.executable} {" ".join(MAIN)} route qwen3-coder --explain)" hello'
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=two.home.project, env=two.home.env, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "run -m lab/qwen/qwen3.coder hello\n"


@pytest.mark.anyio
async def test_the_status_marks_where_the_models_of_sessions_go(two: Two) -> None:
    store, model = SqliteStore(two.home.state, time.time), Target("limit-router", "qwen3-coder")
    await store.apply(
        [PutSession(SessionRoute("ses_1", model, time.time(), Target("campus", "qwen3-coder")))]
    )
    await store.aclose()
    assert "\n  → qwen3-coder goes here\n" in run(two.home, "status").stdout
    data = json.loads(run(two.home, "status", "--json").stdout)
    assert data["routes"] == [{"model": "qwen3-coder", "target": "lab/qwen/qwen3.coder", "label": "Lab"}]
    assert [row.get("routed") for row in data["gateways"]] == [None, ["qwen3-coder"]]
    assert "routes" not in json.loads(run(two.home, "status", "--json", "--provider", "lab").stdout)


def test_a_quota_that_can_not_be_asked_costs_no_answer(two: Two) -> None:
    for gateway in two.gateways.values():
        gateway.close()
    assert run(two.home, "route", "qwen3-coder").stdout == "campus/qwen3-coder\n"
