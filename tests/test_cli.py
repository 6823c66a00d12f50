"""The terminal's commands as a person or a script runs them: output, exit codes, and odd surroundings."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import structs

from sidecar import __version__
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import PutQuota
from sidecar.schema import documents
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.program import HANG, MAIN, patched, run
from tests.bed.replies import Reply


def with_gateways(home: Home, gateway: Gateway) -> None:
    """Configure one that answers, one that refuses, and a mistake to mend."""
    reset = {"tokens": {"limit": 1000, "used": 250, "resets_at": "2099-01-02T03:04:05Z"}}
    gateway.quota(reset | {"cost": {"limit": 5, "used": 6, "currency": "EUR"}, "key": "team"})
    gateway.script("/broken", Reply(503, headers={"retry-after": "60"}))
    home.env["CAMPUS_API_KEY"] = "campus-key-0123456789abcdef"
    home.write_gateways(
        {"providerId": "campus", "baseURL": gateway.base_url, "label": "Campus"},
        {"providerId": "lab", "baseURL": gateway.base_url, "quotaPath": "//broken"},
        {"providerId": "nowhere"},
    )


async def grow_older(home: Home, seconds: float, resets_at: float | None = None) -> None:
    """Make all that is kept older by *seconds*, and its windows with a reset turn at *resets_at*."""
    store = SqliteStore(home.state, time.time)
    rows = (await store.load(time.time())).quotas
    for key, row in rows.items():
        windows = tuple(
            structs.replace(window, resets_at=(resets_at or window.resets_at) if window.resets_at else None)
            for window in row.windows
        )
        assert row.read_at is not None
        older = structs.replace(
            row, windows=windows, read_at=row.read_at - seconds, attempted_at=row.attempted_at - seconds,
            retry_at=None,
        )  # fmt: skip
        await store.apply([PutQuota(key, older)])
    await store.aclose()


def test_status_prints_the_report(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    done = run(home, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.sub(r"[■█·░▒ ─]+", " ", done.stdout).splitlines()[0].split()[:2] == ["Campus", "(campus)"]
    for words in ("750 of 1,000 left", "over", "HTTP 503", "has no baseURL", f"sidecar {__version__}"):
        assert words in done.stdout
    assert "campus-key" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_json_is_the_same_as_data_with_snake_case_and_iso_times(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    done = run(home, "status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    times = [data.pop("at"), *(row.pop("read_at", None) for row in data["gateways"])]
    retry_at = data["gateways"][1]["failure"].pop("retry_at")
    for instant in (*(instant for instant in times if instant), retry_at):
        assert datetime.fromisoformat(instant).utcoffset() is not None
        assert instant.endswith("Z")
    assert data == {
        "version": __version__,
        "gateways": [
            {
                "provider_id": "campus",
                "label": "Campus",
                "key": {"source": "environment CAMPUS_API_KEY"},
                "account_name": "team",
                "windows": [
                    {
                        "name": "tokens",
                        "unit": "tokens",
                        "limit": 1000,
                        "used": 250,
                        "remaining": 750,
                        "percent_remaining": 75.0,
                        "resets_at": "2099-01-02T03:04:05Z",
                    },
                    {
                        "name": "cost",
                        "unit": "cost",
                        "limit": 5,
                        "used": 6,
                        "remaining": -1,
                        "percent_remaining": -20.0,
                        "currency": "EUR",
                    },
                ],
            },
            {
                "provider_id": "lab",
                "label": "lab",
                "key": {"source": "none (keyless)", "is_missing": True},
                "failure": {"kind": "status", "status": 503},
            },
        ],
        "problems": [
            {
                "file": "~/.config/opencode/quota-sidecar.jsonc",
                "message": "has no baseURL, and provider.nowhere.options.baseURL is not in the global "
                "opencode.json; set one of the two",
                "line": 14,
                "path": "gateways[2].providerId",
            }
        ],
        "config_file": "~/.config/opencode/quota-sidecar.jsonc",
    }


async def test_after_an_hour_and_a_fault_the_old_figures_stand_with_their_age_until_their_reset(
    home: Home, gateway: Gateway
) -> None:
    with_gateways(home, gateway)
    run(home, "status", "--provider", "campus")
    gateway.script("/v1/quota", Reply(500))
    await grow_older(home, 3600)
    shown = run(home, "status", "--provider", "campus").stdout
    assert re.search(r"^Campus \(campus\) · team +1h ago$", shown, re.MULTILINE)
    assert "  ! HTTP 500: the gateway has a fault" in shown
    assert "the last good values" in shown
    assert "750 of 1,000 left" in shown
    await grow_older(home, 3600, resets_at=time.time() - 1800)
    assert "750 of 1,000 left" not in run(home, "status", "--provider", "campus").stdout


def test_one_provider_is_asked_for_by_id_or_label(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    done = run(home, "status", "--provider", "CAMPUS")
    assert (done.returncode, "750 of 1,000" in done.stdout, "lab" in done.stdout) == (0, True, False)
    assert [request.path for request in gateway.requests] == ["/v1/quota"]


def test_an_unknown_provider_is_told_the_nearest(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    done = run(home, "status", "--provider", "compus")
    words = "quota-sidecar: There is no gateway 'compus'. Did you mean 'campus'?\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", words)


def test_refresh_asks_again(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    run(home, "status", "--provider", "campus")
    run(home, "status", "--provider", "campus")
    assert len(gateway.requests) == 1
    run(home, "status", "--provider", "campus", "--refresh")
    assert len(gateway.requests) == 2


def test_with_nothing_configured_it_says_how_to_begin(home: Home) -> None:
    done = run(home, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert '"providerId"' in done.stdout


def test_without_a_home_or_any_setting_it_still_answers(home: Home) -> None:
    where = {name: str(home.path / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    environment = {"PATH": os.environ["PATH"]} | where
    done = subprocess.run(
        [sys.executable, "-I", *MAIN, "status"],
        cwd=home.project, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "sidecar" in done.stdout


@pytest.mark.parametrize("what", ["config", "protocol", "host"])
def test_schema_prints_each_document_as_it_is_generated(home: Home, what: str) -> None:
    done = run(home, "schema", what)
    assert (done.returncode, done.stdout, done.stderr) == (0, documents()[what], "")


def test_version_and_wrong_arguments(home: Home) -> None:
    assert run(home, "--version").stdout == f"quota-sidecar {__version__}\n"
    assert [run(home, *words).returncode for words in ((), ("nothing",), ("status", "--no"))] == [2, 2, 2]


@pytest.mark.parametrize(
    "arguments",
    [("status",), ("status", "--json"), ("schema",), ("--help",), ("map", "--help"), ("--version",)],
)
def test_a_reader_that_has_gone_ends_it_quietly(home: Home, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(home, *arguments, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("arguments", [("status", "--threshold", "0"), ("doctor",)])
def test_what_can_not_be_printed_is_no_verdict(home: Home, arguments: tuple[str, ...]) -> None:
    program = patched("import sys; sys.stdout = None")
    done = run(home, *arguments, program=program)
    assert (done.returncode, done.stdout) == (3, "")
    assert re.search(r"AttributeError: 'NoneType' object has no attribute '\w+'\n$", done.stderr)


def test_a_terminal_that_knows_only_ascii_gets_the_words(home: Home, gateway: Gateway) -> None:
    with_gateways(home, gateway)
    program = ("-X", "utf8=0", "-m", "sidecar")
    done = run(home, "status", program=program, env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"})
    assert (done.returncode, done.stderr, "750 of 1,000 left" in done.stdout) == (0, "", True)


def test_a_folder_that_is_gone_is_no_reason_to_fail(home: Home) -> None:
    program = patched("import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir(os.getcwd())")
    done = run(home, "status", program=program)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_never_resolves_does_not_keep_the_command_from_ending(home: Home) -> None:
    home.write_gateways({"providerId": "dead", "baseURL": "http://hangs.test/v1"}, quotaTimeoutS=0.5)
    done = run(home, "status", program=patched(HANG))
    assert (done.returncode, "no answer in time" in done.stdout) == (0, True)


def test_the_installed_command_is_the_same_program(home: Home) -> None:
    command = Path(sys.executable).with_name("quota-sidecar")
    done = subprocess.run(
        [command, "--version"], env=home.env, cwd=home.project, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"quota-sidecar {__version__}\n"
