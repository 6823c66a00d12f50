"""Tells the user, once, that something in the configuration has to be mended."""

import hashlib
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import anyio.to_thread
import msgspec

from sidecar.adapters.store import Store
from sidecar.protocol import ToastShowParams
from sidecar.services.workspaces import Workspaces
from sidecar.texts import toasts

AGAIN_S: Final = 86400.0
"""The same problems are told again after this at the earliest, in whichever OpenCode."""


class Setup:
    """Looks at a workspace's configuration when it is opened."""

    def __init__(self, workspaces: Workspaces, store: Store, clock: Callable[[], float]) -> None:
        """Claim the right to tell in *store*, so that of several processes one does."""
        self._workspaces = workspaces
        self._store = store
        self._clock = clock

    async def toast(self, directory: str) -> ToastShowParams | None:
        """Return the toast for *directory*, or None when there is nothing to tell, or somebody has."""
        config = await anyio.to_thread.run_sync(self._workspaces.config, directory)
        if not config.problems or not config.settings.toasts or not config.settings.enabled:
            return None
        digest = hashlib.sha256(msgspec.json.encode(config.problems)).hexdigest()[:16]
        if not await self._store.claim(f"toast:setup:{digest}", uuid4().hex, AGAIN_S, self._clock()):
            return None
        return ToastShowParams(
            directory, toasts.setup_problem(len(config.problems)), "warning", title=toasts.TITLE
        )
