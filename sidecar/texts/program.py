"""What a person types to run this program."""

import os
import sys
from pathlib import Path
from typing import Final

LAUNCHER: Final = "quota-sidecar.cmd" if os.name == "nt" else "quota-sidecar"
"""The file that runs this program, in `bin` beside the environments."""


def name(prefix: str = sys.prefix, home: Path | None = None) -> str:
    """Return `quota-sidecar`, or the path of the launcher beside the environment that an OpenCode prepared.

    *prefix* is where this Python's packages are. Nothing puts a prepared environment on anybody's PATH.
    """
    environments = Path(prefix).parent
    root = environments.parent
    if (environments.name, root.name) != ("environments", "opencode-quota-sidecar"):
        return "quota-sidecar"
    launcher = root / "bin" / LAUNCHER
    home = home or Path.home()
    # A path with blanks is no command, and a `~` is none within quotes.
    if launcher.is_relative_to(home) and os.name != "nt" and " " not in str(launcher.relative_to(home)):
        return f"~/{launcher.relative_to(home).as_posix()}"
    return f'"{launcher}"' if " " in str(launcher) else str(launcher)


PROGRAM: Final = name()
"""In this process."""
