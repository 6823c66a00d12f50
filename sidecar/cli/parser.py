"""How a command line is read, and how help reads: one shape for every command.

Nothing here needs more than Python's own library: `prepare` runs before anything is installed.
"""

import argparse
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

WIDEST: Final = 100
"""Longer lines are hard to read, however wide a terminal is."""

CODES: Final = {
    0: "done",
    2: "wrong arguments",
    3: "it could not be done",
    130: "ended by Ctrl-C",
}
"""What an exit code means where a command doesn't say otherwise."""

UNREAD: Final = {3: f"{CODES[3]}, or nobody reads the output any more"}

_ROW: Final = re.compile(r"(  \S.*?  +)(\S.*)")


class Formatter(argparse.HelpFormatter):
    """Fills prose to the terminal's width, keeps indented lines, and lets the second column of a row hang."""

    def __init__(self, prog: str, **more: Any) -> None:
        """Take the *prog*ram's name, and what else Python's own takes."""
        width = min(shutil.get_terminal_size().columns, WIDEST) - 2
        super().__init__(prog, **{"max_help_position": 28, "width": width} | more)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join("\n".join(_filled(block, width)) for block in text.strip().split("\n\n"))


class Parser(argparse.ArgumentParser):
    """Says in two lines what is wrong, with the nearest right word."""

    def __init__(self, **more: Any) -> None:
        """Take what Python's own takes."""
        more.setdefault("formatter_class", Formatter)
        super().__init__(add_help=False, allow_abbrev=False, **more)
        self.add_argument("-h", "--help", action="help", help="print this help")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with 2."""
        from sidecar.texts import command_line as words

        self.exit(2, words.wrong(self.prog, words.plainly(message)))

    def refuse(self, extra: Sequence[str]) -> NoReturn:
        """Say that nobody knows the words *extra*, and exit with 2."""
        from sidecar.texts import command_line as words

        option = next((word.partition("=")[0] for word in extra if word.startswith("-")), None)
        if option is None:
            self.error(words.one_too_many(extra[0], "--provider" in self._option_string_actions))
        self.error(words.unknown_word("option", option, self._option_string_actions))

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # Python's own hides that nobody reads it

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        from sidecar.texts import command_line as words

        if action.choices is not None and value not in action.choices:
            kind = (action.metavar if isinstance(action.metavar, str) else action.dest).lower()
            raise argparse.ArgumentError(None, words.unknown_word(kind, str(value), map(str, action.choices)))


def ending(notes: str, examples: Iterable[str], codes: Mapping[int, str]) -> str:
    """Return what stands below a command's options: *notes*, examples, and every exit code."""
    shown = "\n".join(f"  {line}" for line in examples)
    meanings = sorted((CODES | dict(codes)).items())
    rows = "\n".join(f"  {code:<3}  {meaning}" for code, meaning in meanings)
    parts = (notes.strip(), f"Examples:\n{shown}" if shown else "", f"Exit codes:\n{rows}")
    return "\n\n".join(part for part in parts if part)


def _filled(block: str, width: int) -> Iterator[str]:
    prose: list[str] = []
    for line in [*block.split("\n"), ""]:
        if line and not line.startswith(" "):
            prose.append(line)
            continue
        yield from textwrap.wrap(" ".join(prose), width, break_on_hyphens=False)
        prose = []
        row = _ROW.fullmatch(line)
        if row:
            hanging = " " * len(row[1])
            yield from textwrap.wrap(
                row[2], width, initial_indent=row[1], subsequent_indent=hanging, break_on_hyphens=False
            )
        elif line:
            yield line


def program(about: str, version: str, groups: Mapping[str, Mapping[str, Any]]) -> Parser:
    """Return the parser of the whole program; *groups* are its commands' modules, by title and name."""
    listed = "\n\n".join(
        f"{title}:\n" + "\n".join(f"  {name:<9} {module.HELP}" for name, module in commands.items())
        for title, commands in groups.items()
    )
    parser = Parser(
        prog="quota-sidecar",
        usage="quota-sidecar COMMAND ...",
        description=f"{about}\n\n{listed}",
        epilog=f"`quota-sidecar COMMAND --help` says more of each.\n\n{ending('', (), UNREAD)}",
    )
    parser.add_argument("--version", action="version", version=version, help="print the version")
    commands = parser.add_subparsers(
        prog=parser.prog, metavar="COMMAND", help=argparse.SUPPRESS, parser_class=Parser
    )
    for name, module in (row for rows in groups.values() for row in rows.items()):
        own = commands.add_parser(name, description=module.ABOUT)
        own.epilog = ending(module.NOTES, module.EXAMPLES, module.EXIT_CODES)
        module.add_arguments(own)
        own.set_defaults(run=module.run, parser=own)
    parser.set_defaults(run=None, parser=parser)
    return parser


def read(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Return what the *words* say; `help COMMAND` is its --help.

    Exits with 2 where they are wrong, and with 0 where they ask for help.
    """
    if [*words[:1]] == ["help"]:
        words = [*words[1:2], "--help"]
    arguments, extra = parser.parse_known_args(words)
    if extra:
        arguments.parser.refuse(extra)
    if arguments.run is None:
        parser.print_help(sys.stderr)
        sys.exit(2)
    return arguments
