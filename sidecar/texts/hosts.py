"""What an older OpenCode lacks, as it was found by trying it: one table, for whoever tells or tries it."""

import re
from typing import Final

from msgspec import Struct

from sidecar.texts.program import PROGRAM

OLDEST: Final = "1.2.27"
"""The oldest that was tried."""


class Lack(Struct, frozen=True):
    """Something that an OpenCode can't do, and that nobody but OpenCode could mend."""

    since: str
    """The first version tried that can."""
    words: str
    first: str = OLDEST
    """The first version tried that can't."""


LACKS: Final[dict[str, Lack]] = {
    "plugin_command": Lack("1.14.34", "no `opencode plugin`: add the line to opencode.json by hand"),
    "plugin_options": Lack("1.14.34", "no options beside a plugin's name; QUOTA_SIDECAR_COMMAND works"),
    "summaries": Lack("1.3.2", "a summary of the session is made from our reports too"),
    "models_command": Lack("1.14.34", "`opencode models` leaves out limit-router, the picker doesn't"),
    "connections": Lack("1.14.34", "no countdown where nobody can be reached: the turn ends"),
    "redacted": Lack("1.15.13", "redacted thinking is lost in later requests"),
    "exit_code": Lack("1.17.19", "`opencode run` exits with 0 after an error"),
    "pipes": Lack("1.17.19", "`opencode run` prints nothing into a pipe", first="1.15.13"),
    "events": Lack("1.17.19", "only the TUI and `/global/event` hear of toasts", first="1.15.13"),
    "columns": Lack("1.17.19", "its scroll bar: in a terminal of 80 columns set `width` to 70"),
    "subagents": Lack("1.18.33", "a subagent's error doesn't reach its parent, which goes on"),
}


def lacking(version: str) -> tuple[str, ...]:
    """Name what this version of OpenCode lacks, by the keys of `LACKS`; nothing of one that can't be read."""
    found = _parts(version)
    return tuple(name for name, row in LACKS.items() if _parts(row.first) <= found < _parts(row.since))


def is_too_old(version: str) -> bool:
    """Say whether nobody has tried this version or an older one."""
    found = _parts(version)
    return bool(found) and found < _parts(OLDEST)


def note(version: str) -> str | None:
    """Say in a line what a user of this version should know, if there is something."""
    if is_too_old(version):
        return f"OpenCode {version} is older than any that this was tried with; {OLDEST} is the oldest."
    count = len(lacking(version))
    if not count:
        return None
    things, them = ("one thing is", "it") if count == 1 else (f"{count} things are", "them")
    return f"OpenCode {version} is old: {things} missing or different there; `{PROGRAM} doctor` names {them}."


def _parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, else nothing: what is built from a branch says 0.0.0."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    numbers = tuple(int(part) for part in found.groups()) if found else ()
    return numbers if any(numbers) else ()
