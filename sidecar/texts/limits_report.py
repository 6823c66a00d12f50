"""The report of `/rate_limit_status` and `quota-sidecar limits`: its data, and how it reads."""

from msgspec import Struct

from sidecar.core.limits import Kind
from sidecar.quota.windows import Window, complete
from sidecar.texts import waits, window_lines
from sidecar.texts.decisions import DecisionReport, sentence
from sidecar.texts.failover import LIMITS
from sidecar.texts.figures import age, amount, columns, compact, cut, fit, title, visible, wrap
from sidecar.texts.times import lasting
from sidecar.texts.waits import GoneReport, WaitReport


class LimitReport(Struct, frozen=True, omit_defaults=True):
    """A limit that the user has set."""

    kind: Kind
    used: float
    limit: float
    resets_at: float
    is_reached: bool = False


class ProviderReport(Struct, frozen=True, omit_defaults=True):
    """How a provider stands."""

    provider_id: str
    label: str
    waits: tuple[WaitReport, ...] = ()
    limits: tuple[LimitReport, ...] = ()
    is_hard: bool = False
    """At a limit nothing is sent any more."""
    requests_this_hour: int = 0
    requests_today: int = 0
    tokens_today: float | None = None
    cost_today: float | None = None
    """US dollars."""


class SessionReport(Struct, frozen=True, omit_defaults=True):
    """Whose model a session uses; each is `provider/model`."""

    chosen: str
    moved_to: str | None = None
    last_served: str | None = None
    left: str | None = None
    """The virtual model that it has left by a command."""


class LimitsReport(Struct, frozen=True, omit_defaults=True):
    """Everything that the report says."""

    at: float
    version: str
    providers: tuple[ProviderReport, ...] = ()
    session: SessionReport | None = None
    gone: GoneReport | None = None
    decisions: tuple[DecisionReport, ...] = ()
    is_enabled: bool = True
    auto_route: bool = True
    has_routes: bool = False
    dry_run: bool = False
    store_trouble: str | None = None


def render(report: LimitsReport, width: int) -> str:
    """Return the report in lines of at most *width* columns."""
    windows = {row.provider_id: [_window(limit) for limit in row.limits] for row in report.providers}
    layout = window_lines.layout((window for rows in windows.values() for window in rows), width)
    blocks = [waits.gone(report.gone, report.at, width)] if report.gone else []
    blocks += [_provider(row, windows[row.provider_id], report.at, layout) for row in report.providers]
    blocks += [] if report.providers else [wrap([_NOTHING], "", "", width)]
    blocks += [_session(report, width), _decisions(report, width), _switches(report, width)]
    return "\n\n".join("\n".join(visible(line) for line in block) for block in blocks if block)


_NOTHING = "No provider was used today, and none has to wait."

_NAMES: dict[Kind, str] = {
    "requests_per_hour": "per hour",
    "requests_per_day": "per day",
    "tokens_per_day": "tokens/day",
    "cost_per_day": "cost/day",
}
"""They fit into the narrowest report."""

_SWITCHES = (
    (
        "is_enabled",
        False,
        "The quota sidecar is switched off (enabled: false): every request goes where you chose.",
    ),
    ("dry_run", True, "Dry run (dryRun: true): what would be done is only noted."),
)

_NO_ROUTES = "autoRoute is off and there are no routes: a request goes on nowhere else."
_AUTO_ROUTE_OFF = "autoRoute is off: only a request for a target of a route goes on elsewhere."


def _provider(
    row: ProviderReport, windows: list[Window], now: float, layout: window_lines.Layout
) -> list[str]:
    width = layout.width
    lines = [cut(title(row.label, row.provider_id), width)]
    lines += waits.lines(row.waits, now, width)
    for limit in row.limits:
        if limit.is_reached:
            lines += wrap(_reached(row, limit, now), "  ! ", "    ", width)
    if len(lines) == 1:
        lines.append("  ok")
    for window in windows:
        lines += window_lines.lines(window, now, layout)
    return lines + wrap(_use(row), "  ", "  ", width)


def _reached(row: ProviderReport, limit: LimitReport, now: float) -> list[str]:
    what = "nothing is sent there" if row.is_hard else "it comes last"
    return [f"at your limit: {LIMITS[limit.kind]}", f"{what} {lasting(limit.resets_at, now)}"]


def _window(limit: LimitReport) -> Window:
    unit = {"tokens_per_day": "tokens", "cost_per_day": "cost"}.get(limit.kind, "requests")
    currency = "USD" if unit == "cost" else None
    return complete(
        Window(
            _NAMES[limit.kind],
            unit,
            limit=limit.limit,
            used=limit.used,
            resets_at=limit.resets_at,
            currency=currency,
        )
    )


def _use(row: ProviderReport) -> list[str]:
    parts: list[str] = []
    if row.requests_today:
        noun = "request" if row.requests_today == 1 else "requests"
        parts.append(f"{row.requests_today:,} {noun} today, {row.requests_this_hour:,} this hour")
    if row.tokens_today:
        parts.append(f"{compact(row.tokens_today)} tokens")
    if row.cost_today is not None:
        parts.append(amount(row.cost_today, "cost", "USD"))
    return parts


def _session(report: LimitsReport, width: int) -> list[str]:
    session = report.session
    if session is None:
        return []
    parts = [f"This session: {session.chosen}"]
    if session.moved_to:
        parts.append(f"moved to {session.moved_to} for now")
    if session.left:
        parts.append(f"has left {session.left}")
    if session.last_served:
        parts.append(f"last answer from {session.last_served}")
    return wrap(parts, "", "  ", width)


def _decisions(report: LimitsReport, width: int) -> list[str]:
    lines = ["Last decisions:"] if report.decisions else []
    ages = [age(report.at - row.at) for row in report.decisions]
    room = max(map(columns, ages), default=0)
    for row, when in zip(report.decisions, ages, strict=True):
        first = f"  {fit(when, room)}  "
        lines += wrap(sentence(row), first, " " * columns(first), width)
    return lines


def _switches(report: LimitsReport, width: int) -> list[str]:
    told = [text for name, value, text in _SWITCHES if getattr(report, name) is value]
    if not report.auto_route:
        told.append(_AUTO_ROUTE_OFF if report.has_routes else _NO_ROUTES)
    if report.store_trouble:
        told.append(report.store_trouble)
    return [line for text in told for line in wrap([text], "! ", "  ", width)]
