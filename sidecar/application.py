"""Wires the outside world to the services; both the server and the terminal commands start here."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio.to_thread
from msgspec.structs import replace

from sidecar.adapters import known_types
from sidecar.adapters.catalogue_file import read_catalogue, write_catalogue
from sidecar.adapters.config import ConfigLoader
from sidecar.adapters.host_file import write_host_file
from sidecar.adapters.host_models import host_models
from sidecar.adapters.paths import Places
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import Store
from sidecar.adapters.virtual_models import VirtualModel
from sidecar.adapters.webhooks import Webhooks
from sidecar.core import failure
from sidecar.protocol import CatalogueProvider
from sidecar.services.alerts import Alerts
from sidecar.services.answers import Answers
from sidecar.services.choices import Choices
from sidecar.services.commands import Commands
from sidecar.services.flights import Flights
from sidecar.services.leases import Leases
from sidecar.services.limits import LimitsService
from sidecar.services.look import Looking
from sidecar.services.lookout import Lookout
from sidecar.services.polling import Polling
from sidecar.services.quotas import Quotas
from sidecar.services.requests import Requests
from sidecar.services.routing import Routing
from sidecar.services.status import StatusService
from sidecar.services.telling import Telling
from sidecar.services.turns import Turns
from sidecar.services.workspaces import Workspace, Workspaces
from sidecar.texts.host import HOST_FILE


class Application:
    """Every service, on one store and one HTTP client. Building it does no I/O."""

    def __init__(
        self,
        places: Places,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
        started_at: float | None = None,
        store: Store | None = None,
    ) -> None:
        """Live in *places*; *clock* gives Unix seconds, *started_at* is of a process that serves.

        Without a *store* it is the one on disk.
        """
        known_types.know()
        self._places = places
        self._clock = clock
        self.loader = ConfigLoader(places, environ)
        self.store: Store = store or SqliteStore(Path(places.state), clock)
        self._writing = threading.Lock()
        self._offered: Mapping[str, VirtualModel] = {}
        """The virtual models when a session last came to rest."""
        self._http = QuotaHttp()
        quotas = Quotas(self.store, self._http, clock)
        self.status = StatusService(places, environ, self.store, quotas, clock, started_at)
        self.workspaces = Workspaces(self.loader)
        self.answers = Answers(self.workspaces, self.store, clock)
        self.webhooks, flights = Webhooks(), Flights()
        looking = Looking(self.workspaces, self.store, clock)
        self.limits = LimitsService(self.store, flights, clock)
        self.telling = Telling(self.store, self.webhooks, clock)
        self.routing = Routing(self.workspaces, self.store, flights, looking)
        self.leases = Leases(flights, self.store, clock)
        self.turns = Turns(self.workspaces, self.telling, self.store, looking, clock)
        self.requests = Requests(
            self.workspaces, self.answers, self.routing, flights, self.telling, self.store, clock
        )
        self.choices = Choices(self.store, quotas, looking, self.requests.last_served, clock)
        self.commands = Commands(
            self.workspaces, self.status, self.limits, self.choices, self.requests.last_served
        )
        self.alerts = Alerts(self.workspaces, quotas, self.store, self.webhooks, clock)
        self.lookout = Lookout(self.workspaces, self.store, Polling(quotas), clock)

    def place(self, folder: Path | None) -> Workspace:
        """Return *folder* as it is configured, with the models that a host told last, in whatever folder."""
        catalogue = read_catalogue(self._places.state)
        return Workspace(str(folder or ""), self.loader.load(folder, catalogue=catalogue), catalogue)

    async def prepare(self) -> None:
        """Do beforehand what the first requests would wait for."""
        await self.store.load(self._clock())
        await anyio.to_thread.run_sync(failure.prepare)

    def write_host_file(self) -> None:
        """Leave for the shim's next start what it needs before a sidecar runs; raises OSError."""
        with self._writing:
            place = self.place(None)
            config = place.config
            models = host_models(config.virtual_models, config.targets, place.catalogue)
            offered = models if config.settings.enabled else {}
            write_host_file(self._places.state, replace(HOST_FILE, models=offered))

    def keep_catalogue(self, providers: Sequence[CatalogueProvider]) -> None:
        """Leave what a host offers for who has none to ask, the terminal and the shim's next start.

        A host that has nothing yet to offer changes nothing. Raises OSError.
        """
        if providers:
            write_catalogue(self._places.state, providers)
            self.write_host_file()

    async def keep_models(self, directory: str) -> None:
        """Leave the virtual models anew if somebody has changed the files since; raises OSError."""
        place = await self.workspaces.looked_at(directory)
        if place and place.config.virtual_models != self._offered:
            self._offered = place.config.virtual_models
            await anyio.to_thread.run_sync(self.write_host_file)

    async def aclose(self) -> None:
        """Close the client and the store."""
        await self._http.aclose()
        await self.webhooks.aclose()
        await self.store.aclose()
