"""The user's own presets: TOML files in `quota-presets/` beside the global configuration, as good as ours."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from sidecar.adapters import files
from sidecar.adapters.documents import Problem
from sidecar.quota import presets
from sidecar.quota.mapping import Mapping
from sidecar.quota.mapping_checks import MappingError
from sidecar.texts import problems as words
from sidecar.texts.preset_list import PresetRow

FOLDER: Final = "quota-presets"
MAX_BYTES: Final = 64 * 1024


class PresetRefusedError(ValueError):
    """A preset's file can't be used; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        """Take what a user is told."""
        super().__init__(problem.message)
        self.problem = problem


class PresetFiles:
    """All presets by name: the user's files, and ours. A file of the user's wins over ours of that name."""

    def __init__(self, config_folder: Path) -> None:
        """Look for the user's files beside the configuration in *config_folder*."""
        self.folder = config_folder / FOLDER

    @cached_property
    def own(self) -> dict[str, Path]:
        """The user's files by name, sorted, as they are now; what isn't readable as a folder holds none.

        A name with bytes or characters that no screen shows is none that an entry could say.
        """
        try:
            found = sorted(self.folder.glob("*.toml"))
        except OSError:
            return {}
        return {file.stem: file for file in found if file.stem.isprintable()}

    def names(self) -> list[str]:
        """Return every name that `load` knows, sorted."""
        return sorted({*self.own, *presets.names()})

    def asking(self) -> dict[str, list[str]]:
        """Return by provider id which presets ask what is left there, the user's own first.

        A file of the user's that can't be used asks nobody; what is wrong is told where it is named.
        """
        found: dict[str, list[str]] = {}
        for name in self.own:
            with suppress(PresetRefusedError):
                mapping = self.load(name)
                for provider_id in () if mapping.is_passive else mapping.providers:
                    found.setdefault(provider_id, []).append(name)
        for provider_id, names in presets.asking().items():
            found.setdefault(provider_id, []).extend(name for name in names if name not in self.own)
        return found

    def rows(self) -> list[PresetRow]:
        """Return what a list of all presets shows."""
        return [self._row(name, is_own=name in self.own) for name in self.names()]

    def _row(self, name: str, *, is_own: bool) -> PresetRow:
        try:
            mapping = self.load(name)
        except PresetRefusedError as error:
            problem = error.problem
            return PresetRow(
                name, "", is_own, words.placed(problem.file, problem.line, problem.path, problem.message)
            )
        return PresetRow(name, mapping.summary, is_own, is_undocumented=mapping.undocumented)

    def text(self, name: str) -> str:
        """Return the file of preset *name*; raise KeyError, or `PresetRefusedError` for one of the user's."""
        file = self.own.get(name)
        if file is None:
            return presets.text(name)
        try:
            raw = files.read(file, MAX_BYTES + 1)
        except OSError as error:
            raise _refused(file, words.unreadable_preset(error.strerror or "it can't be opened")) from error
        if len(raw) > MAX_BYTES:
            raise _refused(file, words.unreadable_preset("it is larger than 64 KiB"))
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _refused(file, words.unreadable_preset("it is not UTF-8")) from error

    def load(self, name: str) -> Mapping:
        """Return the preset *name*; raise as `text` does."""
        toml = self.text(name)
        try:
            return presets.parse(toml)
        except MappingError as error:
            file = self.own[name]  # ours are tested
            raise _refused(file, words.plainly(error.reason), error.line, error.place) from error


def _refused(file: Path, message: str, line: int | None = None, place: str = "") -> PresetRefusedError:
    return PresetRefusedError(Problem(str(file), message, line, place or None))
