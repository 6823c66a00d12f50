"""Installs versions of OpenCode beside each other, from npm's registry into an ignored folder."""

import json
import os
import subprocess
from pathlib import Path
from typing import Final

from tests.bed.processes import REPOSITORY
from tests.hosts.expected import version_of

HOSTS: Final = REPOSITORY / ".hosts"
OURS: Final = REPOSITORY / "js-shim"
"""Here is the version that all other tests use."""

PROGRAMS: Final = (".opencode", "opencode.exe")
"""What the package's own script leaves in `bin`; up to 1.14 `opencode` there is a script that starts it."""


class NotInstalledError(Exception):
    """A version can't be had; the message says why."""


def program_of(version: str) -> Path:
    """Return the program of this version, installed if it isn't there yet; raise `NotInstalledError`."""
    folder = OURS if _packaged(OURS) == version else HOSTS / version
    found = _program_in(folder, version)
    if not found:
        _install(folder, version)
        found = _program_in(folder, version)
    if not found:
        raise NotInstalledError("the package brings no program that runs here and says this version")
    return found


def _install(folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text("{}\n", encoding="utf-8")
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _do(["npm", "install", *quiet, f"opencode-ai@{version}"], folder)
    package = folder / "node_modules" / "opencode-ai"
    if (package / "postinstall.mjs").exists():
        _do(["node", "postinstall.mjs"], package)


def _do(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotInstalledError(f"{' '.join(command[:2])}: {said[0]}")


def _packaged(folder: Path) -> str | None:
    manifest = folder / "node_modules" / "opencode-ai" / "package.json"
    return json.loads(manifest.read_text("utf-8"))["version"] if manifest.exists() else None


def _program_in(folder: Path, version: str) -> Path | None:
    bin_folder = folder / "node_modules" / "opencode-ai" / "bin"
    paths = [path for name in PROGRAMS if os.access(path := bin_folder / name, os.X_OK)]
    return next((path for path in paths if _says(path, version)), None)


def _says(program: Path, version: str) -> bool:
    try:
        return version_of(str(program)) == version
    except (OSError, TimeoutError):
        return False
