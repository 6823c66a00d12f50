"""Numbers, times and bars, as people read them."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

MOST_NAMED: Final = 12
MINUTE, HOUR, DAY = 60, 3600, 86400

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹"}
_GUESSES: Final = ((9.5 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (2.75 * HOUR, HOUR / 2), (float("inf"), HOUR))
"""Below which a guess is rounded to what."""
_STEPS: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "K"))


def amount(value: float, unit: str, currency: str | None) -> str:
    """Write a figure in its unit: `$12.50`, `12.50 VND`, `750K`."""
    if unit == "cost":
        symbol = _SYMBOLS.get((currency or "").upper())
        figure = f"{abs(value):,.2f}" if abs(value) >= 0.01 or value == 0 else f"{abs(value):.2g}"
        sign = "-" if value < 0 else ""
        return f"{sign}{symbol}{figure}" if symbol else f"{sign}{figure} {currency or ''}".rstrip()
    return compact(value)


def compact(value: float) -> str:
    """Write a count in at most five characters where it is large: 950, 9,500, 12.5K, 3.04M."""
    size = abs(value)
    for step, suffix in _STEPS:
        if size >= step * (1 if suffix == "K" else 0.99995):  # 999,999 is 1M, not 1000K
            scaled = value / (1e3 if suffix == "K" else step)
            return f"{scaled:.4g}{suffix}" if abs(scaled) < 9999.5 else f"{scaled:,.0f}{suffix}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(share: float) -> str:
    """Write what is left, never more than there is: 99.9 is 99 %, a rest is `<1%`, and 999 % is enough."""
    if 0 < share < 1:
        return "<1%"
    return f"{int(min(max(share, 0), 999)):d}%"


def duration(seconds: float) -> str:
    """Write a duration by its two largest units: `9d 23h`, `3h 5m`, `42 min`, `35 s`."""
    seconds = max(0, int(seconds))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        return _two(seconds // HOUR, "h", seconds % HOUR // MINUTE, "m")
    return _two(seconds // DAY, "d", seconds % DAY // HOUR, "h")


def roughly(seconds: float) -> str:
    """Write a duration that is a guess, no finer than it can be known: `8 min`, `40 min`, `1h 30m`, `5h`."""
    step = next(step for below, step in _GUESSES if seconds < below)
    return duration(max(MINUTE, round(seconds / step) * step))


def age(seconds: float) -> str:
    """Write how long ago something was."""
    return "just now" if seconds < 2 else f"{duration(seconds)} ago"


def bar(share: float, width: int) -> str:
    """Draw what is left of 100: full at 100, empty at 0; anything left shows at least one block."""
    filled = min(width, max(0, int(share * width / 100)))
    if share > 0:
        filled = max(filled, 1)
    return "■" * filled + "·" * (width - filled)


def columns(text: str) -> int:
    """Count the columns that *text* takes on a terminal."""
    return sum(_width(character) for character in text)


def fit(text: str, width: int) -> str:
    """Return *text* padded to *width* columns, or cut with an ellipsis."""
    kept = taken = 0
    for end, character in enumerate(text, 1):
        taken += _width(character)
        if taken < width:
            kept = end
        elif taken > width:
            text = text[:kept] + "…"
            break
    return text + " " * (width - columns(text))


def cut(text: str, width: int) -> str:
    """Return *text*, cut with an ellipsis where it is wider than *width*."""
    return text if columns(text) <= width else fit(text, width).rstrip()


def listed(names: Sequence[str]) -> str:
    """Name the first dozen, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def title(label: str, name: str) -> str:
    """Name a thing by its label, and by its own name where that is another word."""
    return label if label == name else f"{label} ({name})"


def visible(line: str) -> str:
    """Remove what moves a terminal's cursor or reorders its text; folders and labels may hold such too."""
    return "".join(character for character in line if character.isprintable()).rstrip()


def wrap(parts: list[str], first: str, rest: str, width: int) -> list[str]:
    """Join *parts* with ` · ` into lines of *width* that start with *first*, then with *rest*.

    A part is broken only where it doesn't fit into a line of its own.
    """
    lines: list[str] = []
    line, gap = first, ""
    for part in parts:
        for piece in _pieces(part, width - columns(rest)):
            if columns(line + gap + piece) > width:
                lines.append(line)
                line, gap = rest, ""
            line, gap = line + gap + piece, " "
        gap = " · "
    return [*lines, line] if parts else lines


def _pieces(part: str, room: int) -> Iterator[str]:
    """Return *part* whole if it fits into *room*, else its words, cut where one is too long."""
    for word in [part] if columns(part) <= room else part.split():
        start, taken = 0, 0
        for index, character in enumerate(word):
            taken += _width(character)
            if taken > room:
                yield word[start:index]
                start, taken = index, _width(character)
        yield word[start:]


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit} {small}{small_unit}" if small else f"{large}{unit}"


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
