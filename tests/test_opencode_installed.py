"""The package in the real OpenCode, on a machine that never saw it: from one line of configuration on.

OpenCode fetches it by itself from an npm registry on loopback; there is no checkout in its sight.
"""

import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any, Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import provider
from tests.bed.machine import PYTHON, SIMPLE, UV, Machine
from tests.bed.opencode import START_S, Serve, no_session_error, run, run_program, text_of
from tests.bed.package import NAME, Package
from tests.bed.processes import living_under, wait_until
from tests.bed.replies import Reply
from tests.bed.tui import Tui

PROVIDER: Final = "campus"
TOKEN: Final = "hunter2-of-the-index"  # noqa: S105 -- of an index on loopback
ANSWER: Final = "A fine answer."
LINES: Final = 200
"""So much of OpenCode's log is read for complaints."""
READY: Final = "All is set up. /quota_status says what is left."
PREPARING: Final = """\
The quota sidecar can't answer. Your chat goes on as if it weren't installed.

    Why:  It is being set up, which is done once, mostly in less than a minute.
    Cure: Ask again in a few seconds; a note says when it is done.
    Log:  {log}"""
NO_PYTHON: Final = "It needs Python 3.11 or newer, and there is none on this machine."
NOT_UPDATED: Final = "Version 0.2.0 could not be set up; the one before goes on."
CLOSED: Final = "http://127.0.0.1:9/simple/"
NO_PYTHON_CURE: Final = "Install it: https://www.python.org/downloads; then restart OpenCode."


@pytest.fixture
def configured(machine: Machine, gateway: Gateway) -> Machine:
    gateway.quota({"tokens": {"limit": 1000, "used": 360}}).models(ANSWER)
    machine.home.write_opencode({PROVIDER: provider(gateway.base_url)}, plugin=NAME)
    machine.home.write_gateways({"providerId": PROVIDER, "label": "Campus gateway"})
    return machine


def hold(machine: Machine) -> Event:
    """Let whoever asks the Python index wait for the event that is returned."""
    go_on = Event()
    path = f"{SIMPLE}anyio/"
    reply = machine.pages[path]
    machine.index.script(path, replace(reply, hold=[go_on]))
    return go_on


def quota_status(serve: Serve) -> str:
    return text_of(serve.command(serve.create_session(), "quota_status", provider=PROVIDER))


def toasts(serve: Serve) -> list[Any]:
    return [
        (toast["title"], toast["message"], toast["variant"]) for toast in serve.events.of("tui.toast.show")
    ]


def notes(machine: Machine) -> list[dict[str, Any]]:
    """Return what the shim has noted in all logs, without the times."""
    lines = [
        line for log in sorted(machine.home.state.glob("logs/*.log")) for line in log.read_text().splitlines()
    ]
    return [note for line in lines if (note := json.loads(line)).get("logger") == "shim"]


def complaints(log: str) -> list[str]:
    """Return the lines of OpenCode's log at warning or above that are about us."""
    lines = [
        line
        for line in log.splitlines()
        if re.search(r"\b(WARN|ERROR|FATAL)\b|level=(warn|error|fatal)", line, re.I)
    ]
    return [line for line in lines if re.search(r"quota.sidecar", line, re.I)]


def test_the_first_start_prepares_while_the_chat_works_and_the_second_is_ready(configured: Machine) -> None:
    configured.home.like_a_users()
    go_on = hold(configured)
    with Serve(configured.home) as serve, ThreadPoolExecutor() as meanwhile, no_session_error(serve):
        asked = meanwhile.submit(quota_status, serve)
        assert text_of(serve.send(serve.create_session(), "Say something fine.", PROVIDER)) == ANSWER
        log = configured.home.state / "logs" / f"{serve.process.pid}.log"
        assert asked.result() == PREPARING.format(log=log)
        go_on.set()
        serve.events.wait_for("tui.toast.show", within_s=START_S)
        assert toasts(serve) == [("Quota sidecar", READY, "success")]
        assert "Campus gateway" in quota_status(serve)
    first = serve.log
    with Serve(configured.home) as serve:
        assert "Campus gateway" in quota_status(serve)
        session = serve.create_session()
        while len((first + serve.log).splitlines()) < LINES:
            assert text_of(serve.send(session, "Say something fine.", PROVIDER)) == ANSWER
        assert toasts(serve) == []
    assert [complaints(log) for log in (first, serve.log)] == [[], []]
    spawned = [note["source"] for note in notes(configured) if note["event"] == "sidecar_spawned"]
    prepared = [note["kind"] for note in notes(configured) if note["event"] == "preparation_ended"]
    assert (spawned, prepared) == (["prepared", "prepared"], ["made"])
    assert len(configured.environments()) == 1


