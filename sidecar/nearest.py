"""The word that somebody most likely meant: of keys, names, commands and options."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

ALIKE: Final = 0.6
"""From here on two words are taken for one, misspelled; 1 is the same word."""


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """Return which of *known* is most like *word*, whatever its case and its dashes; None if none is."""
    names = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word), names, 1, alike)
    return names[found[0]] if found else None


def _plain(word: str) -> str:
    """Return *word* as it is however somebody joins words: quota_path, quota-path and quotaPath are one."""
    return word.lower().replace("_", "").replace("-", "")
