"""`/quota_status`: gathers what is configured, left and wrong into one report."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import asdict, replace

from sidecar import __version__
from sidecar.adapters.config import OUR_FILES, Config
from sidecar.adapters.documents import Problem
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.paths import Places, shorten
from sidecar.adapters.store import HourUsage, QuotaSnapshot, Store
from sidecar.quota.windows import Window
from sidecar.services import waiting
from sidecar.services.days import local_day
from sidecar.services.quotas import Freshness, Quotas, windows_that_tell
from sidecar.services.waiting import Waits
from sidecar.services.workspaces import Workspace
from sidecar.texts import keys
from sidecar.texts.status_report import (
    FailureReport,
    GatewayReport,
    KeyReport,
    ProblemReport,
    RouteReport,
    StatusReport,
    no_such_gateway,
)
from sidecar.texts.window_lines import ShownWindow


class UnknownGatewayError(LookupError):
    """Somebody asked for a gateway that isn't configured; the message says which there are."""


class StatusService:
    """Builds reports, for the command and for the terminal alike."""

    def __init__(
        self,
        places: Places,
        environ: Mapping[str, str],
        store: Store,
        quotas: Quotas,
        clock: Callable[[], float],
        started_at: float | None = None,
    ) -> None:
        """Report on *quotas* and *store*; *clock* gives Unix seconds, *started_at* is of a server."""
        self._started_at = started_at
        self._places = places
        self._environ = environ
        self._store = store
        self._quotas = quotas
        self._clock = clock

    async def report(self, place: Workspace, only: str | None, *, refresh: bool) -> StatusReport:
        """Return the report; *only* names one provider. Raises `UnknownGatewayError`."""
        config, settings = place.config, place.config.settings
        known = await self._quotas.gateways(config)
        waits = await self._waits(place, known) if settings.enabled else {}
        gateways = _select(known, only, waits, place)
        snapshots = {}
        if settings.enabled:
            freshness = Freshness(settings.quota_cache_s, refresh, timeout_s=settings.quota_timeout_s)
            snapshots = await self._quotas.read(gateways, freshness)
        now = self._clock()
        requests = _requests_today((await self._store.load(now)).usage, now)
        rows = _joined([gateway_report(row, snapshots.get(row.key()), requests, now) for row in gateways])
        others = {name: row for name, row in waits.items() if name not in {one.provider_id for one in known}}
        return StatusReport(
            at=now,
            version=__version__,
            gateways=tuple(_with_waits(rows, waits)),
            waiting=waiting.provider_waits(
                {name: row for name, row in others.items() if only is None or _is_named(only, name, place)},
                place,
            ),
            gone=waiting.gone(await self._store.decisions(1), waits, place, now) if waits else None,
            problems=tuple(problem_report(problem, self._environ) for problem in config.problems),
            store_trouble=self._store.trouble,
            host_version=place.host_version,
            is_enabled=settings.enabled,
            config_file=shorten(self._places.config / OUR_FILES[0], self._environ),
            uptime_s=None if self._started_at is None else max(0.0, now - self._started_at),
            switched_off=config.switched_off,
            unasked=_unasked(config, rows) if only is None else (),
        )

    async def _waits(self, place: Workspace, gateways: list[Gateway]) -> Waits:
        now = self._clock()
        names = [gateway.provider_id for gateway in gateways]
        return waiting.waits_of((await self._store.load(now)).cooldowns, place, names, now)


def with_routes(report: StatusReport, routes: tuple[RouteReport, ...]) -> StatusReport:
    """Mark in *report* who serves the virtual models of *routes*, each at the first row of its provider."""
    left: dict[str, list[str]] = {}
    for row in routes:
        left.setdefault(row.target.partition("/")[0], []).append(row.model)
    gateways = (replace(row, routed=tuple(left.pop(row.provider_id, ()))) for row in report.gateways)
    return replace(report, gateways=tuple(gateways), routes=routes)


