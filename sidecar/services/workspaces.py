"""The directories that a host serves, and the configuration that holds in each."""

from collections import defaultdict
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import structlog
from msgspec import Struct

from sidecar.adapters.catalogue import NOTHING, Catalogue
from sidecar.adapters.config import Config, ConfigLoader
from sidecar.protocol import ROUTER, Target, WorkspaceCloseParams, WorkspaceOpenParams
from sidecar.services.errors import RelativeDirectoryError, UnknownWorkspaceError

LOOK_AGAIN_S: Final = 2.0
"""For what happens with every request, files are looked at again after this at the earliest."""

log = structlog.get_logger()


class Workspace(Struct, frozen=True):
    """A directory with what is configured there, and the models that the host offers in it."""

    directory: str
    config: Config
    catalogue: Catalogue
    host_version: str | None = None
    """As the host says it; None until it has."""

    def label(self, provider_id: str) -> str:
        """Return what to call a provider: as the user does, else as the host does."""
        labels = (row.label for row in self.config.gateways if row.provider_id == provider_id)
        hosts = self.catalogue.name(provider_id) or self.config.targets.names().get(provider_id)
        return next(labels, None) or hosts or provider_id

    def has(self, model: Target) -> bool:
        """Say whether a turn can be put on *model*: a virtual one may be gone, or unknown to the host."""
        if model.provider_id != ROUTER or not self.catalogue.providers():
            return True
        return model.model_id in self.config.virtual_models and self.catalogue.find(model) is not None


class Workspaces:
    """Knows which directories are open; project files of any other are never read."""

    def __init__(self, loader: ConfigLoader) -> None:
        """Read configuration through *loader*."""
        self._loader = loader
        self._open: dict[str, Catalogue] = {}
        self._recent: dict[str, tuple[float, Config]] = {}
        self._looking: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        """Of many who want to know at once, one looks: each look costs all others its time."""
        self._told: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        """Set when the host has said which models it offers."""
        self._host_version: str | None = None
        """Of the one host whose directories all of these are."""

    def open(self, params: WorkspaceOpenParams) -> bool:
        """Open a directory, or learn its providers; return whether it was not open yet.

        Raises `RelativeDirectoryError`.
        """
        if not Path(params.directory).is_absolute():
            raise RelativeDirectoryError("params of workspace/open: directory must be absolute")
        if params.host_version:
            log.info("host.version", version=params.host_version)
            self._host_version = params.host_version
        is_new = params.directory not in self._open
        if is_new or params.providers is not None:
            self._open[params.directory] = Catalogue(params.providers or ())
            self._recent.pop(params.directory, None)
        if params.providers is not None:
            log.info("host.catalogue", providers=len(params.providers))
            self._told[params.directory].set()
        return is_new

    def close(self, params: WorkspaceCloseParams) -> None:
        """Close a directory; one that isn't open is no error."""
        self._open.pop(params.directory, None)
        self._recent.pop(params.directory, None)
        self._looking.pop(params.directory, None)
        self._told.pop(params.directory, None)

    async def config(self, directory: str) -> Config:
        """Return what is configured in *directory*, read anew in a thread.

        Raises `UnknownWorkspaceError` for a directory that isn't open.
        """
        if directory not in self._open:
            raise UnknownWorkspaceError(f"the directory {directory!r} is not open")
        folders, catalogue = [Path(folder) for folder in self._open], self._open[directory]
        config = await anyio.to_thread.run_sync(self._loader.load, Path(directory), folders, catalogue)
        if self._open.get(directory) is catalogue:
            self._recent[directory] = (anyio.current_time(), config)
        return config

    async def place(self, directory: str) -> Workspace:
        """Return the workspace with its configuration read anew; raises `UnknownWorkspaceError`."""
        config = await self.config(directory)
        return Workspace(directory, config, self._open.get(directory) or NOTHING, self._host_version)

    async def recent_config(self, directory: str) -> Config:
        """Return what was configured in *directory* `LOOK_AGAIN_S` ago at the earliest; else as `config`."""
        async with self._looking[directory]:
            read_at, config = self._recent.get(directory, (0.0, None))
            if config is None or anyio.current_time() - read_at >= LOOK_AGAIN_S:
                config = await self.config(directory)
        return config

    async def looked_at(self, directory: str) -> Workspace | None:
        """Return the workspace as its files say `LOOK_AGAIN_S` ago at the earliest; None if it isn't open."""
        try:
            config = await self.recent_config(directory)
        except UnknownWorkspaceError:
            return None
        catalogue = self._open.get(directory)
        return None if catalogue is None else Workspace(directory, config, catalogue)

    async def told(self, directory: str, within_s: float) -> None:
        """Wait until the host has said which models it offers, but no longer than *within_s*."""
        with anyio.move_on_after(within_s):
            await self._told[directory].wait()

    def known(self, directory: str) -> Workspace | None:
        """Return the workspace as it was last looked at, for whoever must not wait for a disk."""
        known, catalogue = self._recent.get(directory), self._open.get(directory)
        return None if known is None or catalogue is None else Workspace(directory, known[1], catalogue)

    async def at_hand(self, directory: str) -> Workspace | None:
        """Return the workspace as it was last looked at, or as it is if nobody has looked yet."""
        return self.known(directory) or await self.looked_at(directory)
