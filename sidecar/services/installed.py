"""What an installed plugin has: its package in OpenCode's cache, and the environment made of it.

It looks, and changes nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from sidecar.adapters import files
from sidecar.adapters.installation import said_in_manifest
from sidecar.adapters.paths import APP, find_places, shorten
from sidecar.preparation.places import Current, DataFolder, command_line
from sidecar.texts.doctor_data import InstalledReport, InstalledState, PreparationReport

MAX_WHEEL_BYTES: Final = 16 << 20


def look_at_installed(
    specs: Iterable[str], last: PreparationReport | None, environ: Mapping[str, str]
) -> InstalledReport | None:
    """Describe it; *specs* are the entries of `plugin` that name the package; None where it never was."""
    wanted, places = list(specs), find_places(environ)
    if not wanted and not places.prepared.is_dir():
        return None
    folder = DataFolder(places.prepared)
    current = folder.current()
    package = next((found for spec in wanted for found in _cached(spec, places.cache)), None)
    wheel = _wheel(package) if package else None
    return InstalledReport(
        folder=shorten(folder.root, environ),
        state=_state(folder, current, package, wheel),
        is_wanted=bool(wanted),
        package=shorten(_kept_in(package), environ) if package else None,
        package_version=(said_in_manifest(package, "version") or None) if package else None,
        environment=shorten(Path(current.environment), environ) if current else None,
        version=current.version if current else None,
        command=shorten(folder.launcher, environ) if folder.launcher.exists() else None,
        others=tuple(other.name for other in folder.others()),
        by_hand=command_line(["python3", "-I", str(wheel / "sidecar"), "prepare"]) if wheel else None,
        last=last,
    )


def _state(
    folder: DataFolder, current: Current | None, package: Path | None, wheel: Path | None
) -> InstalledState:
    if folder.is_preparing():
        return "underway"
    if current is None or not Path(current.python).exists():
        if package is None:
            return "no_package"
        return "interrupted" if folder.others() else "not_made"
    return "outdated" if wheel and _is_of_another(current, wheel) else "ready"


def _is_of_another(current: Current, wheel: Path) -> bool:
    """Say whether an OpenCode with this *wheel* would make a new environment."""
    try:
        digest = hashlib.sha256(files.read(wheel, MAX_WHEEL_BYTES)).hexdigest()
    except OSError:
        return False
    return current.wheel != digest


def _cached(spec: str, cache: Path) -> Iterator[Path]:
    """Yield the folders that OpenCode keeps the package of this entry in, the newest OpenCode's first."""
    entry = spec if "@" in spec else f"{spec}@latest"
    for folder in (cache / "packages" / entry / "node_modules" / APP, cache / "node_modules" / APP):
        if (folder / "package.json").is_file():
            yield folder


def _kept_in(package: Path) -> Path:
    """Return what is removed to have it fetched anew."""
    around = package.parents[1]
    return around if around.parent.name == "packages" else package


def _wheel(package: Path) -> Path | None:
    return next(package.glob("*.whl"), None)
