"""`quota-sidecar presets`: ours and the files of the user, listed, printed and put to use."""

import re
from pathlib import Path

from sidecar.quota import presets
from tests.bed.home import Home
from tests.bed.program import run
from tests.mapping_trials import MINE, mapped


def own_presets(home: Home) -> Path:
    folder = home.config / "quota-presets"
    folder.mkdir(parents=True)
    return folder


def test_a_file_beside_the_configuration_is_a_preset_like_ours(home: Home) -> None:
    (own_presets(home) / "mine.toml").write_text(MINE.replace("data.x", "body.x"), "utf-8")
    assert mapped(home, "--preset", "mine", stdin='{"x": 4}') == [{"name": "w", "unit": "cost", "limit": 4}]
    assert run(home, "presets", "mine").stdout == MINE.replace("data.x", "body.x")


def test_the_list_names_every_preset_and_marks_the_users_own_and_the_refused(home: Home) -> None:
    folder = own_presets(home)
    (folder / "neutral.toml").write_text(
        'summary = "My neutral"\n[[windows]]\nname = "a"\nunit = "cost"\nused = "body"'
    )
    (folder / "bad.toml").write_text(MINE)
    done = run(home, "presets")
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in done.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, "")
    assert list(lines) == sorted({*presets.names(), "bad"})
    assert lines["neutral"] == "My neutral (your own)"
    assert lines["bad"].startswith(
        f"! {folder / 'bad.toml'}, line 6: windows[0].limit: there is no 'data' here"
    )
    assert lines["openrouter"] == presets.load("openrouter").summary


def test_a_preset_is_printed_as_it_stands_and_an_unknown_one_is_told(home: Home) -> None:
    assert run(home, "presets", "litellm").stdout == presets.text("litellm")
    done = run(home, "presets", "litelm")
    assert (done.returncode, done.stderr) == (
        3, "quota-sidecar: there is no preset 'litelm'; did you mean 'litellm'?\n",
    )  # fmt: skip
