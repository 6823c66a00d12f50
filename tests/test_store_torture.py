"""The store under what a real machine does to it, while chats go on: kills, full disks, crowds, no rights.

"Acknowledged" is a call that returned without `trouble`. Nothing here looks at how long an answer takes;
a request that is planned has to be answered `pass`, and a ping, whatever the store is going through.
"""

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from sidecar.adapters.sqlite_store import DATABASE, SqliteStore
from tests.bed import store_nursery
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.processes import REPOSITORY, wait_until
from tests.bed.program import patched
from tests.bed.sidecar import Sidecar
from tests.bed.store_user import KEPT, NOW
from tests.bed.stores import StoreUsers, counted
from tests.test_server_process import PARAMS, QUOTA, entry

KILLS = 1000
NURSERIES = 2
SIDECARS = 200
AT_A_TIME = 20
LONG_S = 120.0
"""What twenty that begin at once may need on two slow cores."""

FINISHED = (
    b'{"jsonrpc":"2.0","method":"request/finished","params":{"requestId":"r","directory":"/",'
    b'"sessionId":"s","messageId":"m","agent":"a",'
    b'"target":{"providerId":"campus","modelId":"m"},"headers":{},"ttfbS":0.1,"status":200}}\n'
)


def assert_undisturbed(child: Sidecar) -> None:
    assert child.ask("request/plan", **PARAMS["request/plan"]) == {"plan": {"kind": "pass"}}
    assert child.ask("ping") == {}


def status(child: Sidecar, home: Home) -> str:
    """Return the text of the command; what was sent before it has been through the store by then."""
    return " ".join(child.command(home.project)["text"].split())


@pytest.fixture
def asked(home: Home, gateway: Gateway) -> Gateway:
    """Return the one gateway that every sidecar in the home asks: once, as its answer stays fresh."""
    home.write_gateways(entry(gateway.quota(QUOTA)), quotaCacheS=3600, quotaTimeoutS=14)
    return gateway


async def requests(home: Home) -> int:
    """Return how many requests a store that is opened anew knows of."""
    store = SqliteStore(home.state, time.time)
    usage = (await store.load(time.time())).usage
    assert store.trouble is None
    await store.aclose()
    return sum(row.requests for row in usage)


@pytest.fixture
def nurseries(home: Home) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.bed.store_nursery", str(home.state)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, f"seed{number}", str(KILLS // NURSERIES)],
                    cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
                )
            )
            for number in range(NURSERIES)
        ]  # fmt: skip
        yield started
        for nursery in started:
            nursery.kill()


async def test_a_thousand_kills_in_the_middle_of_writes_lose_nothing_that_was_acknowledged(
    home: Home, nurseries: list[subprocess.Popen[str]], asked: Gateway
) -> None:
    with Sidecar(home.env, home.path) as chat:
        chat.open(home.project)
        said: dict[str, Counter[str]] = {}
        for nursery in nurseries:
            assert nursery.stdout is not None
            for line in nursery.stdout:
                name, _, letters = line.rstrip("\n").partition(" ")
                said[name] = Counter(letters)
                assert_undisturbed(chat)
        assert "state is kept in memory" not in status(chat, home)
    store = SqliteStore(home.state, time.time)
    state = await store.load(time.time())
    counts: Counter[str] = Counter()
    for row in state.usage:
        counts[row.model_id] += row.requests
    strikes = Counter({key.provider_id: row.strikes for key, row in state.cooldowns.items()})
    with closing(sqlite3.connect(home.state / DATABASE)) as db:
        leases = dict(db.execute("SELECT request_id, provider_id FROM lease"))
    assert leases
    for name, calls in said.items():
        snapshot = state.quotas.get(store_nursery.key(name))
        times = snapshot.failures if snapshot else 0
        assert times in (calls["a"], calls["a"] + 1), name
        assert (counts[name], strikes[name]) == (2 * times, times), f"{name}: all of an apply, or nothing"
        assert name not in leases or leases[name] == str(times), name
        assert (state.marks[name].level if name in state.marks else 0) in (calls["s"], calls["s"] + 1), name
    await store.aclose()
    assert (len(said), sum(calls["t"] for calls in said.values())) == (KILLS, 0)
    assert list(home.state.glob("*.damaged-*")) == []
    with closing(sqlite3.connect(home.state / DATABASE)) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]


