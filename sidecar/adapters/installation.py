"""What is installed: this program and its Python, OpenCode, and our plugin in its configuration."""

import platform
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from sidecar import __version__
from sidecar.adapters import files
from sidecar.adapters.host_config import HostPlugin, Setting
from sidecar.adapters.host_program import ask_version
from sidecar.adapters.paths import APP, Places, shorten
from sidecar.adapters.systems import find_program, path_of_url, python_in
from sidecar.nearest import nearest
from sidecar.plain import is_object
from sidecar.texts.doctor_data import HostReport, PluginReport, PluginTrouble, ProgramReport

MISSPELT: Final = 0.85
"""So much is a name like ours if it is meant for it: other plugins have names that are somewhat like it."""
PACKAGES: Final = ("anyio", "google-re2", "httpx", "jmespath", "msgspec", "pyjson5", "structlog", "tzdata")
_USER_INFO: Final = re.compile(r"://[^/\s]*@")
"""A package from a repository may be named with the token that opens it."""
VARIABLES: Final = re.compile(r"(?i:\w+_proxy|SSL_CERT_\w+)|(OPENCODE|XDG|QUOTA_SIDECAR)_\w+")


def look_at_program(environ: Mapping[str, str]) -> ProgramReport:
    """Describe this process; takes a few milliseconds."""
    return ProgramReport(
        version=__version__,
        folder=shorten(_package(), environ),
        python_version=platform.python_version(),
        python=shorten(Path(sys.executable), environ),
        platform=platform.platform(),
        packages={name: version for name in PACKAGES if (version := _version_of(name))},
        environment=shorten(Path(sys.prefix), environ) if sys.prefix != sys.base_prefix else None,
        variables=tuple(
            sorted(name for name, value in environ.items() if value and VARIABLES.fullmatch(name))
        ),
    )


async def look_at_host(
    places: Places,
    environ: Mapping[str, str],
    plugins: Iterable[HostPlugin],
    misplaced: Iterable[HostPlugin] = (),
) -> HostReport:
    """Describe OpenCode: its program is started once, to say its version.

    *plugins* are its entries of `plugin`, *misplaced* those of `plugins`.
    """
    found = find_program("opencode", environ)
    version, trouble = await ask_version(found, environ) if found else (None, "not_found")
    return HostReport(
        config_file=shorten(places.config / "opencode.json", environ),
        wanted=wanted_plugin(),
        program=shorten(Path(found), environ) if found else None,
        version=version,
        trouble=trouble,
        plugins=(
            *(_report(row, _trouble(row, environ), environ) for row in plugins if _is_ours(row.spec)),
            *(_report(row, "misspelt", environ) for row in plugins if _is_misspelt(row.spec)),
            *(_report(row, "wrong_key", environ) for row in misplaced if _is_ours(row.spec)),
        ),
    )


def _report(plugin: HostPlugin, trouble: PluginTrouble | None, environ: Mapping[str, str]) -> PluginReport:
    return PluginReport(
        spec=_USER_INFO.sub("://…@", plugin.spec.text),
        file=shorten(plugin.spec.document.file, environ),
        is_package=_folder(plugin.spec) is None and not set(plugin.spec.text) & set("/:"),
        trouble=trouble,
    )


def wanted_plugin() -> str:
    """Return what belongs into `plugin`: the checkout that we run from, else the name of the package."""
    shim = _package().parent / "js-shim"
    return shim.as_uri() if (shim / "package.json").is_file() else APP


def _package() -> Path:
    return Path(__file__).resolve().parents[1]


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_ours(setting: Setting) -> bool:
    folder = _folder(setting)
    if folder is None:
        return setting.text.partition("@")[0] == APP
    manifest = said_in_manifest(folder, "name")
    return folder.name == "js-shim" if manifest is None else manifest == APP


def _is_misspelt(setting: Setting) -> bool:
    """Say whether an entry is the name of no package of ours, but meant for it."""
    name = setting.text.partition("@")[0]
    return _folder(setting) is None and name != APP and nearest(name, [APP], MISSPELT) is not None


def _trouble(plugin: HostPlugin, environ: Mapping[str, str]) -> PluginTrouble | None:
    folder = _folder(plugin.spec)
    if folder is None:
        return None
    if said_in_manifest(folder, "name") is None:
        return "no_folder"
    is_found = _has_python(folder) or plugin.has_command or environ.get("QUOTA_SIDECAR_COMMAND")
    return None if is_found else "no_environment"


def _has_python(shim: Path) -> bool:
    """Say whether the checkout around *shim* has the environment that the plugin starts the sidecar from."""
    try:
        return python_in(shim.resolve().parent / ".venv").exists()
    except (OSError, RuntimeError):
        return False


def _folder(setting: Setting) -> Path | None:
    """Return the folder that an entry names, itself or by a file in it; None for the name of a package."""
    if setting.text.startswith("file://"):
        path = Path(path_of_url(setting.text))
    elif setting.text.startswith((".", "/")) or Path(setting.text).is_absolute():
        path = setting.document.file.parent / setting.text
    else:
        return None
    return next(
        (place for place in (path, *list(path.parents)[:2]) if said_in_manifest(place, "name") is not None),
        path,
    )


def said_in_manifest(folder: Path, key: str) -> str | None:
    """Return a text in the package.json of *folder*: empty if it doesn't say, None without one."""
    try:
        data = msgspec.json.decode(files.read(folder / "package.json", 1 << 20))
    except (OSError, ValueError):
        return None
    value = data.get(key) if is_object(data) else None
    return value if isinstance(value, str) else ""
