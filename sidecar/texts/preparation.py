"""What is said of preparing the environment of an installed plugin. `{detail}` and `{command}` are replaced.

It is also read straight out of the wheel, before anything is installed: Python's own library only.
"""

from typing import Final, NamedTuple


class Trouble(NamedTuple):
    """Why there is no environment, and what helps."""

    reason: str
    cure: str


_AGAIN: Final = "To try again and see more, run `{command}`; or restart OpenCode."

TROUBLES: Final = {
    "noPython": Trouble(
        "It needs Python 3.11 or newer, and there is none on this machine.",
        "Install it: {command}; then restart OpenCode.",
    ),
    "oldPython": Trouble(
        "It needs Python 3.11 or newer, and here is only {detail}.",
        "Install a newer one: {command}; or uv, and run `uv python install`. Then restart OpenCode.",
    ),
    "noVenv": Trouble(
        "This Python can't make environments: {detail}.",
        "Run `{command}`, or install uv; then restart OpenCode.",
    ),
    "noIndex": Trouble(
        "Its Python packages could not be fetched: {detail}.",
        "Check the network, and pip's or uv's settings of index, proxy and certificates. " + _AGAIN,
    ),
    "noPackages": Trouble(
        "The package index lacks what it needs: {detail}.",
        "Check which index pip or uv is set to; if this is the newest Python, install an older one too. "
        + _AGAIN,
    ),
    "notWritable": Trouble(
        "Its folder can't be used: {detail}.",
        "Mend that, or set XDG_DATA_HOME to another folder. " + _AGAIN,
    ),
    "diskFull": Trouble(
        "The disk is full: {detail}.",
        "Free 100 MB. " + _AGAIN,
    ),
    "notPrepared": Trouble(
        "Its Python environment could not be made: {detail}.",
        _AGAIN,
    ),
}
"""By the kind of an outcome."""

INSTALLERS: Final = {
    "uv": "uv python install",
    "brew": "brew install python",
    "apt-get": "sudo apt install python3 python3-venv",
    "dnf": "sudo dnf install python3",
    "pacman": "sudo pacman -S python",
    "zypper": "sudo zypper install python3",
    "apk": "sudo apk add python3",
    "winget": "winget install Python.Python.3.13",
    "": "https://www.python.org/downloads",
}
"""The first program that is there says how its users install Python."""

NEWER_INSTALLERS: Final = INSTALLERS | {
    "apt-get": "sudo apt install python3.11 python3.11-venv",
    "dnf": "sudo dnf install python3.11",
    "zypper": "sudo zypper install python311",
}
"""The same where the system's usual one is too old: Ubuntu 22.04, RHEL 9 and Leap have it beside that."""

GET_UV: Final = "curl -LsSf https://astral.sh/uv/install.sh | sh"
"""For a Python that makes no environments, where its users' system has no package for that."""

DONE: Final = {
    "made": "The sidecar is ready. OpenCode uses it from the next /quota_status on; where an older version "
    "runs, from its next start on.",
    "ready": "The sidecar was ready already.",
}

REMOVED: Final = "This version of quota-sidecar is being removed, as another has taken its place. Try again."
"""To who runs it just as it goes."""

PRINTED_NOTHING: Final = "it printed nothing"
"""The detail of a program that ended with an error and no word."""

NOT_A_WHEEL: Final = "It runs out of the plugin's wheel: python3 -I PATH/TO/NAME.whl/sidecar prepare"


def for_python(detail: str, version: str) -> str:
    """Return the detail of packages that are lacking, with the version of Python that they are for."""
    return f"{detail} (Python {version})"


def without_end(minutes: float, command: str) -> str:
    """Return the detail of a *command* that was ended after so long."""
    return f"no end after {minutes:.0f} minutes of {command}"


def not_ended(minutes: float) -> str:
    """Return the detail of a preparation that waited so long for another."""
    return f"another preparation has not ended within {minutes:.0f} minutes"


def too_little(room: int, folder: object) -> str:
    """Return the detail of a disk with so many bytes left."""
    return f"{room / 1e6:.0f} MB are left for {folder}"


def with_pip_instead(detail: str) -> str:
    """Return the line of progress between two ways."""
    return f"uv could not do it ({detail}); trying with pip"


def without_extra(extra: str, detail: str) -> str:
    """Return the line of progress before what is optional is left out."""
    return f"not with {extra} ({detail}); trying without"


def failed(kind: str, detail: str, command: str) -> str:
    """Say in a terminal why there is no environment."""
    reason, cure = (text.format(detail=detail, command=command) for text in TROUBLES[kind])
    return f"{reason}\n{cure}"
