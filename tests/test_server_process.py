"""The real child over real pipes: handshake, workspaces, and faults around it."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar import __version__
from sidecar.protocol import METHODS
from sidecar.schema import documents
from sidecar.server import RESPONSE_HEADER_PREFIXES
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.processes import wait_until
from tests.bed.program import BY_THREADS, patched
from tests.bed.replies import Reply
from tests.bed.sidecar import SERVE, Sidecar

QUOTA = {"tokens": {"limit": 1000, "used": 250}}
HANDSHAKE = {
    "protocolMajor": 1,
    "sidecarVersion": __version__,
    "responseHeaderPrefixes": RESPONSE_HEADER_PREFIXES,
}


@pytest.fixture(params=[SERVE, patched(BY_THREADS, "serve")], ids=["loop", "threads"])
def child(request: pytest.FixtureRequest, home: Home) -> Iterator[Sidecar]:
    """Start a sidecar in the home, with its wire in both ways."""
    with Sidecar(home.env, home.path, request.param) as one:
        yield one


def entry(gateway: Gateway, **more: object) -> dict[str, Any]:
    return {"providerId": "campus", "baseURL": gateway.base_url} | more


def test_the_handshake_tells_versions_and_prefixes_and_can_be_repeated(child: Sidecar) -> None:
    assert child.initialize() == HANDSHAKE
    assert child.initialize() == HANDSHAKE
    assert child.ask("ping") == {}
    assert (child.end(), child.log) == (0, "")


def test_only_another_major_is_refused_and_the_right_one_is_welcome_after_it(child: Sidecar) -> None:
    assert child.ask("initialize", protocolMajor=2, shimVersion="9", more=1) == {
        "code": -32001,
        "message": "the sidecar speaks protocol 1, the plugin 2; update both together",
    }
    assert child.ask("workspace/open", directory="/") == NOT_INITIALIZED
    assert child.initialize() == HANDSHAKE


NOT_INITIALIZED = {"code": -32002, "message": "the first request must be initialize"}
TARGET: dict[str, Any] = {"providerId": "p", "modelId": "m"}
BODY: dict[str, Any] = {"sizeBytes": 1, "hasImages": False, "hasTools": False, "stream": True}
IDS: dict[str, Any] = {"directory": "/", "sessionId": "s", "messageId": "m"}
REQUEST: Final[dict[str, Any]] = IDS | {
    "requestId": "r", "agent": "a", "target": TARGET, "wire": "openai-chat", "body": BODY,
}  # fmt: skip
PARAMS: dict[str, dict[str, Any]] = {
    "workspace/open": {"directory": "/"},
    "workspace/close": {"directory": "/"},
    "command/execute": IDS | {"command": "quota_status", "arguments": ""},
    "request/plan": REQUEST,
    "request/failed": REQUEST,
    "turn/route": IDS | {"agent": "a", "target": TARGET},
}


def test_nothing_but_ping_is_answered_before_the_handshake(child: Sidecar) -> None:
    requests = [name for name, row in METHODS.items() if row.result and row.sent_by != "sidecar"]
    assert set(requests) == {*PARAMS, "initialize", "ping", "shutdown"}
    assert [child.ask(name, **params) for name, params in PARAMS.items()] == [NOT_INITIALIZED] * len(PARAMS)
    assert child.ask("ping") == {}


def test_a_plan_passes_at_once_even_while_the_sidecar_is_still_loading(child: Sidecar) -> None:
    child.begin("initialize", protocolMajor=1, shimVersion="0")
    assert child.ask("request/plan", **PARAMS["request/plan"]) == {"plan": {"kind": "pass"}}


def test_prints_and_writes_to_fd_1_go_to_stderr_and_the_wire_stays_whole(home: Home) -> None:
    stray = (
        "import os, subprocess, sidecar.services.routing as routing\n"
        "plan = routing.Routing.plan\n"
        "async def stray(self, params):\n"
        "    print('stray print', flush=True)\n"
        "    os.write(1, b'stray write\\n')\n"
        "    subprocess.run(['echo', 'stray child'])\n"
        "    return await plan(self, params)\n"
        "routing.Routing.plan = stray\n"
    )
    with Sidecar(home.env, home.path, patched(stray, "serve")) as child:
        child.open(home.project)
        assert child.ask("request/plan", **REQUEST) == {"plan": {"kind": "pass"}}
        assert child.end() == 0
        assert b"stray" not in child.received
        assert child.log.splitlines() == ["stray print", "stray write", "stray child"]


def test_two_workspaces_each_have_their_own_settings(home: Home, child: Sidecar, gateway: Gateway) -> None:
    home.write_gateways(entry(gateway.quota(QUOTA)))
    off = home.path / "off"
    (off / ".opencode").mkdir(parents=True)
    (off / ".opencode" / "quota-sidecar.jsonc").write_text('{"enabled": false}')
    child.open(home.project, off)
    assert "750 of 1,000 left" in child.command(home.project)["text"]
    assert "switched off" in child.command(off)["text"]
    assert child.ask("workspace/close", directory=str(off)) == {}
    assert child.command(off) == {"code": -32003, "message": f"the directory {str(off)!r} is not open"}
    assert "switched off" not in child.command(home.project)["text"]
    assert len(gateway.requests) == 1


def test_a_relative_directory_and_an_unknown_command_are_refused_in_words(home: Home, child: Sidecar) -> None:
    child.open(home.project)
    assert child.ask("workspace/open", directory="project") == {
        "code": -32602,
        "message": "params of workspace/open: directory must be absolute",
    }
    assert child.command(home.project, command="nothing") == {
        "code": -32004,
        "message": "there is no command /nothing",
    }


def test_host_json_is_complete_and_private_and_leaves_nothing_beside_it(home: Home, child: Sidecar) -> None:
    child.open(home.project)
    file = home.state / "host.json"
    wait_until(file.exists, "host.json is written")
    assert json.loads(file.read_text()) == json.loads(documents()["host"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o700
    assert sorted(path.name for path in home.state.iterdir() if path.name.startswith(".")) == []


def test_a_state_folder_that_cannot_be_made_stops_nothing(
    home: Home, child: Sidecar, gateway: Gateway
) -> None:
    home.state.parent.write_text("a file where a folder should be")
    home.write_gateways(entry(gateway.quota(QUOTA)))
    child.open(home.project)
    text = " ".join(child.command(home.project)["text"].split())
    assert "750 of 1,000 left" in text
    assert "state is kept in memory only, until the disk works again: the disk refused" in text
    child.ask("request/plan", **PARAMS["request/plan"])
    assert child.end() == 0


@pytest.mark.parametrize("name", ["sidecar", "anyio", "json", "httpx", "sitecustomize", "usercustomize"])
def test_a_projects_modules_are_never_imported(home: Home, gateway: Gateway, name: str) -> None:
    (home.project / f"{name}.py").write_text(
        f"open({str(home.path / 'imported')!r}, 'w').close()\nraise SystemExit(9)\n"
    )
    home.write_gateways(entry(gateway.quota(QUOTA)))
    with Sidecar(home.env | {"PYTHONPATH": str(home.project)}, home.project) as child:
        child.open(home.project)
        assert "campus" in child.command(home.project)["text"]
    assert not (home.path / "imported").exists()


def test_the_hosts_ctrl_c_is_not_for_the_sidecar(child: Sidecar) -> None:
    child.initialize()
    child.process.send_signal(signal.SIGINT)
    assert child.ask("ping") == {}
    assert (child.end(), child.log) == (0, "")


def test_a_gateway_is_called_what_the_host_calls_its_provider(
    home: Home, child: Sidecar, gateway: Gateway
) -> None:
    gateway.quota({"tokens": {"limit": 10, "used": 3}})
    home.write_gateways({"providerId": "campus", "baseURL": gateway.base_url})
    child.open(home.project)
    unnamed: dict[str, Any] = {"id": "other", "models": []}
    named: dict[str, Any] = unnamed | {"id": "campus", "name": "Campus AI"}
    child.ask("workspace/open", directory=str(home.project), providers=[named, unnamed])
    text = child.answer(child.begin_command(home.project))["text"]
    assert "    Campus AI (campus)" in text


def test_a_reader_that_is_gone_from_stderr_costs_no_answer(home: Home, gateway: Gateway) -> None:
    home.write_gateways(entry(gateway.script("/v1/quota", Reply(500))))
    reading, writing = os.pipe()
    os.close(reading)
    with Sidecar(home.env, home.path, errors=writing) as child:
        os.close(writing)
        child.open(home.project)
        assert "HTTP 500" in child.command(home.project)["text"]


def test_a_host_that_reads_late_loses_nothing(child: Sidecar) -> None:
    child.initialize()
    line = b'{"jsonrpc":"2.0","id":"%d","method":"ping"}\n'
    sender = threading.Thread(target=lambda: [child.send(line % n) for n in range(20_000)])
    sender.start()
    time.sleep(0)
    last = child.answer("19999")
    sender.join()
    assert last == {}
    assert child.received.count(b'"result":{}') == 20_000


def test_stdin_and_stdout_may_be_files(home: Home) -> None:
    lines = home.path / "lines"
    lines.write_text('{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    out = home.path / "out"
    with lines.open("rb") as stdin, out.open("wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-I", *SERVE],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=home.env, cwd=home.path,
            timeout=20, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr, Path(out).read_text()) == (
        0,
        b"",
        '{"jsonrpc":"2.0","id":1,"result":{}}\n',
    )
