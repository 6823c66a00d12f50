"""What is left at each account in one line's worth of figures: the status report, seen from afar."""

from collections.abc import Sequence

from sidecar.core.headroom import headroom, pace, tightest
from sidecar.quota.windows import Window
from sidecar.texts.status_report import GatewayReport, StatusReport
from sidecar.texts.usage_report import ProviderUsage
from sidecar.texts.window_lines import ShownWindow


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
        used_up_at=min((at for row in row.windows if (at := _used_up_at(row)) is not None), default=None),
        source=("heard" if row.is_heard else "asked") if row.read_at is not None else None,
        read_at=row.read_at,
        failure=row.failure,
        waits=row.waits,
        windows=row.windows,
    )


def _used_up_at(window: Window) -> float | None:
    return window.used_up_at if isinstance(window, ShownWindow) else None
