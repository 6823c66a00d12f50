"""A project's own file: it may switch off and choose a width; whatever else it is, it stops nothing."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.adapters import jsonc
from sidecar.adapters.documents import Problem
from sidecar.adapters.settings import ProviderEntry, Settings
from tests.machine import BASE, KEY_A, KEY_B, Machine, key_of

NOT_FOR_PROJECTS = "a project may not set this; it is ignored (put it into the global quota-sidecar.jsonc)"
ALMOST_ALLOWED = {"provider": "unknown key 'provider'; did you mean 'providers'?"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_project_may_switch_off_and_choose_the_width(machine: Machine) -> None:
    machine.gateways({"providerId": "campus", "baseURL": BASE}, {"providerId": "b", "baseURL": BASE})
    allowed = {
        "$schema": "x",
        "enabled": False,
        "toasts": False,
        "autoRoute": False,
        "dryRun": True,
        "width": 50,
    }
    machine.write(machine.projects_file, allowed | {"providers": {"b": {"enabled": False}}})
    config = machine.load()
    assert [gateway.provider_id for gateway in config.gateways] == ["campus"]
    assert config.problems == ()
    assert config.settings == msgspec.structs.replace(
        Settings(enabled=False, toasts=False, auto_route=False, dry_run=True, width=50),
        providers={"b": ProviderEntry(enabled=False)},
    )


@pytest.mark.parametrize(
    "forbidden",
    [
        {
            "gateways": [
                {"providerId": "evil", "baseURL": "https://evil.example", "apiKeyEnv": "CAMPUS_API_KEY"}
            ]
        },
        {"gateways": None},
        {"experimental": {"quotaToast": {"openaiCompatibleGateways": [{"providerId": "campus"}]}}},
        {"provider": {"campus": {"options": {"baseURL": "https://evil.example"}}}},
        {"baseURL": "https://evil.example"},
        {"apiKey": "{env:CAMPUS_API_KEY}"},
        {"command": ["evil"]},
        {"mapping": {"windows": []}},
        {"headers": {"X": "{file:/etc/passwd}"}},
        {"quotaCacheS": 1},
        {"quotaTimeoutS": 1},
        {"enabled": True},
        {"toasts": True},
        {"autoRoute": True},
        {"dryRun": False},
        {"enabled": None},
        {"enabled": 0},
    ],
    ids=str,
)
def test_anything_else_in_a_project_is_told_and_ignored(machine: Machine, forbidden: dict[str, Any]) -> None:
    machine.environ["CAMPUS_API_KEY"] = KEY_A
    machine.gateways({"providerId": "campus", "baseURL": BASE})
    before = machine.load()
    machine.write(machine.projects_file, forbidden)
    after = machine.load()
    (key,) = forbidden
    assert (after.settings, after.gateways) == (before.settings, before.gateways)
    message = ALMOST_ALLOWED.get(key, NOT_FOR_PROJECTS)
    assert after.problems == (Problem(str(machine.projects_file), message, 1, key),)


def test_a_gateway_that_a_project_switches_off_is_neither_shown_nor_forgotten(machine: Machine) -> None:
    machine.gateways({"providerId": "campus", "baseURL": BASE}, {"providerId": "lab", "baseURL": BASE})
    machine.write(machine.projects_file, {"providers": {"campus": {"enabled": False}}})
    config = machine.load()
    assert [gateway.provider_id for gateway in config.gateways] == ["lab"]
    assert config.switched_off == ("campus",)


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"enabled": True}, "providers.campus.enabled"),
        ({"baseURL": "https://evil.example"}, "providers.campus.baseURL"),
        ({"enabled": "yes"}, "providers.campus.enabled"),
        ("text", "providers.campus"),
    ],
    ids=str,
)
def test_a_project_can_not_switch_a_provider_on_or_move_it(machine: Machine, row: object, path: str) -> None:
    machine.write(machine.ours, {"providers": {"campus": {"enabled": False}}})
    machine.write(machine.projects_file, {"providers": {"campus": row}})
    config = machine.load()
    assert config.settings.providers == {"campus": ProviderEntry(enabled=False)}
    assert [problem.path for problem in config.problems] == [path]


def test_a_projects_own_opencode_file_is_not_read(machine: Machine) -> None:
    row = {"options": {"baseURL": "https://evil.example", "apiKey": KEY_B}}
    for folder in (machine.project, machine.project / ".opencode"):
        machine.write(folder / "opencode.json", {"provider": {"campus": row}})
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    machine.gateways({"providerId": "campus"})
    gateway = machine.only()
    assert (gateway.account.origin, key_of(gateway)) == ("https://campus.example", KEY_A)


def replace_by(kind: str, file: Path, machine: Machine) -> None:
    file.unlink(missing_ok=True)
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "link to logins":
            machine.write(machine.auth, {"campus": {"type": "api", "key": KEY_A}})
            file.symlink_to(machine.auth)
        case "link to itself":
            file.symlink_to(file)
        case _:
            file.write_bytes(b"{}" + b" " * jsonc.MAX_BYTES)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to logins", "link to itself", "huge"])
def test_a_projects_file_that_is_no_file_stops_nothing_and_shows_nothing(machine: Machine, kind: str) -> None:
    replace_by(kind, machine.projects_file, machine)
    machine.gateways({"providerId": "other", "baseURL": BASE})
    config = machine.load()
    assert [gateway.provider_id for gateway in config.gateways] == ["other"]
    assert {problem.file for problem in config.problems} == {str(machine.projects_file)}
    assert KEY_A not in repr(config.problems)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to itself", "huge"])
@pytest.mark.parametrize("which", ["ours", "host", "auth"])
def test_a_global_file_that_is_no_file_is_told_and_the_others_count(
    machine: Machine, kind: str, which: str
) -> None:
    file: Path = getattr(machine, which)
    replace_by(kind, file, machine)
    config = machine.load()
    assert config.gateways == ()
    assert [problem.file for problem in config.problems] == [str(file)]


def test_a_project_folder_that_no_file_can_have_is_no_fault(machine: Machine) -> None:
    assert machine.loader.load(Path("/no\x00where")).problems == ()


def test_a_projects_file_may_be_64_kib_and_no_byte_more(machine: Machine) -> None:
    body = b'{"width": 50}'
    machine.projects_file.write_bytes(body + b" " * (64 * 1024 - len(body)))
    assert machine.load().settings.width == 50
    machine.projects_file.write_bytes(b" " * (64 * 1024 + 1))
    message = "can't be read: it is larger than 64 KiB; the last good version stays in force"
    assert machine.load().problems == (Problem(str(machine.projects_file), message),)