def test_two_runs_prepare_once_and_say_nothing_of_it_though_they_end_before_it_is_done(
    configured: Machine,
) -> None:
    go_on = hold(configured)
    done = [run(configured.home, "Say something fine.") for _ in range(2)]
    assert [(one.exit_code, ANSWER in one.stdout) for one in done] == [(0, True)] * 2
    assert [line for one in done for line in (one.stdout + one.stderr).splitlines() if "uota" in line] == []
    assert not configured.pointer.exists()
    go_on.set()
    wait_until(configured.pointer.exists, "what was begun is done", START_S)
    wait_until(lambda: not living_under(configured.home.path), "both preparations have ended", START_S)
    assert len(configured.environments()) == 1
    assert len(configured.index.seen(f"{SIMPLE}anyio/")) == 1
    assert "Campus gateway" in run(configured.home, "--command", "quota_status").stdout


def test_the_screen_says_what_is_missing_and_at_the_next_start_that_it_is_there(configured: Machine) -> None:
    configured.has("python3", None)
    configured.has("uv", None)
    with Tui(configured.home, columns=160) as tui:
        tui.wait_for(NO_PYTHON[:40], START_S)
        tui.command("/quota_status")
        tui.wait_for(f"Why:  {NO_PYTHON}", START_S)
        tui.wait_for(f"Cure: {NO_PYTHON_CURE}")
    configured.has("python3", PYTHON)
    configured.has("uv", UV)
    with Tui(configured.home, columns=160) as tui:
        tui.wait_for(READY[:20], START_S)
        tui.command("/quota_status")
        tui.wait_for("Campus gateway", START_S)


def test_an_update_is_made_beside_what_runs_and_the_old_one_goes_when_nobody_uses_it(
    configured: Machine, gateway: Gateway, package: Package
) -> None:
    later = package.as_version("0.2.0")
    assert configured.prepare(package).exit_code == 0
    [old] = configured.environments()
    with Serve(configured.home) as before:
        assert "Campus gateway" in quota_status(before)
        configured.publish(package, later)
        configured.home.write_opencode({PROVIDER: provider(gateway.base_url)}, plugin=f"{NAME}@0.2.0")
        env = configured.home.env.copy()
        configured.home.env |= {"UV_DEFAULT_INDEX": CLOSED, "PIP_INDEX_URL": CLOSED}
        with Serve(configured.home) as failed:
            why = failed.events.wait_for("tui.toast.show", within_s=START_S)["message"]
            assert why.startswith(f"{NOT_UPDATED} Its Python packages could not be fetched: 127.0.0.1:9: ")
            said = quota_status(failed)
            assert ("Campus gateway" in said, said.endswith(f"\n\n{why}")) == (True, True)
        configured.home.env |= env
        with Serve(configured.home) as after:
            after.events.wait_for("tui.toast.show", within_s=START_S)
            assert toasts(after) == [("Quota sidecar", "Now at version 0.2.0.", "success")]
            assert "Campus gateway" in quota_status(after)
        assert (configured.current()["version"], len(configured.environments())) == ("0.2.0", 2)
        assert "Campus gateway" in quota_status(before)
        assert toasts(before) == []
    with Serve(configured.home) as alone:
        assert "Campus gateway" in quota_status(alone)
        wait_until(lambda: len(configured.environments()) == 1, "the old environment has gone")
    assert old not in configured.environments()


def test_a_token_is_shown_to_nobody_a_projects_python_never_runs_and_the_shown_command_mends_it(
    configured: Machine,
) -> None:
    home, index = configured.home, configured.index
    ran = home.path / "ran"
    theirs = home.project / ".venv" / "bin"
    theirs.mkdir(parents=True)
    for place in (theirs, home.project):
        for name in ("python3", "uv", "python"):
            (place / name).write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
            (place / name).chmod(0o755)
    home.env["PATH"] = f"{theirs}:.:{home.env['PATH']}"
    whole = home.env["UV_DEFAULT_INDEX"]
    closed = f"http://me:{TOKEN}@127.0.0.1:{index.port}/closed/"
    home.env |= {"UV_DEFAULT_INDEX": closed, "PIP_INDEX_URL": closed}
    index.script("/closed/anyio/", Reply(401, b"no"))
    with Serve(home) as serve, no_session_error(serve):
        toast = serve.events.wait_for("tui.toast.show", within_s=START_S)
        said = quota_status(serve)
        assert text_of(serve.send(serve.create_session(), "Say something fine.", PROVIDER)) == ANSWER
        why, cure = re.findall(r"(?:Why: |Cure:) (.*)", said)
        assert why == f"Its Python packages could not be fetched: 127.0.0.1:{index.port}: 401 Unauthorized."
        assert toast["message"] == f"{why} {cure}"
        shown = re.fullmatch(
            "Check the network, and pip's or uv's settings of index, proxy and certificates. "
            "To try again and see more, run `(.*)`; or restart OpenCode.",
            cure,
        )
        assert shown
        home.env |= {"UV_DEFAULT_INDEX": whole, "PATH": str(configured.bin)}
        by_hand = run_program(home, *shlex.split(shown[1]))
        assert by_hand.stdout == (
            "The sidecar is ready. OpenCode uses it from the next /quota_status on; where an older version "
            "runs, from its next start on.\n"
        )
        assert "Campus gateway" in quota_status(serve)
    assert not ran.exists()
    written = [path for path in home.path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in said + toast["message"] + by_hand.stderr
