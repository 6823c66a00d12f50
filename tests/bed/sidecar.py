"""A sidecar as the shim starts it: the real child over pipes, frames in and out, and its stderr kept.

It decides nothing and knows no method: what a frame says is the business of the tests.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self

from tests.bed.forked import Forked
from tests.bed.gateways import DEADLINE_S

SERVE: Final = ("-m", "sidecar", "serve")


class Process(Protocol):
    """What is used of `subprocess.Popen`."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int, /) -> None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Sidecar:
    """One child process; use as a context manager."""

    def __init__(
        self,
        env: Mapping[str, str],
        directory: Path,
        program: tuple[str, ...] | None = SERVE,
        errors: int | None = None,
    ) -> None:
        """Start *program* in an isolated Python; its stderr goes into a file, or into *errors*.

        None is `serve` in a process that is forked and not started anew.
        """
        self.received = b""
        """Every byte that came out."""
        self.log_file = directory / f"stderr-{time.monotonic_ns()}"
        with self.log_file.open("wb") as log:
            stderr = log.fileno() if errors is None else errors
            self.process: Process = (
                Forked(env, directory, stderr)
                if program is None
                else _started(program, env, directory, stderr)
            )
        self._ids = count(1)
        self._unread = b""
        self._frames: list[Any] = []

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def begin(self, method: str, **params: object) -> int:
        """Send a request and return its id."""
        request_id = next(self._ids)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self.send(json.dumps(message).encode() + b"\n")
        return request_id

    def notify(self, method: str, **params: object) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n")

    def answer(self, request_id: object, within_s: float = DEADLINE_S) -> Any:
        """Return the response with this id without its envelope: its result, or its error."""
        frame = self.frame(lambda frame: frame.get("id") == request_id and "method" not in frame, within_s)
        return frame["result"] if "result" in frame else frame["error"]

    def ask(self, method: str, **params: object) -> Any:
        return self.answer(self.begin(method, **params))

    def initialize(self) -> Any:
        return self.ask("initialize", protocolMajor=1, shimVersion="0.0.0")

    def command(self, directory: Path, arguments: str = "", command: str = "quota_status") -> Any:
        return self.answer(self.begin_command(directory, arguments, command))

    def begin_command(self, directory: Path, arguments: str = "", command: str = "quota_status") -> int:
        return self.begin(
            "command/execute",
            directory=str(directory),
            sessionId="ses_1",
            messageId="msg_1",
            command=command,
            arguments=arguments,
        )

    def open(self, *directories: Path) -> None:
        """Shake hands and open these workspaces."""
        self.initialize()
        for directory in directories:
            opened = self.ask("workspace/open", directory=str(directory))
            assert opened == {"responseHeaderPrefixes": []}

    def frame(self, matches: Callable[[Any], bool], within_s: float = DEADLINE_S) -> Any:
        """Return the next frame that matches, and keep the others for later."""
        deadline = time.monotonic() + within_s
        while True:
            for index, frame in enumerate(self._frames):
                if matches(frame):
                    return self._frames.pop(index)
            if not self._read(deadline - time.monotonic()):
                raise TimeoutError(f"no such frame; came: {self._frames}; stderr: {self.log}")

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def close_stdout(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self, within_s: float = DEADLINE_S) -> int:
        """Close stdin, read to the end, and return the exit code."""
        self.close_stdin()
        deadline = time.monotonic() + within_s
        while not self._closed and self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(0.01, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    @property
    def _closed(self) -> bool:
        return self.process.stdout is None or self.process.stdout.closed

    def _read(self, within_s: float) -> bool:
        """Take what comes within the time; False when nothing did, or nothing ever will."""
        if self._closed or within_s <= 0:
            return False
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.received += data
        *lines, self._unread = (self._unread + data).split(b"\n")
        self._frames += [json.loads(line) for line in lines]
        return bool(data)


def _started(
    program: tuple[str, ...], env: Mapping[str, str], directory: Path, stderr: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", *program],
        cwd=directory,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        start_new_session=True,
    )
