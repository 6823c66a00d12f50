"""`quota-sidecar doctor` on homes where all is well and where something is broken: the page as it reads."""

import json
import platform
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from typing import Any

from sidecar import __version__
from sidecar.adapters.installation import PACKAGES
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.page import configure, contents, doctor, install, problems, unwrapped
from tests.bed.processes import PLUGIN, REPOSITORY
from tests.bed.program import patched, run
from tests.bed.replies import Reply


def test_where_all_is_well_the_page_is_short_and_ends_with_that(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    before = contents(home)
    page = doctor(home, 0)
    python, here = sys.executable, str(REPOSITORY)
    variables = "OPENCODE_DISABLE_AUTOUPDATE · OPENCODE_DISABLE_LSP_DOWNLOAD"
    program = "\n".join(page.pop("Program"))
    for words in (
        *wrapped("  sidecar      ", __version__, f"{here}/sidecar"),
        *wrapped("  Python       ", platform.python_version(), python),
        f"  environment  {sys.prefix}\n",
        f"  packages     anyio {version('anyio')} · google-re2 {version('google-re2')} · ",
        f"  platform     {platform.platform()}",
        f"  variables    {variables}\n",
    ):
        assert words in f"{program}\n"
    assert page == {
        "quota-sidecar doctor · N UTC                     no problem found": [],
        "OpenCode": [
            "  program      1.18.33 · ~/bin/opencode",
            *wrapped("  plugin       ", PLUGIN, "in ~/.config/opencode/opencode.json"),
        ],
        "Files": [
            "  read         ~/.config/opencode/opencode.json",
            "               ~/.config/opencode/quota-sidecar.jsonc",
            "  not there    ~/.config/opencode/config.json",
            "               ~/.config/opencode/opencode.jsonc",
            "               ~/.local/share/opencode/auth.json",
            "               ~/.config/opencode/quota-sidecar.json",
            "               ~/project/.opencode/quota-sidecar.jsonc",
            "               ~/project/.opencode/quota-sidecar.json",
        ],
        "Gateways, asked now": ["  Campus (campus)            ok, 1 window · N ms · key: opencode.json"],
        "Store": ["  state        nothing kept yet · ~/.local/state/opencode-quota-sidecar/state.db"],
        "Log": ["  folder       no files yet · ~/.local/state/opencode-quota-sidecar/logs"],
        "No problem found.": [],
    }
    assert contents(home) == before, "it writes nothing"
    assert len(gateway.requests) == 1


def wrapped(first: str, *parts: str) -> list[str]:
    """Lay out a row of two parts as the page does."""
    whole = first + " · ".join(parts)
    return [whole] if len(whole) <= 80 else [first + parts[0], " " * len(first) + parts[1]]


def test_the_packages_are_all_that_we_depend_on() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["patterns"]]
    assert sorted(PACKAGES) == sorted(text.partition(">")[0] for text in listed)


def test_on_a_bare_machine_it_says_how_to_begin(home: Home) -> None:
    page = doctor(home, 1, PATH="/usr/bin:/bin", XDG_STATE_HOME=str(home.path / "new"))
    assert page["OpenCode"] == ["  program      ! not found", "  plugin       ! not loaded"]
    assert page["Gateways, asked now"] == ["  none"]
    assert problems(page) == [
        "1. There is no `opencode` on PATH",
        "Cure: Install OpenCode, or add its folder to PATH where you run this.",
        "2. OpenCode doesn't load the plugin: no global configuration names it",
        "Cure: Add this to ~/.config/opencode/opencode.json, and restart OpenCode.",
        f'"plugin": ["{PLUGIN}"]',
    ]
    assert unwrapped(page["Worth knowing:"]) == [
        "- No gateway is configured, and nothing is known of what is left anywhere. To be told, write into "
        "~/.config/opencode/quota-sidecar.jsonc, with the id of a provider of OpenCode:",
        '{ "gateways": [{ "providerId": "my-gateway", "quotaPath": "/quota" }] }',
    ]
    assert not (home.path / "new").exists()


