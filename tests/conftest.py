"""Fixtures of all tests: the event loop's guard, gateways, our client, a home and a sidecar in it, stores."""

import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import hypothesis
import pytest
from blockbuster import blockbuster_ctx

from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import Store
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.machine import UV, Machine
from tests.bed.package import Package, build, built_in
from tests.bed.sidecar import Sidecar
from tests.bed.store_user import NOW
from tests.bed.stores import Clock, NewStore, Stores, StoreUsers, comparable
from tests.bed.wheels import runtime_wheels
from tests.failover import Scene, scene

# The same examples in every run: what a test says must not depend on luck. `--hypothesis-profile=search`
# looks for new ones; what it finds becomes an @example.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("same")

# Times of day read the same on every machine, in parameters of tests too.
os.environ["TZ"] = "UTC"
time.tzset()

# A test's network is its own, and so is what its programs import.
for _name in [*os.environ]:
    if _name.upper().endswith("_PROXY") or _name.startswith(("SSL_CERT_", "PYTHONSAFEPATH")):
        del os.environ[_name]

# Who is started in the background is told to ignore Ctrl-C, or the end of a terminal, and would tell its
# children.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


LONG: Final = ("test_opencode_installed.py", "test_store_torture.py", "test_preparation.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, lest one is left to one worker at the end, then those with OpenCode."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        name = item.path.name
        return name not in LONG, not name.startswith("test_opencode_"), -tests[item.path]

    items.sort(key=place)


@pytest.fixture
def anyio_backend() -> str:
    """Run coroutines on asyncio alone: the sidecar reads its pipe with asyncio's transport."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_blocking_call_on_the_loop() -> Iterator[None]:
    """Fail a test whose coroutine calls into the system where it should await; threads may."""
    with blockbuster_ctx("sidecar") as guard:
        # It asks a mapped page of memory whether anybody has written, and waits for no lock.
        guard.functions["sqlite3.Connection.execute"].can_block_in("sqlite_watch.py", {"version"})
        guard.functions["sqlite3.Cursor.fetchone"].can_block_in("sqlite_watch.py", {"version"})
        yield


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as one:
        yield one


@pytest.fixture
def new_gateway() -> Iterator[Callable[[], Gateway]]:
    """Make as many gateways as a test needs; all are closed at its end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Gateway())


@pytest.fixture
async def http() -> AsyncIterator[QuotaHttp]:
    client = QuotaHttp()
    yield client
    await client.aclose()


@pytest.fixture
def home() -> Iterator[Home]:
    """Make a home; a process that is left in it fails the test."""
    with Home() as one:
        yield one


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return our npm package, built of this checkout once in a run, however many workers it has."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "package"
    lock = FileLock(folder.with_suffix(".lock"))
    assert lock.take_alone(60.0)
    try:
        return built_in(folder) or build(folder)
    finally:
        lock.close()


@pytest.fixture(scope="session")
def wheels() -> dict[str, bytes]:
    """Return what the sidecar needs, for an index."""
    return runtime_wheels()


@pytest.fixture
def index() -> Iterator[Gateway]:
    with Gateway() as one:
        yield one


@pytest.fixture
def machine(home: Home, index: Gateway, wheels: dict[str, bytes], package: Package) -> Machine:
    """Make a machine that has Python and uv, and nothing of ours but in the npm registry."""
    one = Machine(home, index, wheels)
    one.has("uv", UV)
    one.publish(package)
    return one


@pytest.fixture
def child(home: Home) -> Iterator[Sidecar]:
    """Start a sidecar in the home."""
    with Sidecar(home.env, home.path) as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name where a store is to be; nothing is there yet."""
    return tmp_path / "deep" / "state"


@pytest.fixture
async def new_store(folder: Path, clock: Clock) -> AsyncIterator[NewStore]:
    async with Stores(folder, clock) as stores:
        yield stores.new


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Return one of each kind in turn: what both have to keep is their contract."""
    if request.param == "memory":
        yield MemoryStore()
        return
    one, again = (SqliteStore(tmp_path / "state", lambda: NOW) for _ in range(2))
    yield one
    await one.aclose()
    assert comparable(await again.load(NOW)) == comparable(one.state(NOW)), "what it knew is on the disk"
    assert (one.trouble, again.trouble) == (None, None)
    await again.aclose()


@pytest.fixture
def users(folder: Path) -> Iterator[StoreUsers]:
    """Start processes that use the store."""
    with StoreUsers(folder) as several:
        yield several


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Open three gateways and an OpenCode, as the module's own `write` configures it."""
    module: Any = request.node.getparent(pytest.Module).obj
    with scene(module.write) as one:
        yield one


@pytest.fixture
def three(opened: Scene) -> Scene:
    """Return the module's scene, made as new."""
    opened.reset()
    return opened
