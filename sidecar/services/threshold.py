"""Compares a report with a threshold: whether at least so much is left everywhere."""

from sidecar.core.headroom import headroom, tightest
from sidecar.texts.status_report import GatewayReport, StatusReport
from sidecar.texts.threshold import ThresholdReport


def compare(report: StatusReport, percent: float) -> ThresholdReport:
    """Compare the lowest headroom of all gateways in *report* with *percent*.

    Old values count as long as they are shown. `unknown` is when nothing could be compared because
    something failed, `nothing_to_compare` when there is nothing that could.
    """
    not_known = tuple(row.label for row in report.gateways if row.failure and not row.windows)
    known = [(left, row) for row in report.gateways if (left := headroom(row.windows)) is not None]
    if known:
        left, row = min(known, key=lambda pair: pair[0])
        return _compared(percent, left, row, not_known)
    is_unknown = not_known or (report.problems and not report.gateways and report.is_enabled)
    return ThresholdReport(percent, "unknown" if is_unknown else "nothing_to_compare", not_known=not_known)


def _compared(percent: float, left: float, row: GatewayReport, not_known: tuple[str, ...]) -> ThresholdReport:
    window = tightest(row.windows)
    return ThresholdReport(
        percent,
        "met" if left >= percent else "below",
        headroom_percent=left,
        provider_id=row.provider_id,
        label=row.label,
        window=window.name if window else None,
        not_known=not_known,
    )
