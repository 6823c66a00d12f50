"""A home folder with OpenCode's configuration in it and a project beside it, for tests of what is read."""

import json
from pathlib import Path

from sidecar.adapters.config import Config, ConfigLoader
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.paths import Places, find_places

KEY_A, KEY_B, KEY_C = (f"test-key-{letter * 24}" for letter in "abc")
BASE = "https://campus.example/v1"


class Machine:
    """A home folder with OpenCode's files in it, and a project beside it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.config = self.home / ".config" / "opencode"
        self.ours = self.config / "quota-sidecar.jsonc"
        self.host = self.config / "opencode.json"
        self.auth = self.home / ".local" / "share" / "opencode" / "auth.json"
        self.project = folder / "project"
        self.projects_file = self.project / ".opencode" / "quota-sidecar.jsonc"
        for file in (self.ours, self.auth, self.projects_file):
            file.parent.mkdir(parents=True)
        self.environ = {"HOME": str(self.home)}
        self.loader = ConfigLoader(self.places, self.environ)

    @property
    def places(self) -> Places:
        return find_places(self.environ)

    def write(self, file: Path, content: object) -> None:
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")

    def gateways(self, *entries: object) -> None:
        self.write(self.ours, {"gateways": entries})

    def provider(self, provider_id: str = "campus", **options: str) -> None:
        self.write(self.host, {"provider": {provider_id: {"options": options}}})

    def load(self) -> Config:
        return self.loader.load(self.project)

    def only(self) -> Gateway:
        """Return the one gateway of a configuration without a fault."""
        config = self.load()
        assert config.problems == ()
        (gateway,) = config.gateways
        return gateway

    def refused(self) -> tuple[str | None, str]:
        """Return path and message of the one fault of a configuration whose one entry is skipped."""
        config = self.load()
        assert config.gateways == ()
        (problem,) = config.problems
        return problem.path, problem.message


def key_of(gateway: Gateway) -> str | None:
    return gateway.credential.used.key.reveal() if gateway.credential else None
