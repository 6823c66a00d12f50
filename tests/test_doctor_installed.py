"""What the doctor finds of an installed plugin: its package in OpenCode's cache, and its environment."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from sidecar.adapters.file_lock import FileLock
from sidecar.services.installed import look_at_installed
from sidecar.texts.doctor_data import InstalledReport
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.page import KEY, configure, contents, doctor, problems

NAME = "opencode-quota-sidecar"
DATA = f"~/.local/share/{NAME}"


class Installed:
    """A home where OpenCode has fetched the package, and an environment was made of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / ".local" / "share" / NAME
        self.env = {"HOME": str(home)}

    def package(self, entry: str = f"{NAME}@latest", version: str = "0.1.0") -> str:
        """Put the package where OpenCode keeps it for this entry; return the wheel's digest."""
        folder = self.home / ".cache" / "opencode" / "packages" / entry / "node_modules" / NAME
        return self.files(folder, version)

    def files(self, folder: Path, version: str) -> str:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"name": NAME, "version": version}))
        wheel = f"wheel of {version}".encode()
        (folder / f"opencode_quota_sidecar-{version}-py3-none-any.whl").write_bytes(wheel)
        return hashlib.sha256(wheel).hexdigest()

    def environment(self, wheel: str, version: str = "0.1.0", python: str = sys.executable) -> None:
        """Make *python* what is started, as of this version and wheel."""
        folder = self.data / "environments" / f"{version}-abc"
        folder.mkdir(parents=True)
        current = {"version": version, "wheel": wheel, "environment": str(folder), "python": python}
        (self.data / "current.json").write_text(json.dumps(current))
        (self.data / "bin").mkdir(exist_ok=True)
        (self.data / "bin" / "quota-sidecar").touch()

    def look(self, *specs: str) -> InstalledReport | None:
        return look_at_installed(specs or (NAME,), None, self.env)

    def state(self, *specs: str) -> str | None:
        report = self.look(*specs)
        return report.state if report else None


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_where_all_is_well_all_is_named(installed: Installed) -> None:
    installed.environment(installed.package())
    assert installed.look() == InstalledReport(
        folder=DATA,
        state="ready",
        is_wanted=True,
        package=f"~/.cache/opencode/packages/{NAME}@latest",
        package_version="0.1.0",
        environment=f"{DATA}/environments/0.1.0-abc",
        version="0.1.0",
        command=f"{DATA}/bin/quota-sidecar",
        by_hand=f"python3 -I {installed.home}/.cache/opencode/packages/{NAME}@latest/node_modules/{NAME}/"
        "opencode_quota_sidecar-0.1.0-py3-none-any.whl/sidecar prepare",
    )


def test_nothing_is_told_of_what_never_was(installed: Installed) -> None:
    assert look_at_installed((), None, installed.env) is None
    assert list(installed.home.iterdir()) == []


def test_each_state_is_told_apart(installed: Installed) -> None:
    assert installed.state() == "no_package"
    installed.environment("any", "0.0.1")
    assert installed.state() == "ready", "of a package that OpenCode keeps elsewhere"
    shutil.rmtree(installed.data)
    digest = installed.package(version="0.2.0")
    assert installed.state() == "not_made"
    (installed.data / "environments" / "0.2.0-killed").mkdir(parents=True)
    assert installed.state() == "interrupted"
    installed.environment("another", "0.1.0")
    assert installed.state() == "outdated"
    installed.environment("another", "0.2.0")
    assert installed.state() == "outdated", "of another build"
    installed.environment(digest, "0.10.0")
    assert installed.state() == "ready"
    installed.environment(digest, "0.2.1", python="/no/such/python")
    assert installed.state() == "interrupted", "its Python is gone"


def test_a_preparation_that_runs_is_told_and_not_disturbed(installed: Installed) -> None:
    installed.package()
    installed.data.mkdir(parents=True)
    assert installed.state() == "not_made"
    lock = FileLock(installed.data / "prepare.lock")
    try:
        assert lock.take_alone()
        assert installed.state() == "underway"
        assert not FileLock(installed.data / "prepare.lock").take_alone()
    finally:
        lock.close()
    assert installed.state() == "not_made"


