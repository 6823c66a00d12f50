"""The report of `/quota_status` and `quota-sidecar status`: its data, and how it reads."""

from datetime import datetime

from msgspec import Struct

from sidecar.nearest import nearest
from sidecar.quota.windows import Window
from sidecar.texts import hosts, threshold, waits, window_lines
from sidecar.texts.failures import fetch_failure
from sidecar.texts.figures import age, columns, duration, fit, listed, title, visible, wrap
from sidecar.texts.problems import quoted
from sidecar.texts.threshold import ThresholdReport
from sidecar.texts.waits import GoneReport, ProviderWait, WaitReport


class KeyReport(Struct, frozen=True, omit_defaults=True):
    """Where a gateway's key is from; never a part of it."""

    source: str
    is_missing: bool = False
    """There is none: requests go out without."""
    shadowed: tuple[str, ...] = ()
    host_uses: str | None = None
    """OpenCode itself uses another key, from here."""


class FailureReport(Struct, frozen=True, omit_defaults=True):
    """Why the last attempt gave nothing."""

    kind: str
    status: int | None = None
    retry_at: float | None = None


class GatewayReport(Struct, frozen=True, omit_defaults=True):
    """What is known of one gateway."""

    provider_id: str
    label: str
    key: KeyReport
    windows: tuple[Window, ...] = ()
    account_name: str | None = None
    read_at: float | None = None
    failure: FailureReport | None = None
    requests_today: int = 0
    model: str | None = None
    """The one model of which the windows tell."""
    is_heard: bool = False
    """Its figures come with ordinary answers; it can't be asked."""
    waits: tuple[WaitReport, ...] = ()
    """What its provider has refused since it answered last."""
    routed: tuple[str, ...] = ()
    """The virtual models whose next turn goes to its provider."""


class RouteReport(Struct, frozen=True):
    """Where the next turn of a virtual model goes."""

    model: str
    target: str
    """`provider/model`."""
    label: str
    """What to call its provider."""


class ProblemReport(Struct, frozen=True, omit_defaults=True):
    """Something to mend in a file."""

    file: str
    message: str
    line: int | None = None
    path: str | None = None


class StatusReport(Struct, frozen=True, omit_defaults=True):
    """Everything that the report says."""

    at: float
    version: str
    gateways: tuple[GatewayReport, ...] = ()
    problems: tuple[ProblemReport, ...] = ()
    store_trouble: str | None = None
    host_version: str | None = None
    """OpenCode's, where it has asked."""
    is_enabled: bool = True
    config_file: str = ""
    uptime_s: float | None = None
    switched_off: tuple[str, ...] = ()
    """Providers that are configured, and not shown."""
    waiting: tuple[ProviderWait, ...] = ()
    """Providers without a gateway of their own that have to wait."""
    gone: GoneReport | None = None
    unasked: tuple[str, ...] = ()
    """Ids of providers of which nothing is shown, as they are asked only where somebody wants it."""
    routes: tuple[RouteReport, ...] = ()
    """Of the virtual model of this session; without one of those that sessions used lately."""
    threshold: ThresholdReport | None = None
    """Only where one was asked for."""


def render(report: StatusReport, width: int) -> str:
    """Return the report in lines of at most *width* columns."""
    if not report.is_enabled:
        off = _words(_OFF.format(file=report.config_file), "", width)
        return _join([off, _health(report, width), _threshold(report, width)])
    layout = window_lines.layout((row for gateway in report.gateways for row in gateway.windows), width)
    blocks = [_gateway(gateway, report.at, layout) for gateway in report.gateways]
    blocks += [waits.block(row, report.at, width) for row in report.waiting]
    if not report.gateways:
        blocks.append(_nothing_to_show(report, width))
    if report.gone:
        blocks.insert(0, waits.gone(report.gone, report.at, width))
    blocks += [_routes(report, width), _unasked(report, width), _problems(report, width)]
    return _join([*blocks, _health(report, width), _threshold(report, width)])


def no_such_gateway(name: str, known: list[str]) -> str:
    """Answer a question for a gateway that isn't there."""
    near = nearest(name, known)
    return f"There is no gateway {quoted(name)}. " + (
        f"Did you mean {near!r}?"
        if near
        else f"Configured: {listed(known)}."
        if known
        else "None is configured yet; /quota_status says how."
    )


_NOTHING_KNOWN = "nothing is known yet; ask again"
_NOTHING_HEARD = "nothing heard yet: the next answer tells"

_UNASKED = (
    "Not asked, as it isn't documented there: {names}. To ask all the same, set "
    "providers.<id>.undocumented: true in {file}."
)

_ALL_OFF = "Every gateway is switched off (providers.<id>.enabled: false): {names}."

_OFF = "The quota sidecar is switched off (enabled: false in {file} or in this project)."


def _join(blocks: list[list[str]]) -> str:
    return "\n\n".join("\n".join(visible(line) for line in block) for block in blocks if block)


