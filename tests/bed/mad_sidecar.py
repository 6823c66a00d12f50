"""A program that greets as the sidecar does and then answers as a file says: whatever a shim must survive.

Run as a program it stands where the sidecar's command would; it needs nothing but the standard library.
`Madness` puts it there and writes the file.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

SANE: Final[dict[str, Any]] = {
    "initialize": {"protocolMajor": 1, "sidecarVersion": "0.0.0", "responseHeaderPrefixes": ["retry-after"]},
    "workspace/open": {"responseHeaderPrefixes": []},
    "request/plan": {"plan": {"kind": "pass"}},
    "request/failed": {"plan": {"kind": "pass"}},
}
ABSENT: Final = "absent"
"""A method with this result is never answered."""

GARBAGE: Final = "garbage"
"""A method with this result is answered with a line that is no JSON."""

DIES: Final = "dies"


class Madness:
    """What such a program answers in one home; made before OpenCode is started."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._file = folder / "answers.json"
        self.answer()
        command = [sys.executable, "-I", str(Path(__file__).resolve()), str(self._file)]
        env["QUOTA_SIDECAR_COMMAND"] = json.dumps(command)

    def answer(self, results: dict[str, Any] | None = None) -> None:
        """Answer these methods with these results from now on, and all others as they should be."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(results or {}), encoding="utf-8")
        fresh.replace(self._file)

    def asked(self) -> list[dict[str, Any]]:
        """Return every message that came in so far."""
        log = self._file.with_suffix(".log")
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]


def main(file: str) -> None:
    with Path(file).with_suffix(".log").open("ab", buffering=0) as log:
        for line in sys.stdin.buffer:
            log.write(line)
            message = json.loads(line)
            results = SANE | json.loads(Path(file).read_text(encoding="utf-8"))
            result = results.get(message["method"], {})
            if result == DIES:
                return
            if "id" in message and result != ABSENT:
                said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                sys.stdout.write("{]\n" if result == GARBAGE else json.dumps(said) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