def test_broken_and_unreadable_files_are_refused_with_line_and_reason(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    (home.config / "opencode.jsonc").write_text('{\n "a": 1,\n "b" }')
    (home.config / "config.json").write_text("[1]")
    (home.config / "quota-sidecar.jsonc").unlink()
    (home.config / "quota-sidecar.jsonc").symlink_to("quota-sidecar.jsonc")
    page = doctor(home, 1)
    assert page["Files"][:1] + page["Files"][-8:] == [
        "  read         ~/.config/opencode/opencode.json",
        "  ! refused    ~/.config/opencode/config.json",
        "               it holds no object; nothing of it is used",
        "  ! refused    ~/.config/opencode/opencode.jsonc, line 3",
        "               can't be read: it is not valid JSON: a colon is missing before",
        "               '}'; nothing of it is used",
        "  ! refused    ~/.config/opencode/quota-sidecar.jsonc",
        "               can't be read: Too many levels of symbolic links; nothing of it",
        "               is used",
    ]
    assert problems(page) == [
        "1. One thing to mend in ~/.config/opencode/opencode.jsonc",
        "- line 3: can't be read: it is not valid JSON: a colon is missing before '}'; nothing of it is used",
        "Cure: Correct it there; it is read anew at every command.",
        "2. One thing to mend in ~/.config/opencode/quota-sidecar.jsonc",
        "- can't be read: Too many levels of symbolic links; nothing of it is used",
        "Cure: Correct it there; it is read anew at every command.",
    ]


def test_folders_that_cannot_be_read_are_told_and_stop_nothing(home: Home) -> None:
    install(home)
    shutil.rmtree(home.config)
    for folder in (home.config, home.state):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(folder)
    page = doctor(home, 1)
    reason = "can't be read: Too many levels of symbolic links; nothing of it is used"
    names = ("config.json", "opencode.json", "opencode.jsonc", "quota-sidecar.jsonc", "quota-sidecar.json")
    folder = "~/.config/opencode"
    refused = [f"One thing to mend in {folder}/{name}" for name in names]
    # The second of our own files is a problem of its own: it would be ignored.
    refused[-1] = f"2 things to mend in {folder}/quota-sidecar.json"
    told = [text.partition(". ")[2] for text in problems(page) if text[0].isdigit()]
    assert told[1:-1] == refused
    assert problems(page).count(f"- {reason}") == len(names)
    store = "~/.local/state/opencode-quota-sidecar/state.db"
    assert told[-1] == f"The folder of {store} can't be made, or not be written into"
    assert page["Log"] == ["  folder       no files yet · ~/.local/state/opencode-quota-sidecar/logs"]


def test_mistakes_are_told_by_file_with_line_and_path(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    home.write_gateways(
        {"providerId": "campus", "quotapath": "/q"}, {"providerId": "campsu"}, quotaCacheS="long"
    )
    page = doctor(home, 1)
    assert problems(page) == [
        "1. 3 things to mend in ~/.config/opencode/quota-sidecar.jsonc",
        "- line 11, quotaCacheS: expected a number, got a text; it is ignored",
        "- line 5, gateways[0].quotapath: unknown key 'quotapath'; did you mean 'quotaPath'?",
        "- line 8, gateways[1].providerId: has no baseURL, and provider.campsu.options.baseURL "
        "is not in the global opencode.json; did you mean 'campus'?",
        "Cure: Correct it there; it is read anew at every command.",
    ]


def test_presets_of_the_users_own_are_listed_and_a_bad_one_is_refused(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    folder = home.config / "quota-presets"
    folder.mkdir()
    (folder / "fine.toml").write_text('[[windows]]\nname = "a"\nunit = "cost"\nlimit = "body.x"\n')
    (folder / "wrong.toml").write_text('[[windows]]\nname = "a"\nunit = "cost"\nlimit = "body.["\n')
    page = doctor(home, 1)
    assert page["Files"][-2:] == [
        "  own preset   fine · ~/.config/opencode/quota-presets/fine.toml",
        "  ! refused    wrong · ~/.config/opencode/quota-presets/wrong.toml",
    ]
    assert problems(page)[:2] == [
        "1. One thing to mend in ~/.config/opencode/quota-presets/wrong.toml",
        "- line 4, windows[0].limit: 'body.[' is not JMESPath, it ends too early",
    ]


def test_as_data_it_is_the_same_in_snake_case_with_iso_times(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    gateway.script("/v1/quota", Reply(503))
    done = run(home, "doctor", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["at"].endswith("Z")
    assert data["host"] | {"config_file": "", "wanted": ""} == {
        "config_file": "",
        "wanted": "",
        "program": "~/bin/opencode",
        "version": "1.18.33",
        "plugins": [{"spec": PLUGIN, "file": "~/.config/opencode/opencode.json"}],
    }
    assert data["gateways"][0].pop("latency_ms") > 0
    assert data["gateways"] == [
        {
            "provider_id": "campus",
            "label": "Campus",
            "key": {"source": "opencode.json"},
            "state": "failed",
            "failure": {"kind": "status", "status": 503},
        }
    ]
    assert data["problems"] == [
        {
            "what": "Campus (campus): HTTP 503: the gateway has a fault",
            "cure": "Ask again later; if it stays so, tell whoever runs the gateway.",
        }
    ]


def test_without_a_home_it_says_that_it_could_not_be_done(home: Home) -> None:
    program = patched("import pathlib\ndef no(*_): raise RuntimeError('no home')\npathlib.Path.home = no")
    done = subprocess.run(
        [sys.executable, "-I", *program, "doctor"], env={"PATH": "/bin"}, cwd=home.project,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (
        3, "", "quota-sidecar: it could not be done: no home\n"
    )  # fmt: skip
