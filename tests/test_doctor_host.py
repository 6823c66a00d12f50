"""What the doctor says of OpenCode: a program that is none, one that hangs, and a plugin that can't start."""

import os
import re
import shutil
from pathlib import Path

import pytest

from sidecar.adapters.catalogue_file import write_catalogue
from sidecar.protocol import CatalogueModel, CatalogueProvider
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.page import KEY, configure, contents, doctor, install, problems
from tests.bed.processes import PLUGIN, opencode_binary
from tests.bed.program import patched


def test_the_real_opencode_says_its_version_and_leaves_nothing_behind(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    shutil.rmtree(home.path / "bin")
    home.env["PATH"] = f"{Path(opencode_binary()).parent}:{os.environ['PATH']}"
    before = contents(home)
    page = doctor(home, 0)
    assert re.fullmatch(r"  program      \d+\.\d+\.\d+( · .*)?", page["OpenCode"][0])
    assert contents(home) == before


@pytest.mark.parametrize(
    ("script", "row", "problem"),
    [
        ("sleep 60", "! hangs",
         ["1. ~/bin/opencode doesn't say its version within 20 s",
          "Cure: Run `opencode --version` by hand; if it hangs there too, install OpenCode again."]),
        ("echo 1.18.33; exec >&-; sleep 60", "! hangs", None),
        ("exit 3", "! failed",
         ["1. ~/bin/opencode ends with an error when it is asked for its version",
          "Cure: Run `opencode --version` by hand: it says why. If it doesn't, install OpenCode again."]),
        ("while :; do echo 1.18.33; done", "! no_version", None),
        ("printf '\\033[2J\\377'", "! no_version",
         ["1. ~/bin/opencode says no version when it is asked for it",
          "Cure: It may be another program of that name: OpenCode's own must come first on PATH."]),
    ],
)  # fmt: skip
def test_an_opencode_that_is_none_is_told_and_ended(
    home: Home, gateway: Gateway, script: str, row: str, problem: list[str] | None
) -> None:
    configure(home, gateway)
    install(home, script)
    limit_s = 0.5 if row == "! hangs" else 20
    page = doctor(
        home, 1, patched(f"import sidecar.adapters.host_program as module; module.VERSION_S = {limit_s}")
    )
    assert page["OpenCode"][0] == f"  program      {row} · ~/bin/opencode"
    assert problem is None or problems(page) == problem
    # The home's end fails if one of its processes is left.


def test_a_token_in_the_plugins_address_is_not_shown(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    spec = "opencode-quota-sidecar@git+https://me:{}@git.example/plugin.git"
    home.write_opencode({"campus": provider(gateway.base_url, key=KEY)}, plugin=spec.format("ghp_token"))
    shown = " ".join(doctor(home, 0)["OpenCode"])
    assert "opencode-quota-sidecar@git+https://…@git.example/plugin.git" in " ".join(shown.split())
    assert "ghp_token" not in shown


def test_a_program_that_cannot_be_started_is_told(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    (home.path / "bin" / "opencode").write_text("#!/no/such/interpreter\n")
    assert problems(doctor(home, 1)) == [
        "1. ~/bin/opencode can't be started",
        "Cure: Install OpenCode again.",
    ]


def test_a_plugin_that_is_not_where_it_is_said_to_be_or_cannot_start_is_told(
    home: Home, gateway: Gateway
) -> None:
    configure(home, gateway)
    providers = {"campus": provider(gateway.base_url, name="Campus", key=KEY)}
    gone = f"file://{home.path}/gone/js-shim"
    home.write_opencode(providers, plugin=gone)
    assert problems(doctor(home, 1))[-2:] == [
        "Cure: Correct that entry of `plugin`, and restart OpenCode. Here it would be",
        f'"plugin": ["{PLUGIN}"]',
    ]
    shim = home.path / "moved" / "js-shim"
    shim.mkdir(parents=True)
    (shim / "package.json").write_text('{"name": "opencode-quota-sidecar"}')
    home.write_opencode(providers, plugin=["../../moved/js-shim"])
    page = doctor(home, 1)
    assert page["OpenCode"][1:] == [
        "  plugin       ! not usable · ../../moved/js-shim",
        "               in ~/.config/opencode/opencode.json",
    ]
    assert problems(page) == [
        "1. The plugin's checkout has no environment to start the sidecar from: ../../moved/js-shim",
        "Cure: Run `make setup` in that checkout, and restart OpenCode.",
    ]
    home.write_opencode(providers, plugin=["../../moved/js-shim", {"command": ["x"]}])
    doctor(home, 0)


@pytest.mark.parametrize("spec", ["file://[", "file://", "another-plugin", "./\0", "/", "file:///etc/passwd"])
def test_an_entry_that_is_not_ours_is_left_alone(home: Home, gateway: Gateway, spec: str) -> None:
    configure(home, gateway)
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=KEY)}, plugin=spec)
    page = doctor(home, 1)
    assert page["OpenCode"][1:] == ["  plugin       ! not loaded"]
    assert len(problems(page)) == 3


def test_a_router_that_opencode_does_not_offer_is_told(home: Home, gateway: Gateway) -> None:
    configure(home, gateway, virtualModels={"m1": {"targets": ["campus/m1", "lab/m1"]}})
    models = [CatalogueModel("m1")]
    write_catalogue(home.state, [CatalogueProvider("campus", models), CatalogueProvider("lab", models)])
    home.write_opencode(
        {"campus": provider(gateway.base_url, name="Campus", key=KEY)}, enabled_providers=["campus"]
    )
    page = doctor(home, 1)
    assert page["Models of limit-router"] == ["  m1                         headroom · campus/m1 · lab/m1"]
    assert problems(page) == [
        "1. OpenCode doesn't offer limit-router: `enabled_providers` leaves it out",
        "Cure: Add it in the global opencode.json, and restart OpenCode:",
        '"enabled_providers": ["campus", "limit-router"]',
    ]


def test_what_a_model_of_the_router_lists_is_looked_for_in_what_opencode_told(
    home: Home, gateway: Gateway
) -> None:
    models = {"m1": {"targets": ["campus/m2", "lab"]}, "m3": {"strategy": "cots"}}
    configure(home, gateway, virtualModels=models, autoVirtualModels=False)
    write_catalogue(home.state, [CatalogueProvider("campus", [CatalogueModel("m1")])])
    home.write_opencode(
        {"campus": provider(gateway.base_url, name="Campus", key=KEY)}, enabled_providers=["limit-router"]
    )
    assert problems(doctor(home, 1)) == [
        "1. 3 things to mend in ~/.config/opencode/quota-sidecar.jsonc",
        "- line 15, virtualModels.m3.strategy: 'cots' is not known here; did you mean 'cost'?",
        "- line 10, virtualModels.m1.targets[0]: the provider 'campus' has no model 'm2' in OpenCode; "
        "`opencode models` lists them",
        "- line 11, virtualModels.m1.targets[1]: OpenCode has no provider 'lab'; "
        "`opencode models` lists what there is",
        "Cure: Correct it there; it is read anew at every command.",
        "2. limit-router/m1 has nothing to choose from: only campus/m2 can be used",
        "Cure: List another target of it in virtualModels, or mend what keeps one out.",
    ]


def test_an_entry_may_name_a_file_of_the_plugin(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    entry = f"{PLUGIN}/src/index.ts"
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=KEY)}, plugin=entry)
    assert entry in "".join(doctor(home, 0)["OpenCode"])
