"""The outcome of `quota-sidecar status --threshold`: its data, and the one line that says it."""

from typing import Literal

from msgspec import Struct

from sidecar.texts.figures import percent

Outcome = Literal["met", "below", "nothing_to_compare", "unknown"]


class ThresholdReport(Struct, frozen=True, omit_defaults=True):
    """What was compared with the threshold."""

    percent: float
    """The threshold."""
    outcome: Outcome
    headroom_percent: float | None = None
    """The lowest, over all gateways that are shown."""
    provider_id: str | None = None
    label: str | None = None
    window: str | None = None
    """Where that is."""
    not_known: tuple[str, ...] = ()
    """Gateways by their labels that could not be asked, and of which nothing is known from before."""


def parts(report: ThresholdReport) -> list[str]:
    """Return the line's parts, for `figures.wrap`."""
    told = [_compared(report)]
    if report.not_known:
        told.append(f"nothing is known of {', '.join(report.not_known)}")
    return told


def _compared(report: ThresholdReport) -> str:
    threshold = f"threshold {report.percent:g}%"
    if report.headroom_percent is not None:
        left = percent(report.headroom_percent)
        return f"lowest headroom {left}: {report.label}, {report.window}; {threshold}"
    if report.outcome == "unknown":
        return f"headroom unknown; {threshold}"
    return f"nothing to compare: no gateway says how much of a limit is left; {threshold}"