def _unasked(config: Config, rows: list[GatewayReport]) -> tuple[str, ...]:
    """Return who would say more if it were wanted: of whom nothing is known from ordinary answers either."""
    told = {row.provider_id for row in rows if row.windows}
    return tuple(name for name in config.unasked if name not in told)


def problem_report(problem: Problem, environ: Mapping[str, str]) -> ProblemReport:
    """Return *problem* as it is told."""
    return ProblemReport(shorten(Path(problem.file), environ), problem.message, problem.line, problem.path)


def select(gateways: list[Gateway], only: str | None) -> list[Gateway]:
    """Return those of the provider *only*, or all."""
    if only is None:
        return gateways
    chosen = [gateway for gateway in gateways if only.casefold() in gateway.names()]
    if not chosen:
        known = dict.fromkeys(gateway.provider_id for gateway in gateways)
        raise UnknownGatewayError(no_such_gateway(only, list(known)))
    return chosen


def _select(gateways: list[Gateway], only: str | None, waits: Waits, place: Workspace) -> list[Gateway]:
    """Do as `select`; a provider that only waits is known too."""
    try:
        return select(gateways, only)
    except UnknownGatewayError:
        if only is None or not any(_is_named(only, name, place) for name in waits):
            raise
        return []


def _is_named(only: str, provider_id: str, place: Workspace) -> bool:
    return only.casefold() in (provider_id.casefold(), place.label(provider_id).casefold())


def _with_waits(rows: list[GatewayReport], waits: Waits) -> Iterator[GatewayReport]:
    """Tell what a provider waits for at the first of its gateways."""
    left = dict(waits)
    for row in rows:
        yield replace(row, waits=left.pop(row.provider_id, ()))


def gateway_report(
    gateway: Gateway, snapshot: QuotaSnapshot | None, requests: Mapping[str, int], now: float
) -> GatewayReport:
    """Return what is known of *gateway*; a window that has turned since it was read tells nothing."""
    snapshot = snapshot or QuotaSnapshot()
    error = snapshot.error
    return GatewayReport(
        provider_id=gateway.provider_id,
        label=gateway.label,
        model=gateway.model,
        key=key_report(gateway),
        windows=tuple(_shown(row, snapshot, now) for row in windows_that_tell(snapshot, now)),
        account_name=snapshot.account_name,
        read_at=snapshot.read_at,
        failure=FailureReport(error.kind, error.status, snapshot.retry_at) if error else None,
        requests_today=requests.get(gateway.provider_id, 0),
        is_heard=gateway.mapping.is_passive,
    )


def _shown(window: Window, snapshot: QuotaSnapshot, now: float) -> Window:
    at = snapshot.used_up_at(window, now)
    return window if at is None else ShownWindow(**asdict(window), used_up_at=at)


def _joined(rows: list[GatewayReport]) -> list[GatewayReport]:
    """Make one of what several presets read in the same answer."""
    joined: dict[object, GatewayReport] = {}
    for index, row in enumerate(rows):
        key = (row.provider_id, row.label, row.model, row.read_at) if row.is_heard and row.windows else index
        first = joined.get(key)
        joined[key] = replace(first, windows=first.windows + row.windows) if first else row
    return list(joined.values())


def key_report(gateway: Gateway) -> KeyReport:
    """Return where the key of *gateway* is from, and what a user should know about it."""
    credential = gateway.credential
    if gateway.has_own_authorization():
        found = (credential.used, *credential.shadowed) if credential else ()
        return KeyReport(keys.entry_header(), shadowed=tuple(source.source for source in found))
    if credential is None:
        return KeyReport(keys.keyless(), is_missing=True)
    shadowed = tuple(source.source for source in credential.shadowed)
    return KeyReport(credential.used.source, shadowed=shadowed, host_uses=credential.host_uses)


def _requests_today(usage: tuple[HourUsage, ...], now: float) -> dict[str, int]:
    """Count requests by provider since the local midnight, in whole UTC hours."""
    today = local_day(now).start // 3600
    counts: dict[str, int] = {}
    for row in usage:
        if row.hour >= today:
            counts[row.provider_id] = counts.get(row.provider_id, 0) + row.requests
    return counts
