"""Who is told by webhook: of what runs low, by the real sidecar too, whose outputs never say where."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from sidecar.adapters.webhooks import Event
from tests.alerting import Bed, left
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.processes import wait_until
from tests.bed.program import patched, run
from tests.bed.replies import Reply
from tests.bed.sidecar import Sidecar

LOW = "Campus gateway, cost: 18% left ($9.00 of $50.00)"
PATH = "T0PwZq81LmXc"
"""Part of a receiver's URL, which is as good as a key."""


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with AsyncExitStack() as stack:
        yield Bed(tmp_path, stack)


async def test_a_webhook_is_told_what_runs_low_and_no_more(bed: Bed, gateway: Gateway) -> None:
    bed.configure(gateway, webhooks=[{"url": "https://hooks.example/x"}])
    one = bed.opencode()
    for percent in (18, 17, 100):
        gateway.quota(left(percent, resets_at="2026-12-01T00:00:00Z"))
        await one.later()
    ((places, event),) = one.webhooks.sent
    until = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert places == ["webhooks[0]"]
    assert event == Event("low", event.at, "p0", f"{LOW} · resets in 9d 23h", until=until)


async def test_a_webhook_is_told_where_nobody_wants_toasts(bed: Bed, gateway: Gateway) -> None:
    gateway.quota(left(18))
    bed.configure(gateway, toasts=False, webhooks=[{"url": "https://hooks.example/x"}], nonsense=1)
    one = bed.opencode()
    assert await one.idle() == []
    assert [event.text for _, event in one.webhooks.sent] == [LOW]


def configure(home: Home, gateway: Gateway) -> None:
    """Name a receiver that repeats what it gets, one that can't be called, and one that isn't there."""
    said = Reply(500, PATH.encode(), {"x-path": PATH, "location": f"/{PATH}"})
    gateway.script(f"/{PATH}", said, Reply(302, headers={"location": f"/{PATH}"}), method="POST")
    gateway.quota(left(18))
    home.env["HOOK"] = f"{gateway.origin}/{PATH}?token={PATH}"
    home.write_gateways(
        {"providerId": "campus", "baseURL": gateway.base_url, "label": "Campus gateway"},
        webhooks=[
            {"url": "{env:HOOK}", "headers": {"X-Token": "{env:HOOK}"}},
            {"url": f"http://8.8.8.8/{PATH}"},
            {"url": f"http://127.0.0.1:9/{PATH}"},
        ],
    )


def test_the_real_sidecar_tells_and_no_log_file_or_output_says_where(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    with Sidecar(home.env, home.path) as child:
        child.open(home.project)
        child.notify("session/idle", directory=str(home.project), sessionId="ses_1")
        told = gateway.wait_for_request(lambda request: request.method == "POST")
        gateway.wait_for_request(lambda request: request.method == "POST", count=2)
        outputs = [child.command(home.project)["text"]]
        assert child.end() == 0
        outputs += [child.log, child.received.decode()]
    assert (told.json()["event"], told.json()["text"]) == ("low", LOW)
    assert told.headers["x-token"] == home.env["HOOK"]
    for command in (["status"], ["status", "--json"], ["doctor"], ["doctor", "--json"], ["limits"]):
        done = run(home, *command)
        outputs += [done.stdout, done.stderr]
    assert "webhooks[1]" in outputs[0], "the one that can't be called is told"
    kept = [path for path in home.path.rglob("*") if path.is_file() and path.parent != home.config]
    outputs += [path.read_bytes().decode(errors="replace") for path in kept]
    assert [text for text in outputs if PATH in text] == []


LATE: Final = (
    "import os, anyio, sidecar.server as server\n"
    "from sidecar.adapters import http_clients, webhooks\n"
    "server.END_S = 60\n"
    "init, resolve = webhooks.Webhooks.__init__, http_clients.HttpClients._resolve\n"
    "made = []\n"
    "def patient(self):\n"
    "    made.append(self)\n"
    "    init(self, last_s=30)\n"
    "async def late(self, endpoint):\n"
    "    if endpoint.host == 'localhost':\n"
    "        os.write(2, b'looking up\\n')\n"
    "        while made[0]._tasks:\n"
    "            await anyio.sleep(0)\n"
    "    return await resolve(self, endpoint)\n"
    "webhooks.Webhooks.__init__, http_clients.HttpClients._resolve = patient, late\n"
)
"""Time for the last words of all, and one receiver whose name is known only when nothing new is delivered."""


def test_what_is_under_way_to_a_receiver_at_the_end_arrives(home: Home, gateway: Gateway) -> None:
    gateway.quota(left(18))
    for path in ("/first", "/last"):
        gateway.script(path, Reply(200), method="POST")
    first = gateway.origin
    last = first.replace("127.0.0.1", "localhost")
    home.write_gateways(
        {"providerId": "campus", "baseURL": gateway.base_url, "label": "Campus gateway"},
        webhooks=[{"url": f"{first}/first"}, {"url": f"{last}/last"}],
    )
    with Sidecar(home.env, home.path, patched(LATE, "serve")) as child:
        child.open(home.project)
        child.notify("session/idle", directory=str(home.project), sessionId="ses_1")
        gateway.wait_for_request(lambda request: request.path == "/first")
        wait_until(lambda: "looking up" in child.log, "the other's name is being looked up")
        assert child.end() == 0
    told = [request for request in gateway.requests if request.method == "POST"]
    assert [(request.path, request.json()["text"]) for request in told] == [("/first", LOW), ("/last", LOW)]
