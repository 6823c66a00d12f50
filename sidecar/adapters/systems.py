"""What differs between operating systems: homes, programs on PATH, environments, paths in `file://` URLs.

It needs the standard library alone: the preparation of an environment runs before there is anything else.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

ON_WINDOWS: Final = sys.platform == "win32"

_ENDINGS: Final = ".COM;.EXE;.BAT;.CMD"
"""What Windows starts where PATHEXT doesn't say."""


def home_folder(environ: Mapping[str, str], *, on_windows: bool = ON_WINDOWS) -> Path:
    """Return the home as OpenCode finds it: on Windows a HOME, which Git's shell sets, is not asked."""
    named = environ.get("USERPROFILE" if on_windows else "HOME")
    return Path(named) if named else Path.home()


def find_program(name: str, environ: Mapping[str, str], *, on_windows: bool = ON_WINDOWS) -> str | None:
    """Return the path of a program on PATH, or None.

    Only absolute folders count, and never where we are: a project's folder must not bring programs.
    (`shutil.which` looks there first, on Windows.)
    """
    endings = environ.get("PATHEXT", _ENDINGS).split(";") if on_windows else [""]
    folders = environ.get("PATH", os.defpath).split(";" if on_windows else ":")
    for folder in (Path(text.strip('"')) for text in folders):
        if folder.is_absolute():
            for file in (folder / f"{name}{ending}" for ending in endings):
                if file.is_file() and os.access(file, os.X_OK):
                    return str(file)
    return None


def python_in(environment: Path) -> Path:
    """Return where an environment has its Python."""
    inside = ("Scripts", "python.exe") if ON_WINDOWS else ("bin", "python")
    return environment.joinpath(*inside)


def ending_of_tree(pid: int) -> list[str]:
    """Return the command by which Windows ends a process with all that it has started."""
    system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32")
    return [str(system / "taskkill.exe"), "/T", "/F", "/PID", str(pid)]


def path_of_url(url: str, *, on_windows: bool = ON_WINDOWS) -> str:
    """Return the path in a `file://` URL; on Windows `/C:/x` is `C:/x`."""
    path = unquote(url.removeprefix("file://"))
    return re.sub(r"^/+(?=[A-Za-z]:)", "", path) if on_windows else path
