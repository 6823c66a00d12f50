"""A window in a report: a bar of what is left, and the figures beside it."""

from collections.abc import Iterable

from msgspec import Struct

from sidecar.core.headroom import share
from sidecar.quota.windows import Window
from sidecar.texts.figures import amount, bar, columns, duration, fit, percent, roughly, wrap

NAME_COLUMNS = (10, 16)
"""At least and at most: the longest name of a report's windows decides."""
BAR_COLUMNS = 12


class ShownWindow(Window, frozen=True, omit_defaults=True):
    """A window of which more is known than was read."""

    used_up_at: float | None = None
    """Unix seconds: when nothing will be left if it goes on like this."""


class Layout(Struct, frozen=True):
    """The columns of a report."""

    width: int
    name: int
    bar: int


def layout(windows: Iterable[Window], width: int) -> Layout:
    """Return the columns for a report of *windows* that is *width* columns wide."""
    least, most = NAME_COLUMNS
    if width < 64:
        return Layout(width, least, BAR_COLUMNS // 2)
    longest = max((columns(window.name) for window in windows), default=0)
    return Layout(width, min(max(longest, least), most), BAR_COLUMNS)


def lines(window: Window, now: float, layout: Layout) -> list[str]:
    """Return *window* in lines that are indented by two."""
    first = f"  {fit(window.name, layout.name)} "
    indent = " " * columns(first)
    first += _gauge(window, layout.bar)
    parts = [left] if (left := figures(window)) else []
    if window.resets_at is not None and window.resets_at > now:
        parts.append(f"resets in {duration(window.resets_at - now)}")
    if isinstance(window, ShownWindow) and window.used_up_at is not None:
        parts.append(used_up(window.used_up_at, now))
    return wrap(parts, first, indent, layout.width) or [first]


def used_up(at: float, now: float) -> str:
    """Say that nothing will be left from about *at* on."""
    return f"at this pace used up in about {roughly(at - now)}"


def _gauge(window: Window, bar_columns: int) -> str:
    left = share(window)
    if left is None or (window.unlimited and not window.blocked):
        return ""
    word = "over" if window.is_over and not window.blocked else percent(left)
    return f"{bar(left, bar_columns)} {word:>4}  "


def figures(window: Window) -> str:
    """Return what *window* says in words; nothing where a bar and its percentage say all that there is."""
    if window.blocked:
        return "blocked by the gateway"
    if window.unlimited:
        return "unlimited" + (f", {_figure(window, window.used)} used" if window.used is not None else "")
    if window.percent_remaining is not None and _is_share_only(window):
        return f"{100 - window.percent_remaining:,.0f}% used" if window.is_over else ""
    return _over(window) if window.is_over else _figures(window)


def _figures(window: Window) -> str:
    if window.remaining is not None and window.limit is not None:
        return f"{_figure(window, window.remaining)} of {_figure(window, window.limit)} left"
    if window.remaining is not None:
        return f"{_figure(window, window.remaining)} left"
    if window.limit is not None:
        return f"limit {_figure(window, window.limit)}, use unknown"
    return f"{_figure(window, window.used)} used, limit unknown" if window.used is not None else "unknown"


def _over(window: Window) -> str:
    if window.used is not None and window.limit is not None:
        return f"{_figure(window, window.used)} of {_figure(window, window.limit)} used"
    return f"{_figure(window, -(window.remaining or 0))} over the limit"


def _figure(window: Window, value: float) -> str:
    return amount(value, window.unit, window.currency)


def _is_share_only(window: Window) -> bool:
    figures = (window.limit, window.used, window.remaining)
    return window.unit == "percent" or all(figure is None for figure in figures)
