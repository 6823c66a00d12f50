"""Keeps counting requests as under way while they are: other processes see them until the lease ends."""

from collections.abc import Callable

import anyio

from sidecar.adapters.store import LEASE_S, Store
from sidecar.services.flights import Flights


class Leases:
    """The heartbeat of this process."""

    def __init__(self, flights: Flights, store: Store, clock: Callable[[], float]) -> None:
        """Renew what *flights* hold in *store*; *clock* gives Unix seconds."""
        self._flights = flights
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Renew for ever, often enough that one late beat does no harm."""
        while True:
            await anyio.sleep(LEASE_S / 3)
            await self.beat()

    async def beat(self) -> None:
        """Renew what is under way now."""
        if rows := self._flights.leases(self._clock()):
            await self._store.apply(rows)
