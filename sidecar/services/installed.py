"""What an installed plugin has: its package in OpenCode's cache, and the environment made of it.

It looks, and changes nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sidecar.adapters import files
from sidecar.adapters.paths import APP, shorten
from sidecar.adapters.systems import home_folder
from sidecar.plain import is_object
from sidecar.preparation.places import Current, Places, command_line, data_folder
from sidecar.preparation.preparing import order
from sidecar.texts.doctor_data import InstalledReport, InstalledState, PreparationReport

MAX_WHEEL_BYTES: Final = 16 << 20


def look_at_installed(
    specs: Iterable[str], last: PreparationReport | None, environ: Mapping[str, str]
) -> InstalledReport | None:
    """Describe it; *specs* are the entries of `plugin` that name the package; None where it never was."""
    wanted, root = list(specs), data_folder(environ)
    if not wanted and not root.is_dir():
        return None
    places = Places(root)
    current = places.current()
    package = next((found for spec in wanted for found in _cached(spec, environ)), None)
    wheel = _wheel(package) if package else None
    return InstalledReport(
        folder=shorten(root, environ),
        state=_state(places, current, package, wheel),
        is_wanted=bool(wanted),
        package=shorten(_kept_in(package), environ) if package else None,
        package_version=_version(package) if package else None,
        environment=shorten(Path(current.environment), environ) if current else None,
        version=current.version if current else None,
        command=shorten(places.launcher, environ) if places.launcher.exists() else None,
        others=tuple(folder.name for folder in places.others()),
        by_hand=command_line(["python3", "-I", str(wheel / "sidecar"), "prepare"]) if wheel else None,
        last=last,
    )


def _state(
    places: Places, current: Current | None, package: Path | None, wheel: Path | None
) -> InstalledState:
    if places.is_preparing():
        return "underway"
    if current is None or not Path(current.python).exists():
        if package is None:
            return "no_package"
        return "interrupted" if places.others() else "not_made"
    return "outdated" if package and wheel and _is_older(current, package, wheel) else "ready"


def _is_older(current: Current, package: Path, wheel: Path) -> bool:
    """Say whether an OpenCode with this *package* would make a new environment."""
    try:
        digest = hashlib.sha256(files.read(wheel, MAX_WHEEL_BYTES)).hexdigest()
    except OSError:
        return False
    return current.wheel != digest and order(current.version) <= order(_version(package) or "")


def _cached(spec: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders that OpenCode keeps the package of this entry in, the newest OpenCode's first."""
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    cache = (named if named.is_absolute() else home_folder(environ) / ".cache") / "opencode"
    entry = spec if "@" in spec else f"{spec}@latest"
    for folder in (cache / "packages" / entry / "node_modules" / APP, cache / "node_modules" / APP):
        if (folder / "package.json").is_file():
            yield folder


def _kept_in(package: Path) -> Path:
    """Return what is removed to have it fetched anew."""
    around = package.parents[1]
    return around if around.parent.name == "packages" else package


def _version(package: Path) -> str | None:
    try:
        data = msgspec.json.decode(files.read(package / "package.json", 1 << 20))
    except (OSError, ValueError):
        return None
    version = data.get("version") if is_object(data) else None
    return version if isinstance(version, str) else None


def _wheel(package: Path) -> Path | None:
    return next(iter(sorted(package.glob("*.whl"))), None)
