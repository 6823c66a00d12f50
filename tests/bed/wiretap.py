"""A listener between the shim and the sidecar: passes every byte on, and keeps a copy of both directions.

Run as a program it stands where the sidecar's command would; it needs nothing but the standard library.
`Wiretap` puts it there and reads what it has kept.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

FROM_SHIM: Final = "from-shim"
FROM_SIDECAR: Final = "from-sidecar"


class Wiretap:
    """What crossed between the halves in one home; made before OpenCode is started."""

    def __init__(self, folder: Path, env: dict[str, str], sidecar: list[str]) -> None:
        self.folder = folder
        folder.mkdir()
        command = [sys.executable, "-I", str(Path(__file__).resolve()), str(folder), *sidecar]
        env["QUOTA_SIDECAR_COMMAND"] = json.dumps(command)

    def sent(self, direction: str) -> list[dict[str, Any]]:
        """Return every message of one direction, those of one process after the other."""
        copies = [path.read_bytes() for path in sorted(self.folder.glob(f"*.{direction}"))]
        lines = [line for copy in copies for line in copy.splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def results_of(self, method: str) -> list[Any]:
        """Return the results that the sidecar gave to this method, in the order of the requests."""
        asked = [message.get("id") for message in self.sent(FROM_SHIM) if message.get("method") == method]
        results = {message.get("id"): message.get("result") for message in self.sent(FROM_SIDECAR)}
        return [results.get(request) for request in asked]


def main(folder: str, *sidecar: str) -> int:
    child = subprocess.Popen(sidecar, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin
    assert child.stdout
    copies = Path(folder) / str(os.getpid())
    inward = (0, child.stdin.fileno(), copies.with_suffix(f".{FROM_SHIM}"))
    threading.Thread(target=_pump, args=inward, daemon=True).start()
    _pump(child.stdout.fileno(), 1, copies.with_suffix(f".{FROM_SIDECAR}"))
    return child.wait()


def _pump(source: int, target: int, copy: Path) -> None:
    with copy.open("ab", buffering=0) as kept:
        while data := os.read(source, 65536):
            kept.write(data)
            os.write(target, data)
    os.close(target)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
