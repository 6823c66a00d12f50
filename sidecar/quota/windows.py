"""A window: one limit of an account, with what is used and left of it. Data and arithmetic only."""

import math
import re
from typing import Final

import msgspec
from msgspec import Struct

from sidecar.core.headroom import share

Number = int | float

MAX_TEXT: Final = 40
LARGEST: Final = 1e21
"""A figure beyond this is a mistake, and sums of such figures would overflow. NaN fails the test too."""
_NUMERIC: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_CURRENCY: Final = r"[A-Z]{0,2}[$€£¥₹₩]"
_WRITTEN: Final = re.compile(
    rf"([+-]?)\s?(?:{_CURRENCY})?\s?([+-]?)(\d{{1,3}}(?:,\d{{3}})+(?:\.\d*)?|[\d.eE+-]+)\s?[%$€£¥]?"
)
"""A figure as people write it: `$1,234.50`, `-$3`, `US$5`, `3 €`, `12.5%`."""
_LEADING: Final = re.compile(rf"[+-]?\s?(?:{_CURRENCY})?\s?[\d.,+-]+(?:[eE][+-]?\d+)?")


class Window(Struct, frozen=True, omit_defaults=True):
    """One limit. Absent is unknown; `unlimited` is known and has no limit."""

    name: str
    unit: str
    """What is counted: `tokens`, `requests`, `cost`, ..."""
    limit: Number | None = None
    used: Number | None = None
    remaining: Number | None = None
    """Negative when the limit is overrun and the gateway says by how much."""
    percent_remaining: float | None = None
    resets_at: float | None = None
    """Unix seconds."""
    period_s: float | None = None
    """The window's length in seconds; without one it may be a balance, or the reply doesn't say."""
    models: tuple[str, ...] | None = None
    """Globs of the models that it binds; absent: all, empty: none, it is only shown."""
    currency: str | None = None
    unlimited: bool = False
    blocked: bool = False

    @property
    def is_over(self) -> bool:
        """Say whether more was used than the limit allows."""
        if self.remaining is not None and self.remaining < 0:
            return True
        if self.percent_remaining is not None and self.percent_remaining < 0:
            return True
        return self.limit is not None and self.used is not None and self.used > self.limit


def complete(window: Window) -> Window:
    """Derive what two of limit, used and remaining say about the third, and the percentage if none is stated.

    What is unlimited has neither a limit nor a reset. A limit below zero is a sign for something (mostly for
    none), and what is said to be left of it is no figure then.
    """
    if window.unlimited:
        return msgspec.structs.replace(
            window, limit=None, remaining=None, percent_remaining=None, resets_at=None, period_s=None
        )
    limit, used, remaining = window.limit, window.used, window.remaining
    if limit is not None and limit < 0:
        limit, remaining = None, None if remaining is None or remaining <= 0 else remaining
    if remaining is None and limit is not None and used is not None:
        remaining = _exact(limit - used)
    elif used is None and limit is not None and remaining is not None:
        used = _exact(limit - remaining)
    elif limit is None and used is not None and remaining is not None and used + remaining >= 0:
        limit = _exact(used + remaining)
    share = window.percent_remaining
    return msgspec.structs.replace(
        window,
        limit=limit,
        used=used,
        remaining=remaining,
        percent_remaining=_percent(limit, remaining) if share is None else round(float(share), 6),
    )


def renewed(window: Window) -> Window:
    """Return *window* as it is after its reset: nothing of it is used, as far as anybody knows."""
    if share(window) is None:
        return window
    return msgspec.structs.replace(
        window, used=0, remaining=window.limit, percent_remaining=100.0, resets_at=None, blocked=False
    )


def says_something(window: Window) -> bool:
    """Say whether there is anything in *window* to show."""
    figures = (window.limit, window.used, window.remaining, window.percent_remaining)
    return window.unlimited or window.blocked or any(figure is not None for figure in figures)


def as_number(value: object) -> Number | None:
    """Read a finite number, also from a string that is nothing but a number: `12.5`, `$1,234.50`, `40%`."""
    if isinstance(value, str):
        written = _WRITTEN.fullmatch(value.strip()) if len(value) <= MAX_TEXT else None
        text = (written[1] + written[2] + written[3].replace(",", "")) if written else ""
        if not _NUMERIC.fullmatch(text):
            return None
        value = float(text) if re.search(r"[.eE]", text) else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -LARGEST <= value <= LARGEST else None


def leading_number(text: str) -> Number | None:
    """Read the figure that *text* starts with: 12.5 of `$12.50 of $50`."""
    match = _LEADING.match(text.lstrip())
    return as_number(match[0].rstrip(".,")) if match else None


def as_text(value: object) -> str | None:
    """Read a short text fit for a screen: no control or format characters, at most `MAX_TEXT` long."""
    if not isinstance(value, str):
        value = as_number(value)
    if value is None:
        return None
    visible = (char if char.isprintable() else " " for char in str(value)[: 4 * MAX_TEXT])
    return " ".join("".join(visible).split())[:MAX_TEXT].rstrip() or None


def _percent(limit: Number | None, remaining: Number | None) -> float | None:
    if limit is None or remaining is None:
        return None
    if limit == 0:
        return 0.0
    share = 100 * remaining / limit
    return round(share, 6) if math.isfinite(share) else None


def _exact(value: Number) -> Number:
    """Remove the dust that floats leave: 0.1 + 0.2 is 0.3."""
    return round(value, 9)
