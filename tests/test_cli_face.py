"""How the terminal's commands present themselves: help, wrong words, and exit codes."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar.cli import ABOUT, COMMANDS, parser
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.page import configure
from tests.bed.processes import DEADLINE_S, end, start
from tests.bed.program import MAIN, patched, run
from tests.bed.replies import Fault, Reply

OWN: Final[dict[str, Any]] = {name: module for group in COMMANDS.values() for name, module in group.items()}
README: Final = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


Say = Callable[..., tuple[int | str | None, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Give a function that reads a command line which ends it, and returns its code, stdout and stderr."""

    def said(*words: str, columns: int = 80) -> tuple[int | str | None, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        with pytest.raises(SystemExit) as end:
            parser.read(parser.program(ABOUT, "quota-sidecar 1", COMMANDS), words)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return said


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("name", ["", *OWN])
def test_help_fits_the_terminal_and_ends_with_the_exit_codes(say: Say, name: str, columns: int) -> None:
    code, text, errors = say(*([name] if name else []), "--help", columns=columns)
    assert (code, errors) == (0, "")
    page = text.partition("# Write a mapping in five minutes")[0]  # it is copied from, as it is
    foot = text.rpartition("\n\nExit codes:\n")[2]
    prose = [line for line in page.splitlines() if not line.startswith("  ")]
    assert max(map(len, prose)) <= min(columns, parser.WIDEST)
    assert [int(code) for code in re.findall(r"^  (\d+) ", foot, re.MULTILINE)] == sorted(codes(name))


def codes(name: str) -> set[int]:
    return {*parser.CODES, *(OWN[name].EXIT_CODES if name else {})}


@pytest.mark.parametrize("name", OWN)
def test_every_command_is_explained_and_its_examples_are_of_it(say: Say, name: str) -> None:
    text = say(name, "--help")[1]
    own = OWN[name]
    assert text.startswith(f"usage: quota-sidecar {name} ")
    assert (own.ABOUT[0].isupper(), own.ABOUT.strip()[-1]) == (True, ".")
    assert (own.HELP[0].islower(), own.HELP[-1] == ".") == (True, False)
    assert [example for example in own.EXAMPLES if name not in example] == []
    assert say("help", name)[1] == text


def test_the_help_of_all_lists_each_command_once_under_what_it_is_for(say: Say) -> None:
    text = say("--help")[1]
    assert re.findall(r"^  ([a-z]+) +[a-z]", text, re.MULTILINE) == [*OWN]
    assert re.findall(r"^(\S.*):\n  [a-z]", text, re.MULTILINE) == [*COMMANDS]


def test_without_arguments_the_help_is_told_as_a_mistake(home: Home, say: Say) -> None:
    page = run(home, "--help").stdout
    done = run(home)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", page)
    assert say("help")[:2] == (0, page)


@pytest.mark.parametrize(
    ("words", "program", "reason"),
    [
        ("stauts", "", "there is no command 'stauts'; did you mean 'status'?"),
        ("help stauts", "", "there is no command 'stauts'; did you mean 'status'?"),
        ("zzz", "", f"there is no command 'zzz'; there are {', '.join(OWN)}"),
        ("--verson", "", "there is no option '--verson'; did you mean '--version'?"),
        ("status --jsn", "status", "there is no option '--jsn'; did you mean '--json'?"),
        ("status --Provider=x", "status", "there is no option '--Provider'; did you mean '--provider'?"),
        ("status --prov x", "status", "there is no option '--prov'; did you mean '--provider'?"),
        ("status campus", "status", "'campus' is a word too many; did you mean --provider campus?"),
        ("doctor campus", "doctor", "'campus' is a word too many"),
        ("usage --provider", "usage", "--provider wants a value"),
        ("limits --json=yes", "limits", "--json takes no value"),
        ("route", "route", "MODEL is missing"),
        ("map", "map", "one of --preset and --mapping is needed"),
        ("map --preset a --mapping b", "map", "--mapping can't be given together with --preset"),
        ("schema confg", "schema", "there is no document 'confg'; did you mean 'config'?"),
        ("explain --count 0", "explain", "-n/--count: must be a whole number from 1 to 200"),
        ("route m --strategy cots", "route", "--strategy: there is no strategy 'cots'; did you mean 'cost'?"),
    ],
)
def test_a_wrong_word_is_told_in_two_lines_with_the_nearest_right_one(
    say: Say, words: str, program: str, reason: str
) -> None:
    name = f"quota-sidecar {program}".strip()
    assert say(*words.split()) == (2, "", f"{name}: {reason}\nMore: {name} --help\n")


def test_a_wrong_word_ends_the_program_with_2(home: Home) -> None:
    done = run(home, "status", "--jsn")
    told = "quota-sidecar status: there is no option '--jsn'; did you mean '--json'?\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{told}More: quota-sidecar status --help\n"


def test_one_option_has_one_name_and_one_meaning_in_every_command(say: Say) -> None:
    meanings: dict[str, set[str]] = {}
    for name in OWN:
        text = re.sub(r"\n {10,}", " ", say(name, "--help")[1])
        for option, meaning in re.findall(r"^  (--[a-z]+(?: [A-Z]+)?) +(\S.*)$", text, re.MULTILINE):
            meanings.setdefault(option, set()).add(meaning)
    assert meanings["--json"] == {"print data instead of text", "print data instead of a name"}
    assert meanings["--provider ID"] == {"only this provider"}
    assert len(meanings["--refresh"]) == len(meanings["--now ISO"]) == 1


@pytest.mark.parametrize("command", ["status", "usage", "doctor"])
def test_ctrl_c_ends_it_at_once_without_a_word(home: Home, gateway: Gateway, command: str) -> None:
    configure(home, gateway)
    gateway.script("/v1/quota", Reply(hold=[Fault.STALL]))
    process = start(
        [sys.executable, "-I", *MAIN, command], home.env, home.project, errors=subprocess.PIPE
    )  # fmt: skip
    try:
        gateway.wait_for_request(lambda request: request.path == "/v1/quota")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=DEADLINE_S)
    finally:
        end(process)
    assert (process.returncode, *said) == (130, b"", b"")


@pytest.mark.parametrize("command", ["usage", "limits", "explain", "reset", "route qwen3-coder"])
def test_a_report_that_shows_no_configuration_tells_its_mistakes_beside_it(
    home: Home, gateway: Gateway, command: str
) -> None:
    configure(home, gateway)
    file = home.config / "quota-sidecar.jsonc"
    before = run(home, *command.split())
    file.write_text(file.read_text().replace("{", '{\n  "quotaCachS": 5,', 1))
    done = run(home, *command.split())
    assert (
        done.stderr
        == (
            "quota-sidecar: ~/.config/opencode/quota-sidecar.jsonc, line 2: quotaCachS: "
            "unknown key 'quotaCachS'; did you mean 'quotaCacheS'?\n"
        )
        + before.stderr
    )
    assert (done.returncode, undated(done.stdout)) == (before.returncode, undated(before.stdout))


def undated(text: str) -> str:
    return re.sub(r"just now|\d+ s ago", "AGO", text)


def test_the_readme_says_every_exit_code_that_the_help_says() -> None:
    table = README.partition("\n| exit code |")[2].partition("\n\n")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert told == {code for name in OWN for code in codes(name)}


def test_the_tables_of_commands_need_nothing_but_python() -> None:
    code = "import sys\nfor name in ('msgspec', 'anyio', 'httpx', 'structlog'): sys.modules[name] = None"
    done = subprocess.run(
        [sys.executable, "-I", *patched(code, "--help")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
