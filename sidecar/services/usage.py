"""What is left at each account in one line's worth of figures: the status report, seen from afar."""

from collections.abc import Sequence

from sidecar.core.headroom import headroom, pace, tightest
from sidecar.texts.status_report import GatewayReport, StatusReport
from sidecar.texts.usage_report import ProviderUsage


def usage(report: StatusReport) -> Sequence[ProviderUsage]:
    """Return what *report* says of every account, and of those that only wait."""
    known = [_usage(row, report.at) for row in report.gateways]
    return [*known, *(ProviderUsage(row.provider_id, row.label, waits=row.waits) for row in report.waiting)]


def _usage(row: GatewayReport, now: float) -> ProviderUsage:
    window = tightest(row.windows)
    return ProviderUsage(
        provider_id=row.provider_id,
        label=row.label,
        account_name=row.account_name,
        model=row.model,
        headroom_percent=headroom(row.windows),
        window=window.name if window else None,
        pace_percent=pace(row.windows, None, now),
        resets_at=window.resets_at if window else None,
        source=("heard" if row.is_heard else "asked") if row.read_at is not None else None,
        read_at=row.read_at,
        failure=row.failure,
        waits=row.waits,
        windows=row.windows,
    )
