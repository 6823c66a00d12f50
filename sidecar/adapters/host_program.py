"""Asks OpenCode's program for its version: a program that may hang, flood, or not be OpenCode at all."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import anyio
import anyio.abc

from sidecar.adapters.paths import APP
from sidecar.adapters.systems import ending_of_tree
from sidecar.texts.doctor_data import ProgramTrouble

VERSION_S: Final = 20.0
"""It has so long to say it: a busy machine takes seconds to load 150 MB."""

MAX_ANSWER: Final = 4096
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+[\w.+-]{0,40}")


async def ask_version(program: str, environ: Mapping[str, str]) -> tuple[str | None, ProgramTrouble | None]:
    """Return the version that *program* says, or why there is none.

    It runs apart from everything: in a folder of its own, with that for its files, in its own session.
    """
    kinds = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "TMPDIR", "TEMP", "TMP")
    try:
        with tempfile.TemporaryDirectory(prefix=f"{APP}-", ignore_cleanup_errors=True) as folder:
            process = await anyio.open_process(
                [program, "--version"], cwd=folder, env={**environ, **dict.fromkeys(kinds, folder)},
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            try:
                return await _version_said(process)
            finally:
                with anyio.CancelScope(shield=True):
                    await _end(process)
                    await process.aclose()
    except OSError:
        return None, "not_started"


async def _version_said(process: anyio.abc.Process) -> tuple[str | None, ProgramTrouble | None]:
    said = b""
    with anyio.move_on_after(VERSION_S):
        with suppress(anyio.EndOfStream):
            while process.stdout and len(said) <= MAX_ANSWER:  # who says more has no version to say
                said += await process.stdout.receive()
        if len(said) <= MAX_ANSWER and await process.wait() != 0:
            return None, "failed"
        text = said.decode("utf-8", "replace").strip()
        return (text, None) if _VERSION.fullmatch(text) else (None, "no_version")
    return None, "hangs"


async def _end(process: anyio.abc.Process) -> None:
    """End it, if it still runs, with what it has started: its session is named by its id."""
    if process.returncode is not None:
        return
    with suppress(OSError):
        if sys.platform == "win32":
            await anyio.run_process(ending_of_tree(process.pid), check=False)
        else:
            os.killpg(process.pid, signal.SIGKILL)
