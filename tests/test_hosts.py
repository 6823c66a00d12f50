"""What is told to the user of an older OpenCode, and what the README says of them."""

from pathlib import Path

import pytest

from sidecar.texts.hosts import LACKS, is_too_old, lacking, note
from sidecar.texts.status_report import StatusReport, render
from tests.hosts.expected import NEEDS
from tests.hosts.versions import TRIED, readme_table

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("version", ["1.18.33", "1.19.0", "2.0.0", "0.0.0-dev-202609212252", "local", ""])
def test_of_one_that_lacks_nothing_or_says_no_release_nothing_is_told(version: str) -> None:
    assert (lacking(version), is_too_old(version), note(version)) == ((), False, None)


@pytest.mark.parametrize("version", ["1.2.26", "1.1.65", "0.15.0", "v1.0.0"])
def test_one_older_than_any_that_was_tried_is_told_to_be(version: str) -> None:
    told = f"OpenCode {version} is older than any that this was tried with; 1.2.27 is the oldest."
    assert (lacking(version), note(version)) == ((), told)


def test_what_a_version_lacks_is_what_later_ones_have() -> None:
    assert lacking("1.17.20") == lacking("1.17.19") == ("subagents",)
    assert "pipes" not in lacking("1.14.34")
    assert lacking("1.15.13") == ("exit_code", "pipes", "events", "columns", "subagents")
    assert set(lacking("1.2.27")) == {*LACKS} - {"pipes", "events"}


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "1.17.19",
            "  ! OpenCode 1.17.19 is old: one thing is missing or different there;\n"
            "  `quota-sidecar doctor` names it.",
        ),
        (
            "1.15.13",
            "  ! OpenCode 1.15.13 is old: 5 things are missing or different there;\n"
            "  `quota-sidecar doctor` names them.",
        ),
    ],
)
def test_a_report_ends_with_it(version: str, said: str) -> None:
    shown = render(StatusReport(at=0.0, version="1", host_version=version), 72)
    assert "\n".join(shown.splitlines()[-2:]) == said


def test_a_report_in_an_opencode_that_lacks_nothing_is_silent_of_it() -> None:
    newest = render(StatusReport(at=0.0, version="1", host_version=TRIED[-1]), 72)
    assert newest == render(StatusReport(at=0.0, version="1"), 72)


def test_everything_lacking_is_lacking_somewhere_and_shown_by_a_test() -> None:
    assert {name for version in TRIED for name in lacking(version)} == {*LACKS} == {*NEEDS.values()}
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_opencode_*.py"))
    assert [name for name in NEEDS if f"def {name}(" not in tests] == []


def test_the_readme_has_the_table() -> None:
    assert readme_table() in (ROOT / "README.md").read_text("utf-8")


def test_one_file_of_the_shim_knows_the_types_of_opencode_and_calls_it() -> None:
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "js-shim" / "src").glob("*.ts")}
    assert [name for name, text in texts.items() if "@opencode-ai/" in text] == ["host.ts"]
    assert [name for name, text in texts.items() if "#client" in text] == ["host.ts"]