@pytest.mark.parametrize(
    ("spec", "folder"),
    [
        (NAME, f"packages/{NAME}@latest"),
        (f"{NAME}@latest", f"packages/{NAME}@latest"),
        (f"{NAME}@0.1.0", f"packages/{NAME}@0.1.0"),
        (f"{NAME}@^0.1", f"node_modules/{NAME}"),
    ],
)
def test_the_package_is_found_where_each_opencode_keeps_it(
    installed: Installed, spec: str, folder: str
) -> None:
    old = installed.home / ".cache" / "opencode" / "node_modules" / NAME
    installed.files(old, "0.0.9")
    installed.package(f"{NAME}@latest", "0.3.0")
    installed.package(f"{NAME}@0.1.0", "0.1.0")
    report = installed.look(spec)
    assert report
    assert report.package == f"~/.cache/opencode/{folder}"


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"version": 3}'])
def test_what_is_damaged_is_taken_for_nothing(installed: Installed, damage: str) -> None:
    installed.environment(installed.package())
    package = installed.home / ".cache/opencode/packages" / f"{NAME}@latest" / "node_modules" / NAME
    (package / "package.json").write_text(damage)
    assert installed.state() == "ready"
    (installed.data / "current.json").write_text(damage)
    assert installed.state() == "interrupted"


def test_the_page_of_an_installed_plugin(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    installed = Installed(home.path)
    installed.environment(installed.package())
    plugin = f"{NAME}@latest"
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=KEY)}, plugin=plugin)
    before = contents(home)
    page = doctor(home, 0)
    assert page["Installed plugin"] == [
        f"  package      0.1.0 · ~/.cache/opencode/packages/{NAME}@latest",
        "  environment  ready · 0.1.0",
        f"               {DATA}/environments/0.1.0-abc",
        f"  command      {DATA}/bin/quota-sidecar",
    ]
    assert "Worth knowing:" not in page
    assert contents(home) == before


def test_why_the_last_preparation_failed_is_taken_from_the_log(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    Installed(home.path).package()
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=KEY)}, plugin=NAME)
    (home.state / "logs").mkdir(parents=True, mode=0o700)
    ended = {
        "timestamp": "2026-11-21T20:00:00.000Z", "logger": "shim", "event": "preparation_ended",
        "kind": "noIndex", "detail": "pypi.org: connection refused", "command": "python3 -I /p prepare",
    }  # fmt: skip
    began = ended | {"timestamp": "2026-11-21T19:59:00.000Z", "event": "preparation_began", "kind": ""}
    lines = [json.dumps(began), json.dumps(ended)]
    (home.state / "logs" / "12.log").write_text("\n".join(lines) + "\n")
    page = doctor(home, 1)
    assert page["Installed plugin"] == [
        f"  package      0.1.0 · ~/.cache/opencode/packages/{NAME}@latest",
        f"  environment  ! none yet · {DATA}",
        "  last try     noIndex · pypi.org: connection refused",
    ]
    assert problems(page) == [
        "1. Its Python packages could not be fetched: pypi.org: connection refused",
        "Cure: Check the network, and pip's or uv's settings of index, proxy and certificates. "
        "To try again and see more, run `python3 -I /p prepare`; or restart OpenCode.",
    ]


def test_an_entry_that_opencode_cannot_use_is_told(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    providers = {"campus": provider(gateway.base_url, name="Campus", key=KEY)}
    home.write_opencode(providers, plugin="opencode-qouta-sidecar")
    assert problems(doctor(home, 1)) == [
        "1. OpenCode can't load the plugin: ~/.config/opencode/opencode.json calls it opencode-qouta-sidecar",
        "Cure: It is `opencode-quota-sidecar`. Correct that entry of `plugin`, and restart OpenCode.",
    ]
    home.write_opencode(providers, plugin=None, plugins=[NAME])
    assert problems(doctor(home, 1)) == [
        "1. OpenCode doesn't read `plugins`, where ~/.config/opencode/opencode.json names "
        "opencode-quota-sidecar",
        "Cure: The key is `plugin`. Rename it, and restart OpenCode.",
    ]


def test_a_checkout_beside_the_package_is_told_be_it_by_the_project(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    installed = Installed(home.path)
    installed.environment(installed.package())
    folder = home.project / ".opencode"
    folder.mkdir()
    (folder / "opencode.json").write_text(json.dumps({"plugin": [NAME]}))
    page = doctor(home, 1)
    assert problems(page)[0] == "1. OpenCode is to load the plugin from 2 places"
    assert problems(page)[2:] == [
        "- opencode-quota-sidecar in ~/project/.opencode/opencode.json",
        "Cure: Leave one of these entries of `plugin`, and restart OpenCode.",
    ]
