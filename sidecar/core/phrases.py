"""How the rules look for words: families of phrases, each with a name and what it looks like.

Texts come as `failure_facts.plain` leaves them: lower case, single spaces, plain quotes. Every gap in a
pattern is bounded, so that matching is linear; none looks at a number that could be part of an id.
"""

import re
from collections.abc import Iterable

from msgspec import Struct


class Phrase(Struct, frozen=True):
    """One way to say one thing."""

    name: str
    pattern: re.Pattern[str]


def family(*rows: tuple[str, str]) -> tuple[Phrase, ...]:
    """Return a family from names and patterns."""
    return tuple(Phrase(name, re.compile(pattern, re.ASCII)) for name, pattern in rows)


def first(phrases: Iterable[Phrase], text: str) -> str | None:
    """Return the name of the first phrase of *phrases* that *text* holds."""
    return next((phrase.name for phrase in phrases if phrase.pattern.search(text)), None)
