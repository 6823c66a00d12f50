"""The real OpenCode without a screen: one turn with `run`, its server with `serve` and the HTTP API.

It knows the host's API and nothing of ours. The screen is in `tui.py`.
"""

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from tests.bed.gateways import DEADLINE_S
from tests.bed.home import MODEL, Home
from tests.bed.processes import end, opencode_binary, start, wait_until

START_S: Final = 60.0
"""How long a start or a turn may take on a machine that is busy; usually 2 to 5 s."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended, with all that it wrote."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float


def run(home: Home, *arguments: str, within_s: float = START_S) -> Finished:
    """Do `opencode run ...` in the project of this home."""
    return run_program(home, opencode_binary(), "run", *arguments, within_s=within_s)


def run_program(home: Home, *command: str, within_s: float = START_S) -> Finished:
    """Run any program to its end in the project and with the environment of this home."""
    began = time.monotonic()
    process = start(list(command), home.env, home.project, errors=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise TimeoutError(f"no end within {within_s} s of {command}; so far: {out!r} {err!r}") from None
    except BaseException:
        end(process)
        process.communicate()
        raise
    return Finished(process.returncode, out.decode(), err.decode(), time.monotonic() - began)


class Events:
    """What `/event` has said since the server is up, oldest first."""

    def __init__(self) -> None:
        self._all: list[Json] = []
        self._changed = threading.Condition()

    def add(self, event: Json) -> None:
        with self._changed:
            self._all.append(event)
            self._changed.notify_all()

    def of(self, kind: str) -> list[Json]:
        """Return the properties of every event of this type so far."""
        with self._changed:
            return [event["properties"] for event in self._all if event["type"] == kind]

    def wait_for(
        self,
        kind: str,
        matches: Callable[[Json], bool] = lambda _: True,
        count: int = 1,
        within_s: float = DEADLINE_S,
    ) -> Json:
        """Return the properties of the count-th event of this type that matches."""

        def found() -> list[Json]:
            return [properties for properties in self.of(kind) if matches(properties)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= count, within_s):
                kinds = sorted({event["type"] for event in self._all})
                raise TimeoutError(f"no such {kind} within {within_s} s; came: {kinds}")
            return found()[count - 1]


class Serve:
    """`opencode serve` on a free port, with a client; use as a context manager.

    A restart, or a second OpenCode beside the first, is another `Serve` on the same home.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.events = Events()
        self._log_path = home.path / f"serve-{len([*home.path.glob('serve-*.log')])}.log"
        with self._log_path.open("wb") as log:
            command = [opencode_binary(), "serve", "--port", "0", "--hostname", "127.0.0.1", "--print-logs"]
            self.process = start(command, home.env, home.project, output=log)
        self._listener = threading.Thread(target=self._listen, name="opencode-events")
        try:
            self.client = self._connect()
        except BaseException:
            end(self.process)
            raise
        self._listener.start()

    @property
    def log(self) -> str:
        """All that the server has written to its terminal, its log included."""
        return self._log_path.read_text(errors="replace")

    def create_session(self, **body: object) -> str:
        return str(self._json(self.client.post("/session", json=body))["id"])

    def send(self, session: str, text: str, provider: str, **body: object) -> Json:
        """Do one turn and return the assistant's message: `{info, parts}`."""
        parts = [{"type": "text", "text": text}]
        model = {"providerID": provider, "modelID": MODEL}
        return self._turn(session, "message", {"model": model, "parts": parts} | body)

    def command(self, session: str, name: str, arguments: str = "", provider: str | None = None) -> Json:
        """Run a slash command and return the assistant's message."""
        model = {"model": f"{provider}/{MODEL}"} if provider else {}
        return self._turn(session, "command", {"command": name, "arguments": arguments} | model)

    def messages(self, session: str) -> list[Json]:
        return self._json(self.client.get(f"/session/{session}/message"))

    def close(self) -> int:
        """End the server by its pid and return its exit code."""
        try:
            code = end(self.process)
        finally:
            if self._listener.ident:
                self._listener.join()
            self.client.close()
        return code

    def __enter__(self) -> Self:
        self.events.wait_for("server.connected", within_s=START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _turn(self, session: str, kind: str, request: Json) -> Json:
        """Post, wait until the session is idle, and read the message again, as it was stored."""

        def is_ours(event: Json) -> bool:
            return event["sessionID"] == session

        before = len([event for event in self.events.of("session.idle") if is_ours(event)])
        path = f"/session/{session}/message"
        posted = self._json(self.client.post(f"/session/{session}/{kind}", json=request))
        self.events.wait_for("session.idle", is_ours, before + 1, START_S)
        return self._json(self.client.get(f"{path}/{posted['info']['id']}"))

    def _connect(self) -> httpx.Client:
        def address() -> re.Match[str] | None:
            if self.process.poll() is not None:
                raise RuntimeError(f"opencode serve ended with {self.process.returncode}: {self.log}")
            return re.search(r"listening on (http://\S+)", self.log)

        wait_until(lambda: bool(address()), "opencode serve listens", START_S)
        found = address()
        assert found is not None
        where = {"directory": str(self.home.project)}
        return httpx.Client(base_url=found[1], params=where, timeout=START_S, trust_env=False)

    def _listen(self) -> None:
        try:
            with self.client.stream("GET", "/event", timeout=None) as response:
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        self.events.add(json.loads(line.removeprefix("data:")))
        except httpx.TransportError:
            return  # the server has ended

    def _json(self, response: httpx.Response) -> Any:
        if response.is_error:
            raise RuntimeError(f"{response.request.url.path} gave {response.status_code}: {response.text}")
        return response.json()


def text_of(message: Json) -> str:
    """Join the text parts of a message; raise what the host says went wrong with it."""
    if error := message["info"].get("error"):
        raise RuntimeError(f"the turn failed: {error}")
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


@contextmanager
def no_session_error(serve: Serve) -> Generator[None]:
    """Fail if OpenCode publishes a `session.error` meanwhile."""
    before = len(serve.events.of("session.error"))
    yield
    assert serve.events.of("session.error")[before:] == []
