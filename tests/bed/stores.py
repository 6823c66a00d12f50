"""The store of one folder, used in this process and by others, told what to do; and a clock that stands."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import msgspec

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import CountRequest, State
from tests.bed.processes import REPOSITORY
from tests.bed.store_user import NOW

COUNT: Final = CountRequest(NOW, "p", "m", failed=False)

NewStore = Callable[[], SqliteStore]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Stores:
    """Stores in this process, all closed at the end; use as a context manager."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._made: list[SqliteStore] = []

    def new(self) -> SqliteStore:
        self._made.append(SqliteStore(self._folder, self._clock))
        return self._made[-1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for store in self._made:
            await store.aclose()


async def counted(store: SqliteStore) -> int:
    """Return how many requests *store* knows of."""
    return sum(row.requests for row in (await store.load(NOW)).usage)


def comparable(state: State) -> State:
    """Return *state* with the rows of its usage in one order."""
    return msgspec.structs.replace(state, usage=tuple(sorted(state.usage, key=repr)))


class StoreUser:
    """One process, started and ready for `store_user`'s commands."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bed.store_user", str(folder)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def tell(self, command: str) -> None:
        """Give a command, and don't wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """Wait for the next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, command: str) -> str:
        """Give a command that prints one line, and return it."""
        self.tell(command)
        return self.said()

    def counts(self, times: int) -> list[str]:
        """Let it count that often, and return what it says of each."""
        self.tell(f"count {times}")
        return [self.said() for _ in range(times)]

    def end(self) -> int:
        """Let it close its store, and return its exit code."""
        self.process.communicate()
        return self.process.returncode

    def kill(self) -> list[str]:
        """Kill it, and return what it had still said."""
        self.process.kill()
        rest, _ = self.process.communicate()
        return rest.splitlines()


class StoreUsers:
    """Starts them, and ends them all; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[StoreUser] = []

    def start(self) -> StoreUser:
        self._started.append(StoreUser(self._folder))
        return self._started[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for user in self._started:
            user.kill()
