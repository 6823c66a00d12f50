"""Programs under test: started in a session of their own, ended by pid, and none of them left behind.

It knows nothing of OpenCode but where its binary is.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final

from tests.bed.gateways import DEADLINE_S

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PLUGIN: Final = f"file://{REPOSITORY / 'js-shim'}"
"""What goes into `plugin` of an opencode.json to load ours from this checkout."""


HOST_VARIABLE: Final = "TEST_OPENCODE"
"""Names another OpenCode for a whole test run; `make test-hosts` sets it to each that it has installed."""


def opencode_binary() -> str:
    """Return the path of the real OpenCode, or fail with the way to get it."""
    ours = REPOSITORY / "js-shim" / "node_modules" / ".bin" / "opencode"
    path = Path(os.environ.get(HOST_VARIABLE, ours))
    if not path.exists():
        raise FileNotFoundError(f"the real OpenCode is not at {path}: run make setup")
    return str(path)


def start(
    arguments: list[str],
    env: Mapping[str, str],
    directory: Path,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: int | IO[bytes] = subprocess.PIPE,
    errors: int | IO[bytes] = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that no signal of ours or its own reaches the other."""
    return subprocess.Popen(
        arguments, cwd=directory, env=env, stdin=stdin, stdout=output, stderr=errors, start_new_session=True
    )


def end(process: subprocess.Popen[bytes], within_s: float = DEADLINE_S) -> int:
    """Ask it to end, insist when it doesn't, and return its exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(within_s)


def wait_until(holds: Callable[[], bool], what: str, within_s: float = DEADLINE_S) -> None:
    """Look again and again until it holds; raise TimeoutError that names what was awaited."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {what}")
        time.sleep(0.02)


def living_under(home: Path) -> dict[int, str]:
    """Pid and command line of every process whose HOME is this one; nothing where there is no /proc."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            if f"HOME={home}".encode() in environment:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended, or is another user's
    return found


def assert_none_left(home: Path) -> None:
    """Fail if a process that was started under this HOME is still there; end it all the same."""
    try:
        wait_until(lambda: not living_under(home), "all processes ended")
    except TimeoutError:
        left = living_under(home)
        for pid in left:
            _kill(pid)
        raise AssertionError(f"still running under {home}: {left}") from None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself after all
