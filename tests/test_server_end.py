"""How the real child ends: soon after EOF, whatever hangs in it."""

import json
from collections.abc import Iterator

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.processes import wait_until
from tests.bed.program import BY_THREADS, HANG, patched
from tests.bed.replies import Fault, Reply
from tests.bed.sidecar import SERVE, Sidecar
from tests.test_server_process import QUOTA, entry

END_S = 6.0
"""The sidecar gives itself a second; what hangs here hangs for longer than this."""


@pytest.fixture(params=[SERVE, patched(BY_THREADS, "serve")], ids=["loop", "threads"])
def child(request: pytest.FixtureRequest, home: Home) -> Iterator[Sidecar]:
    """Start a sidecar in the home, with its wire in both ways."""
    with Sidecar(home.env, home.path, request.param) as one:
        yield one


def test_shutdown_is_answered_and_ends_it_with_stdin_still_open(child: Sidecar) -> None:
    child.initialize()
    assert child.ask("shutdown") == {}
    assert child.process.wait(END_S) == 0


@pytest.mark.parametrize(
    "tail", [b"", b'{"jsonrpc":"2.0","id":1,"meth', b'{"jsonrpc":"2.0","id":1,"method":"ping"}']
)
def test_eof_ends_it_also_in_the_middle_of_a_line(child: Sidecar, tail: bytes) -> None:
    child.initialize()
    child.send(tail)
    assert (child.end(END_S), child.log) == (0, "")


def test_eof_before_the_first_byte_ends_it(child: Sidecar) -> None:
    assert (child.end(), child.received, child.log) == (0, b"", "")


def test_eof_ends_it_and_tells_what_hangs(home: Home, child: Sidecar, gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(hold=(Fault.STALL,)))
    home.write_gateways(entry(gateway))
    child.open(home.project)
    hanging = child.begin_command(home.project)
    gateway.wait_for_request(lambda _: True)
    assert child.end(END_S) == 0
    assert child.answer(hanging) == {"code": -32005, "message": "the sidecar is ending"}


def test_eof_ends_it_while_a_name_is_looked_up(home: Home) -> None:
    home.write_gateways({"providerId": "campus", "baseURL": "http://hangs.test/v1"})
    with Sidecar(home.env, home.path, patched(HANG, "serve")) as child:
        child.open(home.project)
        child.begin_command(home.project)
        wait_until(lambda: "looking up" in child.log, "the name is being looked up")
        assert child.end(END_S) == 0


def test_eof_ends_it_while_the_disk_hangs(home: Home, gateway: Gateway) -> None:
    home.write_gateways(entry(gateway))
    hang = (
        "import os, threading, sidecar.adapters.sqlite_reading as reading\n"
        "def hang(*_):\n"
        "    os.write(2, b'reading\\n')\n"
        "    threading.Event().wait()\n"
        "reading.read = hang\n"
    )
    with Sidecar(home.env, home.path, patched(hang, "serve")) as child:
        child.open(home.project)
        child.begin_command(home.project)
        wait_until(lambda: "reading" in child.log, "the disk is being read")
        assert child.ask("ping") == {}
        assert child.end(END_S) == 0


@pytest.mark.parametrize("way", ["", BY_THREADS], ids=["loop", "threads"])
def test_eof_ends_it_while_the_event_loop_hangs(home: Home, way: str) -> None:
    hang = way + (
        "import threading, sidecar.server as server\n"
        "server.Server._acknowledge = lambda *_: threading.Event().wait()\n"
    )
    with Sidecar(home.env, home.path, patched(hang, "serve")) as child:
        child.initialize()
        child.begin("ping")
        assert child.end(END_S) == 0


def test_names_that_hang_keep_no_other_gateway_waiting(home: Home, gateway: Gateway) -> None:
    dead = [{"providerId": f"dead{n}", "baseURL": f"http://hangs{n}.test/v1"} for n in range(20)]
    home.write_gateways(*dead, entry(gateway.quota(QUOTA)), quotaTimeoutS=3)
    with Sidecar(home.env, home.path, patched(HANG, "serve")) as child:
        child.open(home.project)
        text = child.command(home.project)["text"]
        assert text.count("no answer in time") == 20
        assert len(gateway.requests) == 1


@pytest.mark.parametrize("way", ["", BY_THREADS], ids=["loop", "threads"])
def test_one_that_cannot_start_says_so_to_who_waits_and_ends(home: Home, way: str) -> None:
    gone = way + "import sys\nsys.modules['sidecar.application'] = None\n"
    with Sidecar(home.env, home.path, patched(gone, "serve")) as child:
        hello = {"protocolMajor": 1, "shimVersion": "0.0.0"}
        frames = [("initialize", hello), ("workspace/open", {"directory": "/"})]
        lines = [{"jsonrpc": "2.0", "id": name, "method": name, "params": params} for name, params in frames]
        child.send(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        assert child.answer("workspace/open") == {
            "code": -32603,
            "message": "the sidecar could not start; its log says why",
        }
        assert child.process.wait(END_S) == 3
        (line,) = map(json.loads, child.log.splitlines())
        assert (line["event"], line["what"]) == ("mistake", "_load")
        assert "sidecar.application" in line["exception"][0]["exc_value"]


def test_after_stdout_is_closed_it_waits_quietly_for_eof(child: Sidecar) -> None:
    child.initialize()
    child.close_stdout()
    for _ in range(20):
        child.begin("ping")
    assert child.end(END_S) == 0
    assert "Traceback" not in child.log
