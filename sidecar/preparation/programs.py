"""uv, venv and pip: whichever is there, under the user's own settings of index, proxy and certificates."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from sidecar.preparation.reasons import PreparationError, of_error, of_output, without_secrets

MAX_S: Final = 900.0
"""All of it may take so long; a slow network and a cold cache take one or two minutes."""

Say = Callable[[str], None]


class Programs:
    """Runs programs for one preparation; *say* gets every command and all that it prints."""

    def __init__(self, environ: Mapping[str, str], cwd: Path, say: Say) -> None:
        """Run them in *cwd*, which is ours: uv, pyenv and others take settings from where they are."""
        # A Python that uv would have to download comes from another place than the user's index.
        self._environ = {
            **environ,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }
        self._cwd = cwd
        self._say = say
        self._deadline = time.monotonic() + MAX_S

    def make(self, environment: Path, wheel: Path) -> Path:
        """Fill *environment* with *wheel* and what it needs; return its Python, or raise PreparationError."""
        uv = shutil.which("uv", path=self._environ.get("PATH"))
        if uv is None:
            return self._with_pip(environment, wheel)
        try:
            return self._with_uv(uv, environment, wheel)
        except PreparationError as failure:
            if failure.kind == "diskFull":
                raise
            self._say(f"uv could not do it ({failure.detail}); trying with pip\n")
            try:
                return self._with_pip(environment, wheel)
            except PreparationError as second:
                raise (failure if second.kind == "noVenv" else second) from None

    def check(self, python: Path) -> None:
        """Import all that the sidecar needs, in *python*; PreparationError says what is missing."""
        imports = "import sidecar.server, sidecar.adapters.http_clients, sidecar.cli, httpx, pyjson5, re2"
        self._run([str(python), "-I", "-c", imports])

    def _with_uv(self, uv: str, environment: Path, wheel: Path) -> Path:
        self._run([uv, "venv", "--no-project", "--clear", "--python", sys.executable, str(environment)])
        python = python_in(environment)
        self._run([uv, "pip", "install", "--compile-bytecode", "--python", str(python), str(wheel)])
        return python

    def _with_pip(self, environment: Path, wheel: Path) -> Path:
        self._run([sys.executable, "-I", "-m", "venv", "--clear", str(environment)])
        python = python_in(environment)
        quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
        # A `user = true` in pip's settings is an error in an environment.
        self._run([str(python), "-I", "-m", "pip", "install", "--no-user", *quiet, str(wheel)])
        return python

    def _run(self, command: list[str]) -> None:
        self._say(f"$ {' '.join(command)}\n")
        try:
            process = subprocess.Popen(  # noqa: S603 -- what is run was found on the user's own PATH
                command, cwd=self._cwd, env=self._environ, encoding="utf-8", errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise of_error(error) from None
        with process:
            try:
                output, _ = process.communicate(timeout=max(1.0, self._deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _end(process)
                raise PreparationError(
                    "notPrepared", f"no end after {MAX_S / 60:.0f} minutes of {command[0]}"
                ) from None
        self._say(without_secrets(output))
        if process.returncode:
            raise of_output(output)


def python_in(environment: Path) -> Path:
    """Return where an environment has its Python."""
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return environment.joinpath(*inside)


def _end(process: subprocess.Popen[str]) -> None:
    """End it; a child of its own that keeps its output open is not waited for."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)
