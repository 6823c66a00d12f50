"""Starts writers of one store by forking, kills each at a moment that a seed decides, and says what they did.

    python -m tests.bed.store_nursery FOLDER SEED KILLS

prints one line for each writer: its name, and a letter for each call that returned to it: `a` for an
`apply` and `s` for a `swap`, in turn, `t` for a call that met trouble, after which it only waits. Each
`apply` counts two requests, puts a quota, renews a lease, and prolongs a cooldown.
"""

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Never

import anyio

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import (
    CountRequest,
    Lease,
    Mark,
    PutCooldown,
    PutLease,
    PutQuota,
    QuotaKey,
    QuotaSnapshot,
)
from sidecar.core.account import Account
from sidecar.core.cooldown import Cooldown, CooldownKey

CALLS: Final = 11
"""At most so many calls return to a writer before it is killed."""
OPENING_S: Final = 0.03
"""Of those that are killed before the first call returns: how long they may live."""
CALL_S: Final = 0.003


def key(name: str) -> QuotaKey:
    """Return the key of the row that a writer writes again and again."""
    return QuotaKey(Account(name, "http://127.0.0.1:1", "local"), "0123456789abcdef")


def cooldown(name: str, strikes: int, now: float) -> Cooldown:
    """Return the cooldown that a writer prolongs again and again."""
    key = CooldownKey("account", "http://127.0.0.1:1", name, "local")
    return Cooldown(key, "overloaded", now, now + 3600 + strikes, stated=False, strikes=strikes)


async def _write(folder: Path, name: str, say: Callable[[bytes], object]) -> None:
    """Write for ever: a row says how often those were written that come with it."""
    store = SqliteStore(folder, time.time)
    now = time.time()
    mark: Mark | None = None
    count = CountRequest(now, "p", name, failed=False)
    for number in itertools.count(1):
        times = QuotaSnapshot(failures=number, attempted_at=now)
        wait = PutCooldown(cooldown(name, number, now))
        lease = PutLease(name, Lease(str(number), now + 3600))
        await store.apply([count, PutQuota(key(name), times), lease, wait, count])
        say(b"t" if store.trouble else b"a")
        new = Mark(number, now)
        granted = await store.swap(name, mark, new)
        say(b"s" if granted and not store.trouble else b"t")
        mark = new
        if number % 5 == 0:
            await store.aclose()  # the next call opens it again


def _live(folder: Path, name: str, pipe: int) -> Never:
    def say(letter: bytes) -> None:
        os.write(pipe, letter)
        if letter == b"t":
            signal.pause()

    anyio.run(_write, folder, name, say)
    os._exit(0)


def _life(folder: Path, name: str, chance: random.Random) -> str:
    """Let one writer live for a while, and return what it said."""
    calls = chance.randrange(CALLS)
    moment = chance.uniform(0, CALL_S if calls else OPENING_S)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _live(folder, name, writing)
    os.close(writing)
    said = b""
    while len(said) < calls and b"t" not in said:
        said += os.read(reading, 1)
    time.sleep(moment)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as rest:
        return (said + rest.read()).decode()


def main() -> None:
    """Lead so many lives, one after the other."""
    folder, seed, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    anyio.run(anyio.sleep, 0)  # imports once, here, what every writer needs
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    for number in range(kills):
        name = f"{seed}-{number}"
        sys.stdout.write(f"{name} {_life(folder, name, chance)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
