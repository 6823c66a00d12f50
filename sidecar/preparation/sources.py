"""Whether a user's settings of uv or pip say where packages come from.

Who is told nothing takes the public index, which settings of the other one may be there to avoid.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from sidecar.adapters import files
from sidecar.adapters.systems import home_folder

Tool = Literal["uv", "pip"]

_VARIABLES: Final[dict[Tool, re.Pattern[str]]] = {
    "uv": re.compile(
        "UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|OFFLINE|EXCLUDE_NEWER|CONFIG_FILE)"
    ),
    "pip": re.compile("PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE)"),
}
_NAMES: Final[dict[Tool, str]] = {"uv": "uv.toml", "pip": "pip.ini" if os.name == "nt" else "pip.conf"}
_OF_SOURCES: Final = re.compile(b"index|find-links|offline|exclude-newer")
_SYSTEM: Final = (Path("/etc"),)
_MAX_BYTES: Final = 1024 * 1024


def are_set(tool: Tool, environ: Mapping[str, str]) -> bool:
    """Say whether the environment or a file of the user or the system tells *tool* where packages are."""
    if any(_VARIABLES[tool].fullmatch(name) and environ[name] not in ("", os.devnull) for name in environ):
        return True
    return any(_OF_SOURCES.search(_content(folder / _NAMES[tool])) for folder in _folders(tool, environ))


def _folders(tool: Tool, environ: Mapping[str, str]) -> Iterator[Path]:
    home = home_folder(environ)
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "APPDATA", "PROGRAMDATA"):
        for folder in environ.get(name, "").split(os.pathsep):
            if folder:
                yield Path(folder) / tool
    yield home / ".config" / tool
    if tool == "pip":
        yield from (home / ".pip", home / "pip", home / "Library" / "Application Support" / "pip")
        yield Path(sys.base_prefix)
    for folder in _SYSTEM:
        yield from (folder, folder / tool, folder / "xdg" / tool)


def _content(path: Path) -> bytes:
    try:
        return files.read(path, _MAX_BYTES)
    except OSError:
        return b""
