"""A home of its own for the real OpenCode: files, keys and environment that no user's can leak into.

It writes configuration and starts nothing.
"""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from tests.bed import wires
from tests.bed.processes import PLUGIN, assert_none_left

MODEL: Final = "qwen3-coder"
"""The id of the one model that every provider of the bed has."""

_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "USER", "SHELL")

_QUIET: Final = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    # Should it want a package all the same: a port that refuses, and no retry (they take 70 s).
    "npm_config_registry": "http://127.0.0.1:9/",
    "npm_config_fetch_retries": "0",
}

_FRUGAL: Final = {"BUN_JSC_useConcurrentGC": "0"}
"""OpenCode's garbage is collected in its own thread: that takes an eighth off its time on two busy cores."""

# Where what is started here lives it is eight in the morning: "until 09:12" stays so, and names no
# other day, whenever the tests run.
_MORNING: Final = f"BED{(time.gmtime().tm_hour - 8 + 12) % 24 - 12:+d}"


def provider(
    base_url: str,
    wire: wires.Wire = "openai-chat",
    name: str | None = None,
    key: str | None = "bed-key",
    model_name: str = "Bed model",
) -> dict[str, Any]:
    """Entry of `provider` in an opencode.json: one model, at this base URL.

    Without a key OpenCode itself refuses a turn in two of the wires, before anything is sent.
    """
    options = {"baseURL": base_url} | ({"apiKey": key} if key else {})
    entry = {"npm": wires.NPM[wire], "options": options, "models": {MODEL: {"name": model_name}}}
    return entry | ({"name": name} if name else {})


def mark_installed(folder: Path) -> None:
    """Make a folder of configuration look as after OpenCode's first start there.

    On that it installs a package beside the configuration: 5-9 s with a registry, longer without one. If it
    ends meanwhile, it leaves a lock behind that the next start waits for, up to 60 s.
    """
    (folder / "node_modules").mkdir(parents=True)
    lock = {"lockfileVersion": 3, "packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
    (folder / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")


class Home:
    """A temporary HOME with a project in it; use as a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="quota-bed-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name).resolve()
        self.config = self.path / ".config" / "opencode"
        self.data = self.path / ".local" / "share" / "opencode"
        self.state = self.path / ".local" / "state" / "opencode-quota-sidecar"
        self.project = self.path / "project"
        # Each OpenCode leaves up to 19 MB of libraries in the temporary folder.
        temporary = self.path / "tmp"
        for folder in (self.config, self.data, self.project, temporary):
            folder.mkdir(parents=True)
        mark_installed(self.config)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # Nobody asks one of the thousands of models that OpenCode knows; without them it is up sooner by a
        # quarter.
        no_models = self._write(temporary / "models.json", {})
        own = {"HOME": str(self.path), "TMPDIR": str(temporary)}
        self._tests_own = {"TZ": _MORNING, "OPENCODE_MODELS_PATH": str(no_models), **_FRUGAL}
        self.env: dict[str, str] = inherited | _QUIET | own | self._tests_own
        """The whole environment of what is started here; add keys to it before that."""

    def like_a_users(self) -> None:
        """Have the clock of this machine, all the models that OpenCode knows, and its own way of working."""
        for name in self._tests_own:
            del self.env[name]

    def write_opencode(
        self, providers: Mapping[str, Mapping[str, Any]], *, plugin: object = PLUGIN, **more: object
    ) -> Path:
        """Write the global opencode.json; the first provider's model is the one that is used.

        *plugin* is an entry of `plugin`, ours unless said otherwise; None is none.
        """
        model = f"{next(iter(providers))}/{MODEL}" if providers else None
        quiet = {"autoupdate": False, "share": "disabled", "enabled_providers": list(providers)}
        models = {"model": model, "small_model": model} if model else {}
        plugins = {"plugin": [plugin]} if plugin else {}
        content = quiet | models | plugins | {"provider": dict(providers)} | more
        return self._write(self.config / "opencode.json", content)

    def write_gateways(self, *gateways: Mapping[str, Any], **more: object) -> Path:
        """Write our own global file with these entries of `gateways`."""
        return self._write(self.config / "quota-sidecar.jsonc", {"gateways": list(gateways)} | more)

    def write_auth(self, **keys: str) -> Path:
        """Write what `opencode auth login` would have stored: an API key per provider."""
        logins = {name: {"type": "api", "key": key} for name, key in keys.items()}
        path = self._write(self.data / "auth.json", logins)
        path.chmod(0o600)
        return path

    def close(self) -> None:
        """Remove it all; fail if a process that was started here is still running."""
        try:
            assert_none_left(self.path)
        finally:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _write(path: Path, content: object) -> Path:
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
        return path
