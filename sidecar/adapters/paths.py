"""Where things are on this machine: OpenCode's global configuration, its credentials, our state.

It needs the standard library alone: the preparation of an environment runs before there is anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.adapters.systems import home_folder

APP: Final = "opencode-quota-sidecar"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that we read and write, all absolute."""

    config: Path
    """OpenCode's global configuration, where `quota-sidecar.jsonc` is too."""
    config_layers: tuple[Path, ...]
    """Every folder whose `opencode.json(c)` is global; a later one overrides."""
    data: Path
    """OpenCode's data, where `auth.json` is."""
    cache: Path
    """OpenCode's cache, where the packages of plugins are."""
    state: Path
    """Ours: database, logs, `host.json`."""
    prepared: Path
    """Ours: the environments that installed plugins have prepared. The shim finds it likewise."""


def find_places(environ: Mapping[str, str]) -> Places:
    """Return the folders that *environ* names. Relative settings are ignored, as XDG asks."""
    home = home_folder(environ)
    xdg_data = _folder(environ, "XDG_DATA_HOME", home / ".local" / "share")
    xdg_config = _folder(environ, "XDG_CONFIG_HOME", home / ".config") / "opencode"
    override = environ.get("OPENCODE_CONFIG_DIR", "")
    config = Path(override) if Path(override).is_absolute() else xdg_config
    return Places(
        config=config,
        config_layers=(xdg_config,) if config == xdg_config else (xdg_config, config),
        data=xdg_data / "opencode",
        cache=_folder(environ, "XDG_CACHE_HOME", home / ".cache") / "opencode",
        state=_folder(environ, "XDG_STATE_HOME", home / ".local" / "state") / APP,
        prepared=xdg_data / APP,
    )


def shorten(path: Path, environ: Mapping[str, str]) -> str:
    """Write *path* as a person would, with `~` for the home folder; bytes that are no text become `?`."""
    home = home_folder(environ)
    text = f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
    return text.encode("utf-8", "replace").decode()


def _folder(environ: Mapping[str, str], name: str, default: Path) -> Path:
    value = environ.get(name, "")
    return Path(value) if Path(value).is_absolute() else default
