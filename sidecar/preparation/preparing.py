"""One preparation from beginning to end: once among all who begin at a time, whole or not at all."""

import hashlib
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sidecar import __version__
from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.paths import find_places
from sidecar.adapters.systems import find_program
from sidecar.preparation.places import Current, DataFolder, command_line, mark_usable
from sidecar.preparation.programs import MAX_S, Programs, Say
from sidecar.preparation.reasons import Kind, PreparationError, of_error
from sidecar.texts import preparation as words

_MAX_LOG: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, as the shim reads it."""

    kind: Literal["ready", "made"] | Kind
    """`made`: there is a new environment; `ready`: there was nothing to do."""
    detail: str = ""
    command: str = ""
    """What the user can run to mend it, or to see more of it."""


def prepare(wheel: Path, environ: Mapping[str, str], tell: Say) -> Outcome:
    """Make the environment of *wheel* the current one, unless it is; *tell* gets the progress."""
    folder = DataFolder(find_places(environ).prepared)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        tell(text)

    is_news = True  # else the log is of who did it
    try:
        folder.make()
        outcome = _prepare(folder, wheel, environ, say)
        is_news = outcome.kind != "ready"
    except (PreparationError, OSError) as error:
        failure = of_error(error) if isinstance(error, OSError) else error
        say(f"{failure.kind}: {failure.detail}\n")
        outcome = Outcome(failure.kind, _detail(failure), _cure(failure.kind, wheel, environ))
    finally:
        if is_news:
            _keep(folder.log, "".join(said))
    return outcome


def _prepare(folder: DataFolder, wheel: Path, environ: Mapping[str, str], say: Say) -> Outcome:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = FileLock(folder.lock)
    try:
        is_alone = lock.take_alone(MAX_S)
        # Who goes on while another is alone has his work removed as unused. On a file system that has no
        # locks nobody is, nor removes anything: it is only done twice.
        if not is_alone and not lock.share():
            raise PreparationError("notPrepared", words.not_ended(MAX_S / 60))
        programs = Programs(environ, folder.root, say)  # its time runs from here, whoever was waited for
        current = folder.current()
        if current and _is_done(current, digest, programs):
            folder.point_to(current)  # what `bin` holds may have been removed
            return Outcome("ready")
        if is_alone:
            folder.remove_unused()
        _make(folder, wheel, digest, programs)
        if is_alone:
            folder.remove_unused()
        return Outcome("made")
    finally:
        lock.close()


def _make(folder: DataFolder, wheel: Path, digest: str, programs: Programs) -> None:
    environment = folder.new_environment(__version__)
    try:
        python = programs.make(environment, wheel)
        mark_usable(environment)
        folder.point_to(Current(__version__, digest, str(environment), str(python)))
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise


def _is_done(current: Current, digest: str, programs: Programs) -> bool:
    """Say whether *current* will do: it is of this wheel, and it runs."""
    if current.wheel != digest:
        return False
    if not Path(current.python).exists():  # nor can be started: the name may hold any letters
        return False
    try:
        programs.check(Path(current.python))
    except PreparationError:
        return False
    return True


def _detail(failure: PreparationError) -> str:
    if failure.kind != "noPackages":
        return failure.detail
    return words.for_python(failure.detail, platform.python_version())


def _cure(kind: Kind, wheel: Path, environ: Mapping[str, str]) -> str:
    if kind == "noVenv":
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        return f"sudo apt install {package}" if find_program("apt-get", environ) else words.GET_UV
    return command_line([sys.executable, "-I", str(wheel / "sidecar"), "prepare"])


def _keep(log: Path, text: str) -> None:
    """Keep the last preparation's words; a disk that refuses costs nothing but them."""
    try:
        log.write_bytes(text.encode("utf-8", "replace")[-_MAX_LOG:])
        log.chmod(0o600)
    except OSError:
        return
