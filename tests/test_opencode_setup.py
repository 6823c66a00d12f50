"""How the plugin comes into the real OpenCode, and what holds in each of its directories."""

import json
import sys
from pathlib import Path

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.opencode import Serve, run, run_program, text_of
from tests.bed.processes import PLUGIN, living_under, opencode_binary

PROVIDER = "campus"
ENTRY = {"providerId": PROVIDER, "label": "Campus gateway"}


@pytest.fixture
def configured(home: Home, gateway: Gateway) -> Home:
    gateway.quota({"tokens": {"limit": 1000, "used": 360}}).models("A fine answer.")
    home.write_opencode({PROVIDER: provider(gateway.base_url)})
    home.write_gateways(ENTRY)
    return home


def command_in(serve: Serve, directory: Path) -> str:
    """Run the command in any directory of the server, and return the answer as it was posted back."""
    where = {"directory": str(directory)}
    session = serve.client.post("/session", params=where, json={}).raise_for_status().json()["id"]
    asked = {"command": "quota_status", "arguments": ""}
    posted = serve.client.post(f"/session/{session}/command", params=where, json=asked)
    return text_of(posted.raise_for_status().json())


def sidecars(home: Home) -> list[int]:
    return [pid for pid, command in living_under(home.path).items() if "-m sidecar serve" in command]


def test_opencodes_own_command_installs_it(configured: Home, gateway: Gateway) -> None:
    configured.write_opencode({PROVIDER: provider(gateway.base_url)}, plugin=None)
    installed = run_program(configured, opencode_binary(), "plugin", PLUGIN, "--global")
    assert installed.exit_code == 0
    assert "Campus gateway" in run(configured, "--command", "quota_status").stdout


def test_directories_share_one_sidecar_and_each_has_its_own_settings(configured: Home) -> None:
    other = configured.path / "other"
    (other / ".opencode").mkdir(parents=True)
    (other / ".opencode" / "quota-sidecar.jsonc").write_text('{"enabled": false}')
    with Serve(configured) as serve:
        assert "Campus gateway" in command_in(serve, configured.project)
        before = sidecars(configured)
        assert "switched off" in command_in(serve, other)
        serve.client.post("/instance/dispose", params={"directory": str(other)}).raise_for_status()
        assert "Campus gateway" in command_in(serve, configured.project)
        assert sidecars(configured) == before
        assert len(before) == 1


def test_a_command_in_the_options_counts_in_the_global_file_and_in_no_project(
    configured: Home, gateway: Gateway
) -> None:
    def plugin(ran: Path) -> list[object]:
        script = f"touch {ran}; exec {sys.executable} -I -m sidecar serve"
        return [PLUGIN, {"command": ["sh", "-c", script]}]

    ours, theirs = configured.path / "ours-ran", configured.path / "theirs-ran"
    configured.write_opencode({PROVIDER: provider(gateway.base_url)}, plugin=plugin(ours))
    assert "Campus gateway" in run(configured, "--command", "quota_status").stdout
    assert ours.exists()
    (configured.project / "opencode.json").write_text(json.dumps({"plugin": [plugin(theirs)]}))
    assert "Campus gateway" in run(configured, "--command", "quota_status").stdout
    assert not theirs.exists()


def test_a_fault_in_the_configuration_is_a_toast(configured: Home) -> None:
    configured.write_gateways(ENTRY, widht=60)
    with Serve(configured) as serve:
        toast = serve.events.wait_for("tui.toast.show")
    assert (toast["variant"], toast["title"]) == ("warning", "Quota sidecar")
    assert toast["message"].startswith("One thing to mend")