def _gateway(gateway: GatewayReport, now: float, layout: window_lines.Layout) -> list[str]:
    name, width = title(gateway.label, gateway.provider_id), layout.width
    if gateway.model:
        name += f" · {gateway.model}"
    if gateway.account_name:
        name += f" · {gateway.account_name}"
    when = age(now - gateway.read_at) if gateway.windows and gateway.read_at is not None else ""
    lines = [fit(name, width - columns(when) - 1) + " " + when]
    if gateway.routed:
        verb = "goes" if len(gateway.routed) == 1 else "go"
        lines += wrap([f"{', '.join(gateway.routed)} {verb} here"], "  → ", "    ", width)
    lines += waits.lines(gateway.waits, now, width)
    if gateway.failure:
        lines += _failure(gateway, gateway.failure, now, width)
    elif not gateway.windows:
        lines += _words(_NOTHING_HEARD if gateway.is_heard else _NOTHING_KNOWN, "  ", width)
    for window in gateway.windows:
        lines += window_lines.lines(window, now, layout)
    return lines + _footnotes(gateway, width)


def _routes(report: StatusReport, width: int) -> list[str]:
    """Name those that go to somebody of whom there is nothing else to tell."""
    shown = {model for gateway in report.gateways for model in gateway.routed}
    hidden = [row for row in report.routes if row.model not in shown]
    told = [f"{row.model} goes to {row.label} ({row.target.partition('/')[2]})" for row in hidden]
    return [line for text in told for line in wrap([text], "→ ", "  ", width)]


def _failure(gateway: GatewayReport, failure: FailureReport, now: float, width: int) -> list[str]:
    parts = [fetch_failure(failure.kind, failure.status, has_key=not gateway.key.is_missing)]
    if failure.retry_at is not None and failure.retry_at > now:
        parts.append(f"asked again in {duration(failure.retry_at - now)}")
    if gateway.windows:
        parts.append("the last good values")
    return wrap(parts, "  ! ", "    ", width)


def key_words(key: KeyReport) -> list[str]:
    """Return what is said of a key, in parts."""
    parts = [f"key: {key.source}"]
    if key.shadowed:
        parts.append(f"not used: {', '.join(key.shadowed)}")
    if key.host_uses:
        parts.append(f"OpenCode uses another key: {key.host_uses}")
    return parts


def _footnotes(gateway: GatewayReport, width: int) -> list[str]:
    parts = key_words(gateway.key)
    if gateway.requests_today:
        noun = "request" if gateway.requests_today == 1 else "requests"
        parts.append(f"{gateway.requests_today:,} {noun} today")
    return wrap(parts, "  ", "  ", width)


def _problems(report: StatusReport, width: int) -> list[str]:
    lines = ["To mend:"] if report.problems else []
    for problem in report.problems:
        place = problem.file + (f", line {problem.line}" if problem.line else "")
        what = f"{problem.path}: {problem.message}" if problem.path else problem.message
        lines += [*wrap([place], "  ! ", "    ", width), *_words(what, "    ", width)]
    return lines


def _unasked(report: StatusReport, width: int) -> list[str]:
    names = ", ".join(report.unasked)
    return _words(_UNASKED.format(names=names, file=report.config_file), "", width) if names else []


def _health(report: StatusReport, width: int) -> list[str]:
    parts = [f"sidecar {report.version}"]
    if report.uptime_s is not None:
        parts.append(f"up {duration(report.uptime_s)}")
    parts.append(f"{datetime.fromtimestamp(report.at).astimezone():%H:%M %Z}".strip())
    lines = wrap(parts, "", "", width)
    troubles = (report.store_trouble, hosts.note(report.host_version or ""))
    return lines + [line for text in troubles if text for line in _words(f"! {text}", "  ", width)]


def _threshold(report: StatusReport, width: int) -> list[str]:
    return wrap(threshold.parts(report.threshold), "", "  ", width) if report.threshold else []


def _nothing_to_show(report: StatusReport, width: int) -> list[str]:
    if report.switched_off:
        return _words(_ALL_OFF.format(names=", ".join(report.switched_off)), "", width)
    if report.problems:
        return ["No gateway can be asked yet."]
    return _nothing_configured(report, width)


def _nothing_configured(report: StatusReport, width: int) -> list[str]:
    return [
        "No gateway is configured yet. Write into",
        *_words(report.config_file, "  ", width),
        "and ask again:",
        "  {",
        '    "gateways": [{',
        '      "providerId": "my-gateway",',
        '      "quotaPath": "/quota"',
        "    }]",
        "  }",
        *_words("`my-gateway` is a provider of your global opencode.json,", "", width),
        *_words("whose baseURL and key are used.", "", width),
    ]


def _words(text: str, indent: str, width: int) -> list[str]:
    return wrap([text], indent, indent, width)
