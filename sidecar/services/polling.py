"""Asks what is left before anybody wants to know: of providers that requests are about to go to.

Nobody waits for it and nothing fails by it. Asked is who has not been heard of for a while, by one process at
a time, at intervals that are never the same, so that the processes of many users don't ask in step.
"""

import random
from collections.abc import Callable, Collection
from typing import Final

import anyio
import structlog
from msgspec import Struct

from sidecar.adapters.gateway import Gateway
from sidecar.adapters.store import QuotaKey
from sidecar.bounded import put_last
from sidecar.core.freshness import poll_s
from sidecar.services.quotas import Freshness, Quotas
from sidecar.services.workspaces import Workspace

JITTER: Final = 0.2
"""By how much an interval is longer at most, as a part of it."""

MOST_INTERVALS: Final = 500

log = structlog.get_logger()


class _Interval(Struct, frozen=True):
    """How long to wait after an attempt; drawn once for each."""

    attempted_at: float
    length_s: float


class Polling:
    """Keeps fresh what is known of providers that are in use."""

    def __init__(self, quotas: Quotas, draw: Callable[[], float] = random.random) -> None:
        """Ask by *quotas*; *draw* gives numbers from 0 to 1."""
        self._quotas = quotas
        self._draw = draw
        self._intervals: dict[QuotaKey, _Interval] = {}
        self._under_way: set[QuotaKey] = set()

    async def nudge(self, place: Workspace, provider_ids: Collection[str]) -> None:
        """Ask those of *provider_ids* that have not told lately. Never raises."""
        if not place.config.settings.enabled:
            return
        try:
            async with anyio.create_task_group() as tasks:
                for gateway in place.config.gateways:
                    key = gateway.key()
                    if gateway.provider_id in provider_ids and not gateway.mapping.is_passive:
                        tasks.start_soon(self._poll, place, gateway, key)
        except Exception:  # a turn must not end by it, whatever it is
            log.exception("polling.failed")

    async def _poll(self, place: Workspace, gateway: Gateway, key: QuotaKey) -> None:
        if key in self._under_way:
            return
        self._under_way.add(key)
        try:
            interval_s = self._interval_s(place, gateway, key, *await self._quotas.last(key))
            timeout_s = place.config.settings.quota_timeout_s
            await self._quotas.read([gateway], Freshness(interval_s, patient=True, timeout_s=timeout_s))
        finally:
            self._under_way.discard(key)

    def _interval_s(
        self, place: Workspace, gateway: Gateway, key: QuotaKey, attempted_at: float, left: float | None
    ) -> float:
        known = self._intervals.get(key)
        if known is None or known.attempted_at != attempted_at:
            least_s = max(poll_s(left), gateway.mapping.every_s, place.config.settings.quota_cache_s)
            known = _Interval(attempted_at, least_s * (1 + JITTER * self._draw()))
            put_last(self._intervals, key, known, MOST_INTERVALS)
        return known.length_s
