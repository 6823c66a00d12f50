"""Embedded gateways on loopback: scripted quota replies, answers of models, faults, and a record of all.

A gateway is an HTTP server in threads of this process, on a port that the system chooses. What it answers
at a path is a script: one `Reply` (or a function of the request) per request, the last one for ever. It
decides nothing by itself, waits for events rather than for time, and leaves no thread when it is closed.
"""

import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.bed import wires
from tests.bed.replies import (
    Answer,
    Fault,
    Received,
    Reply,
    Step,
    is_turn,
    json_reply,
    made,
    model_answer,
    says,
)

DEADLINE_S: Final = 20.0
"""How long a test waits for something that should come at once, on a machine that is busy."""


class Gateway:
    """One loopback HTTP server; use as a context manager."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        """All that arrived, oldest first."""
        self._scripts: dict[tuple[str, str], list[Answer]] = {}
        self._aside: Answer = says("A title.")
        self._arrived = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        self._reserved: socket.socket | None = None
        self._listen()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What goes into `baseURL`: the origin and `/v1`."""
        return f"{self.origin}/v1"

    def script(self, path: str, *answers: Answer, method: str = "GET") -> Self:
        """Answer at this path, once with each of the answers, and from then on with the last."""
        with self._arrived:
            self._scripts[method, path] = list(answers)
        return self

    def quota(self, value: object, path: str = "/v1/quota") -> Self:
        """Answer with this JSON at the quota path."""
        return self.script(path, json_reply(value))

    def models(
        self,
        text: str | Callable[[Received], str] = "pong",
        base: str = "/v1",
        headers: Mapping[str, str] = {},
    ) -> Self:
        """Answer with this text, and these headers, in every wire."""
        for wire, path in wires.MODEL_PATHS.items():
            self.script(base + path, model_answer(wire, text, headers), method="POST")
        return self

    def seen(self, path: str | None = None, method: str | None = None) -> list[Received]:
        """Return the requests that arrived so far, of one path or method if given."""
        with self._arrived:
            return [r for r in self.requests if path in (None, r.path) and method in (None, r.method)]

    @property
    def model_calls(self) -> list[Received]:
        """Every request to a model, titles included."""
        ends = tuple(wires.MODEL_PATHS.values())
        return [request for request in self.seen(method="POST") if request.path.endswith(ends)]

    @property
    def turn_calls(self) -> list[Received]:
        """Every request of an agent's turn: those to a model, but for titles and summaries."""
        return [request for request in self.model_calls if is_turn(request)]

    def wait_for_request(
        self, matches: Callable[[Received], bool], count: int = 1, within_s: float = DEADLINE_S
    ) -> Received:
        """Return the count-th request that matches; raise TimeoutError with what came instead."""

        def found() -> list[Received]:
            return [request for request in self.requests if matches(request)]

        with self._arrived:
            if not self._arrived.wait_for(lambda: len(found()) >= count, within_s):
                came = [f"{r.method} {r.path}" for r in self.requests]
                raise TimeoutError(f"no matching request within {within_s} s; came: {came}")
            return found()[count - 1]

    def turns(self, *answers: Answer) -> Self:
        """Answer the turns of agents with these, in every wire, the last one for ever; titles have their own.

        A request without tools is no turn: the host asks for a title, or for the summary of a session.
        """
        left = list(answers)

        def answer(request: Received) -> Reply:
            if not is_turn(request):
                return made(self._aside, request)
            with self._arrived:
                following = left.pop(0) if len(left) > 1 else left[0]
            return made(following, request)

        for path in wires.MODEL_PATHS.values():
            self.script(f"/v1{path}", answer, method="POST")
        return self

    def asides(self, answer: Answer) -> Self:
        """Answer what is no turn of an agent with this, from now on."""
        self._aside = answer
        return self

    def close(self) -> None:
        """Let go of every connection and end all threads; raise what went wrong in one of them."""
        if self._reserved is not None:
            self._reserved.close()
        elif not self._closing.is_set():
            self._hang_up()
        if self._server.errors:
            raise ExceptionGroup("a gateway failed", self._server.errors)

    def go_down(self) -> Self:
        """Let go of every connection, and refuse all from now on; nobody else gets the port."""
        self._hang_up()
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))
        return self

    def come_back(self) -> None:
        """Answer again, at the same port, if it was down."""
        reserved, self._reserved = self._reserved, None
        if reserved is None:
            return
        self._closing.clear()
        self._server = _Server(self, self.port)
        reserved.close()
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, request: Received) -> Reply:
        """Record the request and take the next reply of its script."""
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
            script = self._scripts.get((request.method, request.path), [_NOT_FOUND])
            following = script.pop(0) if len(script) > 1 else script[0]
        return made(following, request)

    def pause(self, step: threading.Event | float | Fault) -> bool:
        """Wait as the step says; False when the connection is to be given up."""
        if isinstance(step, threading.Event):
            return self._wait_for(step)
        if isinstance(step, Fault):
            return step is Fault.STALL and not self._closing.wait()
        return not self._closing.wait(step)

    def _wait_for(self, event: threading.Event) -> bool:
        while not event.wait(0.02):
            if self._closing.is_set():
                return False
        return True

    def _listen(self) -> None:
        self._thread = threading.Thread(target=self._serve, name=f"gateway-{self.port}")
        self._thread.start()

    def _hang_up(self) -> None:
        self._closing.set()
        self._server.drop_connections()
        with socket.create_connection(("127.0.0.1", self.port)):
            self._thread.join()  # the connection wakes the accepting thread
        self._server.drop_connections()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._server.handle_request()


_NOT_FOUND: Final = json_reply({"error": {"message": "no such path in this gateway"}}, 404)


class _Server(socketserver.ThreadingTCPServer):
    """Accepts connections, one thread each, and can let go of all of them."""

    request_queue_size = 128
    daemon_threads = False

    allow_reuse_address = True

    def __init__(self, gateway: Gateway, port: int = 0) -> None:
        self.gateway = gateway
        self.errors: list[Exception] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.errors.append(error)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and plays the replies."""

    protocol_version = "HTTP/1.1"

    @property
    def _gateway(self) -> Gateway:
        assert isinstance(self.server, _Server)
        return self.server.gateway

    def _exchange(self) -> None:
        reply = self._gateway.answer(self._received())
        if not all(self._play(step) for step in reply.hold):
            self.close_connection = True
            return
        self._head(reply)
        for step in reply.steps:
            if not self._play(step, reply.chunked):
                self.close_connection = True
                return
        if reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def __getattr__(self, name: str) -> Any:
        """Treat `do_GET` and its like alike: what to answer is the script's business."""
        if name.startswith("do_"):
            return self._exchange
        raise AttributeError(name)

    def _received(self) -> Received:
        where = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Received(self.command, where.path, where.query, headers, body)

    def _head(self, reply: Reply) -> None:
        length = sum(len(step) for step in reply.steps if isinstance(step, bytes))
        framing = {"transfer-encoding": "chunked"} if reply.chunked else {"content-length": str(length)}
        self.send_response(reply.status)
        for name, value in (framing | dict(reply.headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def _play(self, step: Step, chunked: bool = False) -> bool:
        if isinstance(step, bytes):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step) if chunked else step)
            return True
        if step is Fault.CUT:
            _reset(self.connection)
        return self._gateway.pause(step)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay silent: what arrived is in `Gateway.requests`."""


def _reset(connection: socket.socket) -> None:
    """Make the close that follows a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
