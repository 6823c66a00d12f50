"""Where prepared environments are, which of them is current, and who is using one."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sidecar.adapters import files
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.systems import ON_WINDOWS
from sidecar.texts.program import LAUNCHER

_ENVIRONMENTS: Final = "environments"
_IN_USE: Final = "in-use"
"""In an environment: locked by everybody who runs from it."""
_REMOVED: Final = ".removed"
"""How the name of an environment ends that is being removed."""
_MAX_POINTER: Final = 64 * 1024


class RemovedError(Exception):
    """The environment that this process runs from is being removed."""


@dataclass(frozen=True, slots=True)
class Current:
    """The environment that is started, as `current.json` says it. The shim reads that file, too."""

    version: str
    wheel: str
    """SHA-256 of the wheel that it was made of, in hex."""
    environment: str
    python: str
    """The program to start, in *environment*."""


class DataFolder:
    """Our folder for data: `current.json`, `environments/`, `bin/quota-sidecar`, a lock and a log."""

    def __init__(self, root: Path) -> None:
        """Use *root*, which need not be there yet."""
        self.root = root
        self.lock = root / "prepare.lock"
        self.log = root / "prepare.log"
        self.launcher = root / "bin" / LAUNCHER
        self._pointer = root / "current.json"
        self._environments = root / _ENVIRONMENTS

    def make(self) -> None:
        """Make the folders, for their owner alone; OSError where that can't be."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in (self._environments, self.launcher.parent):
            folder.mkdir(exist_ok=True)

    def new_environment(self, version: str) -> Path:
        """Return a fresh folder, never one of before: who was killed may still be writing into his."""
        return Path(tempfile.mkdtemp(prefix=f"{version}-", dir=self._environments))

    def current(self) -> Current | None:
        """Return what `current.json` says, or None where it says nothing that makes sense."""
        try:
            data = json.loads(files.read(self._pointer, _MAX_POINTER))
            return Current(**{name: str(data[name]) for name in Current.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def point_to(self, current: Current) -> None:
        """Make *current* what is started from now on, and what `bin/quota-sidecar` runs."""
        # The pointer comes last: who is ended in between does all of it again, and writes both.
        files.put(self.launcher, os.fsencode(_launcher(current.python, self.launcher.parent)), 0o700)
        files.put(self._pointer, json.dumps(asdict(current), indent=2).encode() + b"\n")

    def remove_unused(self) -> None:
        """Remove every environment but the current one and those that somebody runs from."""
        for folder in self.others():
            _remove_if_unused(folder)

    def others(self) -> list[Path]:
        """Return every environment but the current one: of older versions, or never finished."""
        current = self.current()
        with suppress(OSError):
            folders = sorted(self._environments.iterdir())
            return [row for row in folders if current is None or row != Path(current.environment)]
        return []

    def is_preparing(self) -> bool:
        """Say whether somebody prepares at this moment; nothing is created to find out."""
        if not self.lock.exists():
            return False
        lock = FileLock(self.lock)
        try:
            return not lock.share()
        except OSError:
            return False
        finally:
            lock.close()


def use_environment() -> FileLock | None:
    """Keep the prepared environment that this process runs from, if it does, until the lock is closed.

    RemovedError: it is on its way out, as another one has taken its place since this process was begun.
    """
    environment = Path(sys.prefix)
    mark = environment / _IN_USE
    lock = FileLock(mark) if mark.exists() else None
    is_kept = True
    with suppress(OSError):  # where nobody can write, nobody can remove it either
        is_kept = lock is None or lock.share()
    # Who removes it is alone until it has another name; whoever takes the lock after that has it in vain.
    is_gone = environment.parent.name == _ENVIRONMENTS and not environment.exists()
    if is_kept and not is_gone:
        return lock
    if lock:
        lock.close()
    raise RemovedError


def tidy() -> None:
    """Remove what an update has left behind, if this process runs from what has taken its place."""
    folder = DataFolder(Path(sys.prefix).parent.parent)
    current = folder.current()
    if current is None or Path(current.environment) != Path(sys.prefix) or not folder.others():
        return
    lock = FileLock(folder.lock)
    with suppress(OSError):
        if lock.take_alone():
            folder.remove_unused()
    lock.close()


def mark_usable(environment: Path) -> None:
    """Let those who run from it say so."""
    (environment / _IN_USE).touch(mode=0o600)


def command_line(words: list[str]) -> str:
    """Write a command as a person types it."""
    return subprocess.list2cmdline(words) if ON_WINDOWS else shlex.join(words)


def _remove_if_unused(folder: Path) -> None:
    lock = FileLock(folder / _IN_USE)
    try:
        if not lock.take_alone():
            return
        if ON_WINDOWS:  # it renames no folder with an open file in it: ours, or that of who comes now
            lock.close()
        # At once for all who come from now on: what goes file by file would start, and lack some later.
        if not folder.name.endswith(_REMOVED):
            folder = folder.rename(folder.with_name(folder.name + _REMOVED))
    except OSError:  # it isn't a folder of ours, or somebody has come
        return
    finally:
        lock.close()
    shutil.rmtree(folder, ignore_errors=True)


def _launcher(python: str, folder: Path) -> str:
    if ON_WINDOWS:
        # Relative to itself: letters of a user's name that are no ASCII would be read in another encoding.
        return f'@"%~dp0{os.path.relpath(python, folder)}" -I -m sidecar %*\r\n'
    return f'#!/bin/sh\nexec {shlex.quote(python)} -I -m sidecar "$@"\n'
