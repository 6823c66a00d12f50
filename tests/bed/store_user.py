"""A process that uses the store of a folder, as it is told line by line; `stores` starts it.

Each command is answered with the lines that it says it prints. Its clock stands still.
"""

import resource
import sys
from pathlib import Path
from typing import Final

import anyio

from sidecar.adapters import sqlite_file
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import LEASE_S, CountRequest, Lease, Mark, PutCooldown, PutLease
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.logs import configure_logging

NOW: Final = 1_790_000_000.0
KEPT: Final = "kept"
COOLED: Final = CooldownKey("account", "http://127.0.0.1:1", "campus", "local")


class User:
    """One store and its clock."""

    def __init__(self, folder: Path) -> None:
        """Use the store in *folder*."""
        self.now = NOW
        self.store = SqliteStore(folder, lambda: self.now)

    async def count(self, times: str) -> None:
        """Count requests one by one, and print for each `kept`, or why it is not."""
        for _ in range(int(times)):
            await self.store.apply([CountRequest(NOW, "p", "m", failed=False)])
            _say(self.store.trouble or KEPT)

    async def mark(self, own: str, many: str) -> None:
        """Set this many marks that nobody has set yet, and print for each whether it was granted."""
        mark = Mark(20, NOW + int(own))
        _say(*[int(await self.store.swap(str(number), None, mark)) for number in range(int(many))])

    async def cool(self, own: str, many: str) -> None:
        """Put this many cooldowns, each longer than the last, and print for each `kept`, or why it is not."""
        for number in range(int(many)):
            wait_s = 30.0 + number + int(own) / 100
            row = Cooldown(COOLED, "overloaded", NOW, NOW + wait_s, stated=False, strikes=int(own))
            await self.store.apply([PutCooldown(row)])
            _say(self.store.trouble or KEPT)

    async def load(self) -> None:
        """Print how many requests were counted."""
        _say(sum(row.requests for row in (await self.store.load(NOW)).usage))

    async def lease(self, request_id: str, provider_id: str) -> None:
        """Put a lease, and print all that are known: requests, each with its provider."""
        await self.store.apply([PutLease(request_id, Lease(provider_id, NOW + LEASE_S))])
        leases = (await self.store.load(NOW)).leases
        _say(*[word for name in sorted(leases) for word in (name, leases[name].provider_id)])

    async def later(self, seconds: str) -> None:
        """Let time pass, and print `later`."""
        self.now += float(seconds)
        _say("later")

    async def limit(self, size: str) -> None:
        """Let no file grow beyond this many bytes (-1: as it may), and print `limit`."""
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), most))
        _say("limit")


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def _main() -> None:
    # Twenty of these may write at once, on a machine that does much else.
    setattr(sqlite_file, "BUSY_S", 60.0)  # noqa: B010 - it is Final
    user = User(Path(sys.argv[1]))
    for line in sys.stdin:
        name, *arguments = line.split()
        await getattr(user, name)(*arguments)
    await user.store.aclose()


if __name__ == "__main__":
    configure_logging()
    anyio.run(_main)
