"""Reads configuration files and remembers, for each, the last version that could be read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from sidecar.adapters import files, jsonc
from sidecar.adapters.entries import Finding, spell
from sidecar.texts import problems as words

MOST_FINDINGS: Final = 10
"""A file with more is told only how many more: anybody may have written a project's."""


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

    def locate(self, findings: Sequence[Finding]) -> Iterator[Problem]:
        """Give *findings* their file and lines."""
        where = jsonc.lines(self.raw).of if findings else {}
        for finding in findings[:MOST_FINDINGS]:
            line = _line(where, finding.path)
            yield Problem(str(self.file), finding.message, line, spell(finding.path) or None)
        if len(findings) > MOST_FINDINGS:
            yield Problem(str(self.file), words.more(len(findings) - MOST_FINDINGS))

    def repetitions(self) -> Iterator[Problem]:
        """Tell which keys stand twice in one object: the last counts."""
        twice = jsonc.lines(self.raw).twice
        return self.locate([Finding(path, words.set_twice(line)) for path, line in twice.items()])


class DocumentReader:
    """Reads files anew each time; a file that became unreadable keeps its last good data."""

    def __init__(self) -> None:
        """Start without memories."""
        self.looked_at: dict[Path, Document | None] = {}
        """Every file that was looked for, and what was found there the last time."""
        self._good: dict[Path, Document] = {}

    def read(self, file: Path, max_bytes: int = jsonc.MAX_BYTES) -> Document | None:
        """Return what *file* holds, or None when it doesn't exist."""
        document = self.looked_at[file] = self._read(file, max_bytes)
        return document

    def _read(self, file: Path, max_bytes: int) -> Document | None:
        try:
            raw = files.read(file, max_bytes + 1)
            document = Document(file, jsonc.decode(raw, max_bytes), raw)
        except (FileNotFoundError, NotADirectoryError):
            self._good.pop(file, None)
            return None
        except OSError as error:
            return self._fallback(file, error.strerror or "it can't be opened", None)
        except jsonc.JsoncError as error:
            return self._fallback(file, error.reason, error.line)
        except ValueError:  # a path that no file can have
            return None
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
