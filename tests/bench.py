"""`make bench`: measures the budgets on this machine and prints them with the limit beside each.

Nothing here fails for being slow: a busy machine is no defect. The shim's half is measured by
`js-shim/test/bench.ts`, on the real sidecar; starts are those of the real OpenCode.
"""

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import anyio

from sidecar.logs import configure_logging
from tests.bed import choosing_spans, store_million
from tests.bed.decisions import TARGETS, Spans, Taken, measure
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.machine import UV, Machine
from tests.bed.package import build
from tests.bed.processes import REPOSITORY
from tests.bed.replies import json_reply
from tests.bed.start_spans import awaited, start
from tests.bed.store_month import simulate
from tests.bed.wheels import runtime_wheels

SIDECAR: Final = [sys.executable, "-I", "-m", "sidecar", "serve"]
BUN: Final = REPOSITORY / "js-shim" / "node_modules" / ".bin" / "bun"
GATEWAYS: Final = 50
SLOW_S: Final = 0.2
STARTS: Final = 7

Row = tuple[str, str, str]
"""What was measured, the figure, the limit."""


def main() -> int:
    """Print the table."""
    configure_logging(quiet=True)
    rows: list[Row] = [("this machine: ten million additions in Python", _ms(_additions()), "-")]
    with Home() as home:
        anyio.run(store_million.fill, home.state, time.time())
        rows += _shim_rows(home)
    with Home() as home:
        rows += _gateway_rows(home)
    rows += _store_rows()
    for name, taken in measure().items():
        rows += _decision_rows(name, taken)
    rows += _choosing_rows()
    rows += _start_rows()
    rows += _installed_rows()
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in [("what", "measured", "limit"), tuple("-" * width for width in widths), *rows]:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n")
    return 0


def _additions() -> float:
    """Return milliseconds: how fast the machine is just now, to read the other figures by."""
    began = time.perf_counter()
    total = 0
    for number in range(10_000_000):
        total += number
    return (time.perf_counter() - began) * 1000


