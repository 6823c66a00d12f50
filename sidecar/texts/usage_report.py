"""The report of `quota-sidecar usage`: a line for each account, and its data."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from sidecar.quota.windows import Window
from sidecar.texts import window_lines
from sidecar.texts.failures import fetch_failure
from sidecar.texts.figures import age, columns, duration, fit, percent, title, visible, wrap
from sidecar.texts.program import PROGRAM
from sidecar.texts.status_report import FailureReport
from sidecar.texts.waits import WaitReport
from sidecar.texts.waits import lines as wait_lines


class ProviderUsage(Struct, frozen=True, omit_defaults=True):
    """What is left at one account of a provider. Times are Unix seconds; unknown is absent."""

    provider_id: str
    label: str
    account_name: str | None = None
    model: str | None = None
    """The one model of which the windows tell."""
    headroom_percent: float | None = None
    """What is left in the window with the least, 0 to 100; absent: no window says its share."""
    window: str | None = None
    """The name of that window."""
    pace_percent: float | None = None
    """What is left beyond the share of the time that is left, of the window that is used fastest."""
    resets_at: float | None = None
    """When that window turns."""
    used_up_at: float | None = None
    """When it will be used up if it goes on like this, where readings allow to say so."""
    source: Literal["asked", "heard"] | None = None
    """Where the figures are from: a request for them, or the headers of ordinary answers."""
    read_at: float | None = None
    failure: FailureReport | None = None
    """Of the last request for them; the figures are from before."""
    waits: tuple[WaitReport, ...] = ()
    windows: tuple[Window, ...] = ()
    """All of them."""


NAME_COLUMNS = (10, 30)
"""At least and at most."""


def render(rows: Sequence[ProviderUsage], now: float, width: int) -> str:
    """Return a line for each account where *width* columns allow it."""
    labels = [row.label for row in rows]
    names = [_name(row, is_alone=labels.count(row.label) == 1) for row in rows]
    least, most = NAME_COLUMNS
    room = min(max(least, *map(columns, names), 0), most, width // 2 - 4)
    lines: list[str] = []
    for row, name in zip(rows, names, strict=True):
        first = f"{fit(name, room)} {_left(row):>4}  "
        lines += wrap(_parts(row, now), first, " " * columns(first), width)
        lines += wait_lines(row.waits, now, width)
    return "\n".join(visible(line) for line in lines) or _NOTHING


_NOTHING = f"Nothing is known: no gateway is configured, and nothing was heard. `{PROGRAM} doctor` says more."


def _name(row: ProviderUsage, *, is_alone: bool) -> str:
    label = row.label if is_alone else title(row.label, row.provider_id)
    parts = [label, row.model, row.account_name]
    return " · ".join(part for part in parts if part)


def _left(row: ProviderUsage) -> str:
    return "?" if row.headroom_percent is None else percent(row.headroom_percent)


def _parts(row: ProviderUsage, now: float) -> list[str]:
    parts = [row.window] if row.window else [_figures(window) for window in row.windows[:1]]
    if row.used_up_at is not None:
        parts.append(f"used up in {duration(row.used_up_at - now)}")
    if row.resets_at is not None and row.resets_at > now:
        parts.append(f"resets in {duration(row.resets_at - now)}")
    if row.pace_percent is not None:
        parts.append(f"pace {row.pace_percent:+.0f}")
    if row.failure:
        parts.append(fetch_failure(row.failure.kind, row.failure.status, has_key=True))
    if row.source and parts and row.read_at is not None:
        parts.append(f"{row.source} {age(now - row.read_at)}")
    return parts or ["nothing is known yet"]


def _figures(window: Window) -> str:
    return f"{window.name}: {window_lines.figures(window)}"
