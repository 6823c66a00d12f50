"""What toasts say, and how: one toast a look, whatever there is to tell."""

from collections.abc import Sequence
from typing import Final, Literal

from sidecar.core.headroom import share
from sidecar.quota.windows import Window
from sidecar.texts.figures import amount, cut, duration, percent, wrap
from sidecar.texts.window_lines import used_up

TITLE: Final = "Quota sidecar"

STAYS_S: Final = 10.0
"""Twice the host's default: it comes when an answer has just ended, which is what a person reads first."""

COLUMNS: Final = 54
"""What the TUI's toasts hold in a line. It would break elsewhere itself, within a figure too: `$50.` `00`."""

MOST_THINGS: Final = 3
_NAME_COLUMNS: Final = 30

Variant = Literal["success", "warning", "error"]


Sentence = tuple[str, ...]
"""One thing to tell, in parts between which a line may end."""


def low(label: str, window: Window, now: float, used_up_at: float | None = None) -> Sentence:
    """Say how little is left of *window*, and for how long that will do, if that is known."""
    said, *reset = _sentence(
        label, window, "blocked by the gateway" if window.blocked else _left(window), now
    )
    pace = [] if used_up_at is None else [used_up(used_up_at, now)]
    return said, *pace, *reset


def back(label: str, window: Window, now: float) -> Sentence:
    """Say that *window* has come back."""
    return _sentence(label, window, f"back with {percent(share(window) or 0)} left", now)


def setup_problem(count: int) -> Sentence:
    things = "One thing" if count == 1 else f"{count} things"
    return f"{things} to mend in the configuration:", "/quota_status says what and where."


def message(sentences: Sequence[Sentence]) -> str:
    """Return the text of a toast: one thing as it is, several as a list, the first ones in full."""
    first, rest = ("", "") if len(sentences) == 1 else ("• ", "  ")
    told = [line for parts in sentences[:MOST_THINGS] for line in wrap([*parts], first, rest, COLUMNS)]
    more = len(sentences) - MOST_THINGS
    return "\n".join([*told, f"and {more} more: /quota_status"] if more > 0 else told)


def line(sentence: Sentence) -> str:
    """Return *sentence* as one line, for a webhook."""
    return " · ".join(sentence)


def _sentence(label: str, window: Window, what: str, now: float) -> Sentence:
    said = f"{short(label)}, {short(window.name)}: {what}"
    if window.resets_at is None or window.resets_at <= now:
        return (said,)
    return said, f"resets in {duration(window.resets_at - now)}"


def _left(window: Window) -> str:
    figures = (window.remaining, window.limit) if window.unit != "percent" else (None, None)
    remaining, limit = (
        None if figure is None else amount(figure, window.unit, window.currency) for figure in figures
    )
    left = share(window)
    if not left:
        return f"nothing left of {limit}" if limit else "nothing left"
    return f"{percent(left)} left" + (f" ({remaining} of {limit})" if remaining and limit else "")


def short(name: str) -> str:
    """Return a name as far as a toast has room for it."""
    visible = "".join(character for character in name if character.isprintable())
    return cut(visible, _NAME_COLUMNS)
