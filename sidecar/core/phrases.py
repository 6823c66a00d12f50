"""How the rules look for words: families of phrases, each with a name and what it looks like.

Texts come as `failure_facts.plain` leaves them: lower case, single spaces, plain quotes. Every gap in a
pattern is bounded, so that matching is linear; none looks at a number that could be part of an id.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from msgspec import Struct


class Regex(Struct, frozen=True):
    """A pattern that is compiled when it is first used: all together take longer than our start may."""

    source: str

    def search(self, text: str) -> re.Match[str] | None:
        return _compiled(self.source).search(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        return _compiled(self.source).fullmatch(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return _compiled(self.source).finditer(text)


class Phrase(Struct, frozen=True):
    """One way to say one thing."""

    name: str
    pattern: Regex


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.ASCII)


def family(*rows: tuple[str, str]) -> tuple[Phrase, ...]:
    """Return a family from names and patterns."""
    return tuple(Phrase(name, Regex(source)) for name, source in rows)


def first(phrases: Iterable[Phrase], text: str) -> str | None:
    """Return the name of the first phrase of *phrases* that *text* holds."""
    return next((phrase.name for phrase in phrases if phrase.pattern.search(text)), None)