def _shim_rows(home: Home) -> list[Row]:
    command = [str(BUN), str(REPOSITORY / "js-shim" / "test" / "bench.ts"), *SIDECAR]
    done = subprocess.run(command, env=home.env, cwd=home.project, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    same = "identical" if found["areSame"] else "DIFFERENT"
    return [
        ("request path, nothing to do, three providers, p50", _ms(found["pathP50"]), "1 ms"),
        ("request path, nothing to do, three providers, p99", _ms(found["pathP99"]), "5 ms"),
        ("refusal at A to request at B, p50", _ms(found["failoverP50"]), "3 ms"),
        ("refusal at A to request at B, p99", _ms(found["failoverP99"]), "15 ms"),
        ("refusals at A that B answered", f"{found['failovers']} of 300", "300 of 300"),
        ("the same in a program that knows B, p50", _ms(found["bareP50"]), "-"),
        ("request path, sidecar hung, first", _ms(found["hungFirst"]), "250 ms, once"),
        ("request path, sidecar suspect, worst of 200", _ms(found["hungNextMax"]), "0 ms"),
        ("streamed bytes of 700 answers", same, "identical"),
        ("first content byte, p95 with us minus without", _ms(found["firstByteAddedP95"]), "1 ms"),
        ("JSON-RPC round trip from Bun, p50", _ms(found["roundP50"]), "0.15 ms"),
        (
            "JSON-RPC, calls a second",
            f"{found['rate']:,.0f}",
            f"half of {found['echoRate']:,.0f} (bare echo)",
        ),
        ("sidecar ready after spawn, p50", _ms(found["readyP50"]), "200 ms"),
        ("sidecar ready after spawn, worst of 15", _ms(found["readyMax"]), "200 ms"),
        ("sidecar's memory at rest", f"{found['restMb']:.1f} MB", "45 MB"),
    ]


def _gateway_rows(home: Home) -> list[Row]:
    """Ask many slow gateways at once, through the wire."""
    with Gateway() as gateway:
        for number in range(GATEWAYS):
            quota = json_reply({"tokens": {"limit": 100, "used": number}})
            gateway.script(f"/{number}/quota", dataclasses.replace(quota, hold=[SLOW_S]))
        home.write_gateways(
            *(
                {"providerId": f"g{number}", "baseURL": f"{gateway.origin}/{number}"}
                for number in range(GATEWAYS)
            )
        )
        with _wire(home) as ask:
            ask("workspace/open", {"directory": str(home.project)})
            first = _timed_status(ask, home, "")
            again = statistics.median(_timed_status(ask, home, "refresh") for _ in range(5))
            cached = statistics.median(_timed_status(ask, home, "") for _ in range(5))
    what = f"/quota_status, {GATEWAYS} gateways of {SLOW_S * 1000:.0f} ms each"
    return [
        (f"{what}, the first after a start", _ms(first), "600 ms"),
        (f"{what}, refresh, p50", _ms(again), "600 ms"),
        (f"{what}, from the cache, p50", _ms(cached), "-"),
    ]


Ask = Callable[[str, dict[str, Any]], Any]
"""Sends a request of the wire and returns its result."""


@contextmanager
def _wire(home: Home, command: list[str] = SIDECAR) -> Generator[Ask]:
    """A sidecar on its own, asked as the shim would ask, from its greeting on."""
    with subprocess.Popen(
        command,
        env=home.env,
        cwd=home.path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(method: str, params: dict[str, Any]) -> Any:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
            while "id" not in (reply := json.loads(stdout.readline())):
                pass  # a toast
            return reply["result"]

        ask("initialize", {"protocolMajor": 1, "shimVersion": "0"})
        yield ask
        stdin.close()


def _timed_status(ask: Ask, home: Home, arguments: str) -> float:
    """Return how many milliseconds the command took."""
    names = {"directory": str(home.project), "sessionId": "s", "messageId": "m"}
    began = time.perf_counter()
    text = ask("command/execute", {**names, "command": "quota_status", "arguments": arguments})["text"]
    took = (time.perf_counter() - began) * 1000
    assert text.count(" of 100 left") == GATEWAYS, text
    return took


def _store_rows() -> list[Row]:
    month = simulate()
    size = f"{month.size_bytes / 1e6:.1f} MB"
    return [
        ("store after a simulated month, state.db and its -wal", size, "5 MB"),
        ("loading it, nobody has written since, p50", _ms(month.unchanged_ms), "1 ms"),
        ("loading it, another sidecar has written, p50", _ms(month.changed_ms), "-"),
    ]


def _decision_rows(store: str, taken: Taken) -> list[Row]:
    what = f"decision, {TARGETS} targets, {store} store"
    named: list[tuple[str, Spans, str]] = [
        (what, taken.unchanged, "1 ms"),
        (f"{what}, own request counted since", taken.counted, "1 ms"),
        (f"{what}, another sidecar has written since", taken.written, "1 ms"),
        (f"{what}, another writes all the time", taken.hammered, "-"),
        (f"turn/route, {TARGETS} targets, {store} store", taken.turn, "1 ms"),
    ]
    return [
        row
        for name, spans, limit in named
        for row in ((f"{name}, p50", _ms(spans.p50), limit), (f"{name}, p99", _ms(spans.p99), "-"))
    ]


def _choosing_rows() -> list[Row]:
    limits = {"nothing": "1 ms", "one account": "1 ms"}
    many = f"{choosing_spans.TARGETS} targets of 5 windows"
    chosen = [
        (
            f"choosing among {many}, {what} read anew, p50",
            _ms(statistics.median(taken)),
            limits.get(what, "-"),
        )
        for what, taken in choosing_spans.measure().items()
    ]
    routed = anyio.run(choosing_spans.measure_routed)
    return chosen + [
        (f"a virtual model of {many}, {what}, p50", _ms(statistics.median(taken)), "-")
        for what, taken in routed.items()
    ]


def _start_rows() -> list[Row]:
    """Start the real OpenCode with and without the plugin, in turn, in warmed homes."""
    took: dict[str, list[float]] = {"without": [], "with": []}
    with Gateway().models() as gateway, Home() as plain, Home() as ours:
        providers = {"g": provider(gateway.base_url)}
        plain.like_a_users()
        ours.like_a_users()
        plain.write_opencode(providers, plugin=None)
        ours.write_opencode(providers)
        for number in range(STARTS + 1):
            for name, home in (("without", plain), ("with", ours)):
                milliseconds = start(home)
                if number:  # the first one warms the home
                    took[name].append(milliseconds)
        spans = awaited(ours, providers, REPOSITORY / "js-shim" / "src" / "index.ts", STARTS)
    without, with_us = (statistics.median(took[name]) for name in ("without", "with"))
    return [
        ("awaited in the plugin at OpenCode's start, p50", _ms(statistics.median(spans)), "20 ms"),
        ("awaited in the plugin at OpenCode's start, worst", _ms(max(spans)), "20 ms"),
        (f"OpenCode's start until a session, without us, p50 of {STARTS}", _ms(without), "-"),
        (f"OpenCode's start until a session, with us, p50 of {STARTS}", _ms(with_us), "-"),
    ]


def _installed_rows() -> list[Row]:
    """Measure the second start of the package, on a machine whose first one has prepared it."""
    with Home() as home, Gateway() as index, Gateway().models() as gateway:
        home.like_a_users()
        package = build(home.path / "built")
        machine = Machine(home, index, runtime_wheels())
        machine.has("uv", UV)
        assert machine.prepare(package).exit_code == 0
        python = machine.current()["python"]
        ready = [_greeted(home, [python, "-I", "-m", "sidecar", "serve"]) for _ in range(STARTS)]
        unpacked = home.path / "unpacked"
        unpacked.mkdir()
        for name, data in package.files.items():
            (unpacked / name).write_bytes(data)
        spans = awaited(home, {"g": provider(gateway.base_url)}, unpacked / "server.js", STARTS)
    return [
        ("installed: sidecar ready after spawn, second start, p50", _ms(statistics.median(ready)), "200 ms"),
        (
            "installed: awaited in the plugin at OpenCode's start, p50",
            _ms(statistics.median(spans)),
            "20 ms",
        ),
    ]


def _greeted(home: Home, command: list[str]) -> float:
    """Return the milliseconds from the spawn of a sidecar to its answer."""
    began = time.perf_counter()
    with _wire(home, command):
        return (time.perf_counter() - began) * 1000


def _ms(value: float) -> str:
    return f"{value:.3f} ms" if value < 10 else f"{value:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
