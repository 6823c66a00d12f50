"""Reads configuration files and remembers, for each, the last version that could be read."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from sidecar.adapters import jsonc
from sidecar.adapters.entries import Finding, spell
from sidecar.texts import problems as words


class Problem(Struct, frozen=True, omit_defaults=True):
    """Something wrong in a file, for the user to mend."""

    file: str
    message: str
    line: int | None = None
    path: str | None = None
    """Where in the file, like `gateways[1].baseURL`."""


class Document(Struct, frozen=True):
    """A file's plain data; empty when there is no file."""

    file: Path
    data: Any
    raw: bytes = b""
    problem: Problem | None = None

    def locate(self, finding: Finding) -> Problem:
        """Give *finding* its file and line."""
        line = _line(jsonc.lines(self.raw), finding.path)
        return Problem(str(self.file), finding.message, line, spell(finding.path) or None)


class DocumentReader:
    """Reads files anew each time; a file that became unreadable keeps its last good data."""

    def __init__(self) -> None:
        """Start without memories."""
        self._good: dict[Path, Document] = {}

    def read(self, file: Path) -> Document | None:
        """Return what *file* holds, or None when it doesn't exist."""
        try:
            with file.open("rb") as stream:
                raw = stream.read(jsonc.MAX_BYTES + 1)
            document = Document(file, jsonc.decode(raw), raw)
        except (FileNotFoundError, NotADirectoryError):
            self._good.pop(file, None)
            return None
        except OSError as error:
            return self._fallback(file, error.strerror or "it can't be opened", None)
        except jsonc.JsoncError as error:
            return self._fallback(file, error.reason, error.line)
        self._good[file] = document
        return document

    def _fallback(self, file: Path, reason: str, line: int | None) -> Document:
        good = self._good.get(file)
        problem = Problem(str(file), words.broken_file(reason, good is not None), line)
        return Document(file, good.data if good else {}, good.raw if good else b"", problem)


def _line(where: dict[jsonc.Path, int], path: jsonc.Path) -> int | None:
    """Return the line of *path*, or of the nearest thing around it that is there."""
    while path and path not in where:
        path = path[:-1]
    return where.get(path)
