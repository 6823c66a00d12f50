"""Secrets in memory: a type that never shows itself, and the placeholders that name them in files."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sidecar.adapters import files
from sidecar.adapters.systems import home_folder
from sidecar.texts import problems as words

MAX_SECRET_BYTES: Final = 64 * 1024
_PLACEHOLDER: Final = re.compile(r"\{(env|file):([^{}]+)\}")
_SHELL: Final = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w*)\}")
_ALMOST: Final = re.compile(r"\{\s*(env|file)\b", re.IGNORECASE)
"""What is left of a placeholder that is spelled wrongly."""


class Secret:
    """A value that must not be seen: its text forms hide it, only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold *value*."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, to be sent to where it belongs."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class UnresolvedError(ValueError):
    """A placeholder that has no value; the message names it and the cure."""


class Placeholders:
    """Replaces `{env:NAME}` and `{file:path}` in values of global files."""

    def __init__(self, environ: Mapping[str, str], workspaces: Iterable[Path]) -> None:
        """Take names from *environ*; never read a file inside one of *workspaces*."""
        self._environ = environ
        self._workspaces = [_real(folder) for folder in workspaces]

    def fill(self, text: str, file: Path) -> str:
        """Return *text*, which stands in *file*, with every placeholder replaced."""
        if shell := _SHELL.search(text):
            raise UnresolvedError(words.shell_variable(shell.group(1)))
        if almost := _ALMOST.search(_PLACEHOLDER.sub("", text)):
            raise UnresolvedError(words.bad_placeholder(almost.group(1).lower()))
        return _PLACEHOLDER.sub(lambda match: self._value(match.group(1), match.group(2), file), text)

    def _value(self, kind: str, name: str, file: Path) -> str:
        if kind == "env":
            if value := self._environ.get(name.strip(), "").strip():
                return value
            raise UnresolvedError(words.unresolved_variable(name.strip()))
        return self._read(name.strip(), file)

    def _read(self, name: str, file: Path) -> str:
        is_at_home = name.startswith("~/")
        try:
            path = home_folder(self._environ) / name[2:] if is_at_home else file.parent / name
            path = path.resolve(strict=True)
            is_shared = self._is_in_workspace(path, _real(file))
            raw = b"" if is_shared else files.read(path, MAX_SECRET_BYTES + 1)
            secret = raw.decode().strip()
        except (OSError, ValueError, RuntimeError) as error:
            raise UnresolvedError(words.unreadable_secret(name)) from error
        if is_shared:
            raise UnresolvedError(words.secret_in_workspace(name))
        if not secret or len(raw) > MAX_SECRET_BYTES:
            raise UnresolvedError(words.no_secret(name))
        return secret

    def _is_in_workspace(self, path: Path, file: Path) -> bool:
        # A workspace that holds the global configuration itself (the home folder, say) is the user's own.
        return any(
            path.is_relative_to(folder) and not file.is_relative_to(folder) for folder in self._workspaces
        )


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path
