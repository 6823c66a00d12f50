"""`limits`, `reset` and `explain` as a person or a script runs them: output, data and exit codes."""

import json
import subprocess
from typing import Final

import pytest

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import CountRequest, CountTokens, PutCooldown, PutDecision
from sidecar.core.choose import Candidate
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import Decision, Refused
from sidecar.protocol import Target
from tests.bed.home import Home
from tests.bed.program import patched, run

pytestmark = pytest.mark.anyio

A, B = Target("campus", "m1"), Target("openrouter", "m1")


NOW: Final = 1_795_263_000.0
"""On a 21 November, at ten past twelve."""


async def happened(home: Home, now: float = NOW) -> None:
    """Let `campus` have refused for an hour, just now, and one request gone on."""
    key = CooldownKey("account", "https://campus.example", "campus", "0123456789abcdef")
    row = Cooldown(key, "rate-limit-short", now, now + 3600, stated=True, evidence="status 429", began=now)
    refused = Refused(A, "rate-limit-short", "status 429", now + 3600)
    candidates = (Candidate(B, "unknown", place=1), Candidate(A, "cooling", is_own=True, until=now + 3600))
    chosen = Decision(now - 5, "ses_1", "build", A, "as chosen", A, candidates=candidates[1:])
    moved = Decision(now, "ses_1", "build", A, "refused", B, candidates=candidates, refused=refused)
    store = SqliteStore(home.state, lambda: now)
    await store.apply([PutCooldown(row), PutDecision(chosen), PutDecision(moved)])
    await store.apply([CountRequest(now, "openrouter", "m1", False)])
    await store.apply([CountTokens(now, "openrouter", "m1", 1200.0, 0.25)])
    await store.aclose()


def run_then(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as if it were `NOW`."""
    clock = f"import time\ntime.time = lambda: {NOW}"
    return run(home, *arguments, program=patched(clock), env={"TZ": "UTC"})


async def test_limits_prints_the_report(home: Home) -> None:
    await happened(home)
    done = run_then(home, "limits")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        """\
openrouter
  ok
  1 request today, 1 this hour · 1,200 tokens · $0.25

campus
  ! rate limit · 1h left, until 13:10 · as it said

Last decisions:
  just now  campus/m1 → openrouter/m1 · after a refusal: rate limit
"""
    )


async def test_limits_as_data_for_one_provider(home: Home) -> None:
    await happened(home)
    home.write_gateways(providers={"openrouter": {"limits": {"costPerDay": 5}}})
    done = run_then(home, "limits", "--json", "--provider", "openrouter")
    (row,) = json.loads(done.stdout)["providers"]
    (limit,) = row.pop("limits")
    assert (done.returncode, row) == (
        0,
        {
            "provider_id": "openrouter",
            "label": "openrouter",
            "requests_this_hour": 1,
            "requests_today": 1,
            "tokens_today": 1200.0,
            "cost_today": 0.25,
        },
    )
    assert limit == {
        "kind": "cost_per_day",
        "used": 0.25,
        "limit": 5.0,
        "resets_at": "2026-11-22T00:00:00Z",
    }


async def test_explain_prints_who_was_considered(home: Home) -> None:
    await happened(home)
    done = run_then(home, "explain", "-n", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        """\
2026-11-21 12:10:00, just now · build · ses_1 · priority
  campus/m1 → openrouter/m1 · goes on after a refusal
  campus/m1 refused: rate limit (rate-limit-short, by status 429)
    left alone until 13:10
  1.  openrouter/m1  unknown
  2.  campus/m1      cooling until 13:10 · yours
"""
    )


async def test_explain_as_data(home: Home) -> None:
    await happened(home)
    done = run_then(home, "explain", "--json")
    newest, oldest = json.loads(done.stdout)
    hour = "2026-11-21T13:10:00Z"
    refused = {"target": "campus/m1", "class": "rate-limit-short", "evidence": "status 429", "until_at": hour}
    assert newest == {
        "at": "2026-11-21T12:10:00Z",
        "session_id": "ses_1",
        "agent": "build",
        "own": "campus/m1",
        "reason": "refused",
        "taken": "openrouter/m1",
        "refused": refused,
        "candidates": [
            {"target": "openrouter/m1", "tier": "unknown", "place": 1},
            {"target": "campus/m1", "tier": "cooling", "is_own": True, "until_at": hour},
        ],
    }
    assert oldest["reason"] == "as chosen"


async def test_reset_forgets_and_says_what(home: Home) -> None:
    await happened(home)
    done = run_then(home, "reset", "--provider", "campus")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        """\
These waits are forgotten:
campus
  ! rate limit · 1h left, until 13:10 · as it said
The next request goes there as if nothing had happened.
"""
    )
    assert run_then(home, "reset").stdout == "Today's count begins again at 0; it was 1 request.\n"
    assert run_then(home, "reset").stdout == "Nothing was remembered.\n"
    assert run_then(home, "limits").stdout.startswith("No provider was used today, and none has to wait.\n")


def test_where_nothing_has_happened_there_is_nothing_to_tell(home: Home) -> None:
    assert run(home, "limits").stdout == "No provider was used today, and none has to wait.\n"
    assert run(home, "explain").stdout == "Nothing was decided yet.\n"
    assert json.loads(run(home, "explain", "--json").stdout) == []


@pytest.mark.parametrize("command", [("limits", "--provider", "x"), ("reset", "--provider", "x")])
def test_an_unknown_provider_can_not_be_asked_for(home: Home, command: tuple[str, ...]) -> None:
    done = run(home, *command)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "quota-sidecar: There is no provider 'x': none is configured, and none was used yet.\n"
    )


@pytest.mark.parametrize("count", ["0", "201", "many"])
def test_explain_takes_from_1_to_200(home: Home, count: str) -> None:
    done = run(home, "explain", "-n", count)
    assert done.returncode == 2
    assert done.stderr.startswith("quota-sidecar explain: -n/--count: must be a whole number from 1 to 200\n")


def test_reset_fails_where_the_disk_does(home: Home) -> None:
    home.state.parent.mkdir(parents=True, exist_ok=True)
    home.state.write_text("a file where the folder belongs", "utf-8")
    done = run(home, "reset")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("quota-sidecar: state is kept in memory only, until the disk works again: ")
