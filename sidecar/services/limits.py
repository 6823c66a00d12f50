"""`/rate_limit_status` and `/rate_limit_reset`: how every provider stands, and how to forget it."""

from collections.abc import Callable, Iterable, Sequence

from sidecar import __version__
from sidecar.adapters.store import HourUsage, ResetProvider, State, Store
from sidecar.core.decision import Decision, SessionRoute
from sidecar.core.limits import KINDS, Day, Limits, turns_at, use
from sidecar.protocol import Target
from sidecar.services import waiting
from sidecar.services.days import local_day
from sidecar.services.flights import Flights
from sidecar.services.waiting import Waits
from sidecar.services.workspaces import Workspace
from sidecar.texts import decisions as words
from sidecar.texts.decisions import DecisionReport
from sidecar.texts.limits_report import LimitReport, LimitsReport, ProviderReport, SessionReport
from sidecar.texts.reset import ResetReport, no_such_provider

MOST_DECISIONS = 5


class UnknownProviderError(LookupError):
    """Somebody asked for a provider of which nothing is known; the message says which there are."""


class LimitsService:
    """Builds reports, for the commands and for the terminal alike."""

    def __init__(self, store: Store, flights: Flights, clock: Callable[[], float]) -> None:
        """Report what *store* knows; *clock* gives Unix seconds."""
        self._store = store
        self._flights = flights
        self._clock = clock

    async def report(
        self,
        place: Workspace,
        only: str | None,
        session: tuple[str, Target] | None = None,
        last_served: Target | None = None,
    ) -> LimitsReport:
        """Return the report; *only* names one provider, *session* is an id and the model it shows.

        Raises `UnknownProviderError`.
        """
        now = self._clock()
        state = await self._store.load(now)
        decided = await self._store.decisions()
        settings = place.config.settings
        known = _known(place, state, now)
        waits = waiting.waits_of(state.cooldowns, place, known, now)
        ids = _chosen(place, [*known, *(name for name in waits if name not in known)], only)
        return LimitsReport(
            at=now,
            version=__version__,
            providers=tuple(_provider(place, name, waits, state.usage, now) for name in ids),
            session=_session(session, state, last_served) if session else None,
            gone=waiting.gone(decided, waits, place, now),
            decisions=tuple(words.report(row) for row in _telling(decided)[:MOST_DECISIONS]),
            is_enabled=settings.enabled,
            auto_route=settings.auto_route,
            has_routes=bool(settings.routes),
            dry_run=settings.dry_run,
            store_trouble=self._store.trouble,
        )

    async def reset(self, place: Workspace, only: str | None) -> ResetReport:
        """Forget waits and counts of the provider *only*, or of all, and return what was forgotten.

        Raises `UnknownProviderError`.
        """
        now = self._clock()
        state = await self._store.load(now)
        known = _known(place, state, now)
        waits = waiting.waits_of(state.cooldowns, place, known, now)
        ids = _chosen(place, [*known, *(name for name in waits if name not in known)], only)
        forgotten = ids[0] if only and ids else None
        self._flights.forget(forgotten)
        await self._store.apply([ResetProvider(forgotten, now)])
        rows = [row for row in state.usage if row.provider_id in ids]
        return ResetReport(
            at=now,
            label=place.label(ids[0]) if only and ids else None,
            waits=waiting.provider_waits({name: waits[name] for name in ids if name in waits}, place),
            requests_today=use(rows, now, local_day(now)).requests_today,
        )

    async def explain(self, limit: int) -> list[DecisionReport]:
        """Return the last *limit* decisions, the newest first."""
        return [words.report(row) for row in await self._store.decisions(limit)]


def _known(place: Workspace, state: State, now: float) -> list[str]:
    """Return the providers that are configured, or were used today."""
    settings, today = place.config.settings, local_day(now).start // 3600
    names = [row.provider_id for row in place.config.gateways]
    names += [name for name, row in settings.providers.items() if row.enabled]
    for route in settings.routes:
        listed = (row if isinstance(row, str) else row.target for row in route.targets)
        names += [name.partition("/")[0] for name in listed]
    names += sorted({row.provider_id for row in state.usage if row.hour >= today})
    return list(dict.fromkeys(names))


def _chosen(place: Workspace, names: list[str], only: str | None) -> list[str]:
    if only is None:
        return names
    wanted = only.casefold()
    offered = list(dict.fromkeys((*names, *place.config.targets.names(), *place.catalogue.providers())))
    chosen = [name for name in offered if wanted in (name.casefold(), place.label(name).casefold())]
    if not chosen:
        raise UnknownProviderError(no_such_provider(only, offered))
    return chosen[:1]


def _provider(
    place: Workspace, name: str, waits: Waits, usage: Iterable[HourUsage], now: float
) -> ProviderReport:
    entry, day = place.config.settings.providers.get(name), local_day(now)
    limits = (entry and entry.limits) or Limits()
    used = use([row for row in usage if row.provider_id == name], now, day)
    return ProviderReport(
        provider_id=name,
        label=place.label(name),
        waits=waits.get(name, ()),
        limits=tuple(_limits(limits, used.of, now, day)),
        is_hard=limits.hard,
        requests_this_hour=used.requests_this_hour,
        requests_today=used.requests_today,
        tokens_today=used.tokens_today or None,
        cost_today=used.cost_today,
    )


def _limits(limits: Limits, used_of: Callable[..., float], now: float, day: Day) -> Iterable[LimitReport]:
    for kind in KINDS:
        limit: float | None = getattr(limits, kind)
        if limit is not None:
            used = used_of(kind)
            yield LimitReport(kind, used, limit, turns_at(kind, now, day), used >= limit)


def _session(session: tuple[str, Target], state: State, last_served: Target | None) -> SessionReport:
    session_id, shown = session
    route = state.sessions.get(session_id) or SessionRoute(session_id, shown, 0.0)
    return SessionReport(
        chosen=words.name(route.chosen),
        moved_to=words.name(route.moved_to) if route.moved_to else None,
        last_served=words.name(last_served) if last_served else None,
        left=words.name(route.left) if route.left else None,
    )


def _telling(decided: Sequence[Decision]) -> list[Decision]:
    """Leave out what went as everything goes."""
    return [row for row in decided if row.reason != "as chosen" or row.refused]
