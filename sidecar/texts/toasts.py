"""What toasts say, and how: one toast a look, whatever there is to tell."""

from collections.abc import Sequence
from typing import Final, Literal

from sidecar.core.headroom import share
from sidecar.quota.windows import Window
from sidecar.texts.figures import amount, columns, duration, fit, percent

TITLE: Final = "Quota sidecar"

STAYS_S: Final = 10.0
"""Twice the host's default: it comes when an answer has just ended, which is what a person reads first."""

MOST_LINES: Final = 3
_NAME_COLUMNS: Final = 30

Variant = Literal["success", "warning", "error"]


def low(label: str, window: Window, now: float) -> str:
    """Say how little is left of *window*."""
    return _line(label, window, "blocked by the gateway" if window.blocked else _left(window), now)


def back(label: str, window: Window, now: float) -> str:
    """Say that *window* has come back."""
    return _line(label, window, f"back with {_left(window)}", now)


def setup_problem(count: int) -> str:
    things = "One thing" if count == 1 else f"{count} things"
    return f"{things} to mend in the configuration: /quota_status says what and where."


def message(lines: Sequence[str]) -> str:
    """Return the text of a toast: one thing as a sentence, several as a list, the first ones in full."""
    if len(lines) == 1:
        return lines[0]
    told = [f"• {line}" for line in lines[:MOST_LINES]]
    rest = len(lines) - len(told)
    return "\n".join([*told, f"and {rest} more: /quota_status"] if rest else told)


def _line(label: str, window: Window, what: str, now: float) -> str:
    line = f"{_short(label)}, {_short(window.name)}: {what}"
    if window.resets_at is not None and window.resets_at > now:
        line += f", resets in {duration(window.resets_at - now)}"
    return line


def _left(window: Window) -> str:
    figures = (window.remaining, window.limit) if window.unit != "percent" else (None, None)
    remaining, limit = (
        None if figure is None else amount(figure, window.unit, window.currency) for figure in figures
    )
    left = share(window)
    if not left:
        return f"nothing left of {limit}" if limit else "nothing left"
    return f"{percent(left)} left" + (f" ({remaining} of {limit})" if remaining and limit else "")


def _short(name: str) -> str:
    visible = "".join(character for character in name if character.isprintable())
    return fit(visible, min(columns(visible), _NAME_COLUMNS))
