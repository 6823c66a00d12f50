"""uv, venv and pip: whichever is there, under the user's own settings of index, proxy and certificates."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from sidecar.adapters.paths import APP
from sidecar.adapters.systems import ending_of_tree, find_program, python_in
from sidecar.preparation import sources
from sidecar.preparation.places import command_line
from sidecar.preparation.reasons import PreparationError, of_error, of_output, without_secrets, worse
from sidecar.texts import preparation as words

MAX_S: Final = 600.0
"""All of it may take so long: 10 MB come in that time at 130 kbit/s; usually it is half a minute."""

_NO_WINDOW: Final = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""On Windows each program would open one: we have none ourselves."""

_EXTRA: Final = "patterns"
"""Only users with `failurePatterns` miss it, and are told."""

_NOT_HANDED_ON: Final = re.compile(
    "PYTHON[A-Z]+|PIP_(?:NO_DEPS|DRY_RUN|REQUIREMENT|EDITABLE|GROUP|PYTHON|REPORT)"
)
"""PYTHONPATH and the like, as uv starts Pythons that mind them and run what a project has put there; and of
pip's settings those that say what to install, not from where."""

_NO_ROOM: Final = 2_000_000
"""Bytes: with less on the disk it is that, whatever else is said."""

Say = Callable[[str], None]


class Programs:
    """Runs programs for one preparation; *say* gets every command and all that it prints."""

    def __init__(self, environ: Mapping[str, str], cwd: Path, say: Say) -> None:
        """Run them in *cwd*, which is ours: uv, pyenv and others take settings from where they are."""
        # A Python that uv would have to download comes from another place than the user's index.
        self._environ = {
            **{name: value for name, value in environ.items() if not _NOT_HANDED_ON.fullmatch(name)},
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }
        self._cwd = cwd
        self._say = say
        self._deadline = time.monotonic() + MAX_S

    def make(self, environment: Path, wheel: Path) -> Path:
        """Fill *environment* with *wheel* and what it needs; return its Python, or raise PreparationError."""
        uv = find_program("uv", self._environ)
        if uv is None:
            return self._with_pip(environment, wheel)
        try:
            return self._with_uv(uv, environment, wheel)
        except PreparationError as failure:
            if self._is_final(failure) or time.monotonic() > self._deadline:
                raise
            self._say(words.with_pip_instead(failure.detail) + "\n")
            try:
                return self._with_pip(environment, wheel)
            except PreparationError as second:
                raise (failure if second.kind == "noVenv" else worse(failure, second)) from None

    def check(self, python: Path) -> None:
        """Import all that the sidecar needs, in *python*; PreparationError says what is missing."""
        imports = (
            "import ssl, sidecar.application, sidecar.server, sidecar.adapters.http_clients, sidecar.cli"
        )
        self._run([str(python), "-I", "-c", imports])

    def _is_final(self, failure: PreparationError) -> bool:
        """Say whether pip is not to try it: told of no index, where uv is, it would take the public one."""
        is_uv_alone = sources.are_set("uv", self._environ) and not sources.are_set("pip", self._environ)
        return failure.kind == "diskFull" or is_uv_alone

    def _with_uv(self, uv: str, environment: Path, wheel: Path) -> Path:
        self._run([uv, "venv", "--no-project", "--clear", "--python", sys.executable, str(environment)])
        python = python_in(environment)
        self._install([uv, "pip", "install", "--compile-bytecode", "--python", str(python)], wheel)
        self.check(python)
        return python

    def _with_pip(self, environment: Path, wheel: Path) -> Path:
        # pip is put in by ourselves: venv keeps to itself what is in the way of that.
        self._run([sys.executable, "-I", "-m", "venv", "--clear", "--without-pip", str(environment)])
        python = python_in(environment)
        self._run([str(python), "-I", "-m", "ensurepip", "--upgrade", "--default-pip"])
        quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
        # The user's settings may send it elsewhere. An older pip takes an empty prefix or root for a folder.
        here = ("--no-user", "--target", "", "--prefix", str(environment), "--root", environment.anchor)
        log = environment / "pip.log"
        self._install(
            [str(python), "-I", "-m", "pip", "install", "--log", str(log), *here, *quiet], wheel, log
        )
        log.unlink(missing_ok=True)
        self.check(python)
        return python

    def _install(self, command: list[str], wheel: Path, log: Path | None = None) -> None:
        """With all that is wanted; else, on a machine that some of it has no package for, without."""
        url = wheel.as_uri()  # a path may hold what a requirement gives another meaning
        try:
            self._run([*command, f"{APP}[{_EXTRA}] @ {url}"], log)
        except PreparationError as failure:
            if failure.kind not in ("noPackages", "notPrepared") or time.monotonic() > self._deadline:
                raise
            self._say(words.without_extra(_EXTRA, failure.detail) + "\n")
            self._run([*command, f"{APP} @ {url}"], log)

    def _run(self, command: list[str], log: Path | None = None) -> None:
        """Run it to its end; *log* is where it says more of what went wrong than it prints."""
        self._say(f"$ {command_line(command)}\n")
        try:
            process = subprocess.Popen(  # noqa: S603 -- what is run was found on the user's own PATH
                command, cwd=self._cwd, env=self._environ, encoding="utf-8", errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True, creationflags=_NO_WINDOW,
            )  # fmt: skip
        except OSError as error:
            raise of_error(error) from None
        with process:
            try:
                output, _ = process.communicate(timeout=max(1.0, self._deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _end(process)
                detail = words.without_end(MAX_S / 60, command_line(command))
                # What takes so long is an index: another Python would wait for it as long.
                raise PreparationError("noIndex" if "install" in command else "notPrepared", detail) from None
            except BaseException:
                _end(process)
                raise
        self._say(without_secrets(output))
        if process.returncode:
            raise self._full() or of_output("".join(_refusals(log)) + output)

    def _full(self) -> PreparationError | None:
        """Say it if the disk is full: venv keeps to itself why pip could not be put into an environment."""
        free = shutil.disk_usage(self._cwd).free
        if free >= _NO_ROOM:
            return None
        return PreparationError("diskFull", words.too_little(free, self._cwd))


def _refusals(log: Path | None) -> list[str]:
    """Return the lines of pip's own log that say why it got nothing from a URL."""
    if log is None:
        return []
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            return [line for line in lines if "Could not fetch URL" in line]
    except OSError:
        return []


def _end(process: subprocess.Popen[str]) -> None:
    """End it and its children; one that keeps its output open all the same is not waited for."""
    if sys.platform == "win32":
        subprocess.run(ending_of_tree(process.pid), check=False, creationflags=_NO_WINDOW)  # noqa: S603
    else:
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)
