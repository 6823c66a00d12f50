"""Tells whether a text gives away part of a secret."""

from collections.abc import Iterable
from typing import Final

RUN: Final = 6
"""Characters in a row that a text may not share with a secret."""


def gives_away(text: str, secrets: Iterable[str]) -> bool:
    """Say whether *text* shares `RUN` characters in a row with one of *secrets*, in any case.

    A secret shorter than that gives itself away when it stands in *text* whole.
    """
    text = text.casefold()
    return any(_shares_a_run(text, secret.casefold()) for secret in secrets)


def _shares_a_run(text: str, secret: str) -> bool:
    if len(secret) < RUN:
        return bool(secret) and secret in text
    return any(text[start : start + RUN] in secret for start in range(len(text) - RUN + 1))
