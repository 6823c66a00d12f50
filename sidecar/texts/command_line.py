"""What is wrong with a command line, in words: each line names the word, and the nearest right one."""

import re
from collections.abc import Iterable
from typing import Final

from sidecar.nearest import nearest

_PLAIN: Final = (
    (re.compile(r"^argument (\S+): expected one argument$"), r"\1 wants a value"),
    (re.compile(r"^argument (\S+): ignored explicit argument .*"), r"\1 takes no value"),
    (re.compile(r"^argument (\S+): not allowed with argument (\S+)$"), r"\1 can't be given together with \2"),
    (re.compile(r"^the following arguments are required: (.+)$"), r"\1 is missing"),
    (re.compile(r"^one of the arguments (\S+) (\S+) is required$"), r"one of \1 and \2 is needed"),
    (re.compile(r"^argument (\S+): "), r"\1: "),
)


def plainly(message: str) -> str:
    """Say what argparse found wrong without its own terms."""
    for pattern, words in _PLAIN:
        message = pattern.sub(words, message)
    return message


def unknown_word(kind: str, word: str, known: Iterable[str]) -> str:
    """Refuse a *word* that is none of the *known*; *kind* is what it should be one of, like a command."""
    names = list(known)
    near = nearest(word, names)
    return f"there is no {kind} {word!r}; " + (
        f"did you mean {near!r}?" if near else f"there are {', '.join(names)}"
    )


def one_too_many(word: str, could_be_provider: bool) -> str:
    return f"{word!r} is a word too many" + (
        f"; did you mean --provider {word}?" if could_be_provider else ""
    )


def wrong(program: str, reason: str) -> str:
    """Return what is printed: what is wrong, and where more is said."""
    return f"{program}: {reason}\nMore: {program} --help\n"
