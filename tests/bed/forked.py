"""Starts sidecars by forking a process that has imported all of it: many, for what one costs.

Importing is four fifths of what a sidecar takes that lives as briefly as in a test, and nothing of it
differs from one to the next.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO, Final

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["sidecar.cli", "sidecar.server", "sidecar.application", "anyio._backends._asyncio", "httpcore"]
)


def _serve(streams: "list[Connection]", env: Mapping[str, str], directory: Path) -> None:
    """Be what the shim starts: its streams, environment and folder, and a session of its own."""
    from sidecar.cli import main

    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(directory)
    sys.argv = ["quota-sidecar", "serve"]
    main()


class Forked:
    """One process; what it has of `subprocess.Popen` means the same."""

    def __init__(self, env: Mapping[str, str], directory: Path, errors: int) -> None:
        """Start it; its stderr goes into *errors*."""
        stdin, write = os.pipe()
        read, stdout = os.pipe()
        self.stdin: BinaryIO = os.fdopen(write, "wb", buffering=0)
        self.stdout: BinaryIO = os.fdopen(read, "rb", buffering=0)
        theirs = [Connection(stdin), Connection(stdout), Connection(os.dup(errors))]
        self._process = _FORKS.Process(target=_serve, args=(theirs, dict(env), directory))
        self._process.start()
        for stream in theirs:
            stream.close()

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, sig: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, sig)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("serve", timeout or 0.0)
        return code
