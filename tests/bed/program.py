"""The program as a person runs it, in the project of a home; or with something changed in it first."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from tests.bed.home import Home

MAIN: Final = ("-m", "sidecar")

HANG: Final = (
    "import os, socket, threading\n"
    "real = socket.getaddrinfo\n"
    "def hang(host, *rest, **more):\n"
    "    if str(host).endswith('.test'):\n"
    "        os.write(2, b'looking up\\n')\n"
    "        threading.Event().wait()\n"
    "    return real(host, *rest, **more)\n"
    "socket.getaddrinfo = hang\n"
)
"""A resolver that never answers for names under .test."""

BY_THREADS: Final = "import sidecar.rpc.stdio as stdio\nstdio.waits_in_loop = lambda _: False\n"
"""The wire as macOS and Windows have it."""


def patched(code: str, *arguments: str) -> tuple[str, ...]:
    """Return Python's own arguments for the same program that runs *code* first."""
    return ("-c", f"{code}\nfrom sidecar.cli import main\nmain()", *arguments)


def run(
    home: Home,
    *arguments: str,
    program: tuple[str, ...] = MAIN,
    stdin: str = "",
    stdout: int = subprocess.PIPE,
    env: Mapping[str, str] = {},
) -> subprocess.CompletedProcess[str]:
    """Run *program* to its end; *env* comes on top of the home's."""
    return subprocess.run(
        [sys.executable, "-I", *program, *arguments],
        cwd=home.project,
        env={**home.env, **env},
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