async def test_two_hundred_sidecars_count_everything_ask_once_and_answer_all_the_while(
    home: Home, asked: Gateway
) -> None:
    for _ in range(SIDECARS // AT_A_TIME):
        with ExitStack() as stack:
            several = [
                stack.enter_context(Sidecar(home.env, home.path, program=None)) for _ in range(AT_A_TIME)
            ]
            for child in several:
                child.open(home.project)
            commands = [finish_and_begin(child, home) for child in several]
            for child in several:
                assert_undisturbed(child)
            for child, command in zip(several, commands, strict=True):
                assert "750 of 1,000 left" in child.answer(command, LONG_S)["text"]
            for number, child in enumerate(several):
                child.process.kill() if number % 2 else child.close_stdin()
            ends = {number % 2: child.process.wait(LONG_S) for number, child in enumerate(several)}
            assert ends == {0: 0, 1: -signal.SIGKILL}
            assert [child.log for child in several] == [""] * AT_A_TIME
    assert await requests(home) == SIDECARS * 5
    assert len(asked.requests) == 1


def finish_and_begin(child: Sidecar, home: Home) -> int:
    child.send(FINISHED * 5)
    return child.begin_command(home.project)


FULL = (
    "import resource, signal, sidecar.adapters.sqlite_store as store\n"
    "store.RETRY_S = 0.05\n"
    "most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
    "held = lambda limit: lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))\n"
    "signal.signal(signal.SIGUSR1, held(1))\n"
    "signal.signal(signal.SIGUSR2, held(most))\n"
)
"""A disk that is full from SIGUSR1 to SIGUSR2: no file of this process may be written beyond a byte.

The kernel refuses the write itself, as a full disk does (EFBIG stands for ENOSPC); for that no right is
needed, and no file system of a test's own. It begins at a signal and not at a size: how many pages so many
requests take depends on how many of them one transaction holds.
"""


async def test_on_a_full_disk_chats_go_on_and_what_waited_is_written_once_there_is_room(
    home: Home, asked: Gateway
) -> None:
    with Sidecar(home.env, home.path, patched(FULL, "serve")) as full, Sidecar(home.env, home.path) as other:
        for child in (full, other):
            child.open(home.project)
            child.send(FINISHED)
            assert "state is kept in memory" not in status(child, home)
        full.process.send_signal(signal.SIGUSR1)
        full.send(FINISHED * 50)
        assert_undisturbed(full)
        assert "state is kept in memory only, until the disk works again: the disk refused" in status(
            full, home
        )
        other.send(FINISHED)
        assert "state is kept in memory" not in status(other, home)
        full.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: "state is kept in memory" not in status(full, home), "the disk works again")
        assert_undisturbed(full)
        assert await requests(home) == 53
        assert full.end() == 0


async def test_a_write_that_a_full_disk_refused_was_not_acknowledged(tmp_path: Path) -> None:
    with StoreUsers(tmp_path) as users:
        user = users.start()
        assert user.ask("limit 60000") == "limit"
        said = user.counts(100)
        kept = said.count(KEPT)
        assert said[:kept] == [KEPT] * kept
        assert set(said[kept:]) <= {
            f"state is kept in memory only, until the disk works again: the disk refused ({name})"
            for name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
        }
        assert 0 < kept < 100
        store = SqliteStore(tmp_path, lambda: NOW)
        assert await counted(store) in (kept, kept + 1)
        assert user.ask("load") == "100"
        assert [user.ask(command) for command in ("limit -1", "later 6", "count 1")] == [
            "limit",
            "later",
            KEPT,
        ]
        assert await counted(store) == 101
        await store.aclose()


POWERLESS = (
    "import ctypes, os, sidecar.adapters.sqlite_store as store\n"
    "store.RETRY_S = 0.05\n"
    "if os.geteuid() == 0:\n"
    "    capabilities = ctypes.CDLL(None, use_errno=True)\n"
    "    version, have = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
    "    assert capabilities.capget(version, have) == 0\n"
    "    have[0] &= ~(1 << 1)\n"
    "    have[1] &= ~(1 << 1)\n"
    "    assert capabilities.capset(version, have) == 0\n"
)
"""Whoever starts it: a user for whom a file's mode counts. From root it takes CAP_DAC_OVERRIDE away."""


@contextmanager
def read_only(folder: Path) -> Generator[Callable[[], None]]:
    """Take the right to write away from a folder and all that is in it; give the way to give it back."""

    def allow(writing: int) -> None:
        for path in (folder, *folder.rglob("*")):
            path.chmod(writing | (0o500 if path.is_dir() else 0o400))

    allow(0)
    try:
        yield lambda: allow(0o200)
    finally:
        allow(0o200)


@pytest.mark.parametrize("is_new", [True, False])
async def test_in_a_home_that_cannot_be_written_chats_go_on_and_nothing_is_lost_meanwhile(
    home: Home, asked: Gateway, is_new: bool
) -> None:
    if not is_new:
        with Sidecar(home.env, home.path) as before:
            before.open(home.project)
            status(before, home)
            before.send(FINISHED * 7)
            assert before.end() == 0
    home.state.parent.mkdir(parents=True, exist_ok=True)
    with (
        read_only(home.state.parent) as make_writable,
        Sidecar(home.env, home.path, patched(POWERLESS, "serve")) as child,
    ):
        child.open(home.project)
        child.send(FINISHED * 5)
        assert_undisturbed(child)
        assert (
            "state is kept in memory only, until the disk works again: the disk refused (PermissionError)"
        ) in status(child, home)
        assert_undisturbed(child)
        make_writable()
        wait_until(lambda: "state is kept in memory" not in status(child, home), "the disk works again")
        assert child.end() == 0
    assert await requests(home) == (5 if is_new else 12)


async def test_three_sidecars_whose_file_is_damaged_in_use_answer_and_go_on_with_a_new_one(
    home: Home, asked: Gateway
) -> None:
    with ExitStack() as stack:
        three = [stack.enter_context(Sidecar(home.env, home.path)) for _ in range(3)]
        for child in three:
            child.open(home.project)
            child.send(FINISHED * 5)
            assert "750 of 1,000 left" in status(child, home)
        for name in (DATABASE, f"{DATABASE}-wal"):
            size = (home.state / name).stat().st_size
            with (home.state / name).open("r+b") as data:
                data.write(b"!" * size)
        for child in three:
            child.send(FINISHED * 5)
            assert_undisturbed(child)
        for child in three:
            assert "750 of 1,000 left" in status(child, home)
            assert "state is kept in memory" not in status(child, home)
            child.send(FINISHED * 5)
            assert "state is kept in memory" not in status(child, home)
            assert_undisturbed(child)
        assert [child.end() for child in three] == [0] * 3
    assert await requests(home) >= 15
    assert len([path for path in home.state.glob("*.damaged-*") if path.name[-1].isdigit()]) == 1
