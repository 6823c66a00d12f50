"""A machine that has never seen us: a home, a PATH of chosen programs, and loopback indexes of npm and pip.

It starts nothing but `prepare`, as a person would by hand.
"""

import base64
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.opencode import Finished, run_program
from tests.bed.package import NAME, Package, contents
from tests.bed.replies import Reply, json_reply
from tests.bed.wheels import by_project

PYTHON: Final = Path(sys.executable).resolve()
"""What the wheels of the index are for; it can make environments."""
UV: Final = Path(sys.executable).with_name("uv")
SIMPLE: Final = "/simple/"
PREPARE_S: Final = 300.0
"""So long pip may take on a slow machine: a minute has been seen to be nearly too short."""


class Machine:
    """A home with a PATH and indexes of its own; *index* serves both."""

    def __init__(self, home: Home, index: Gateway, wheels: Mapping[str, bytes]) -> None:
        self.home = home
        self.index = index
        self.bin = home.path / "bin"
        self.bin.mkdir()
        self.pages: dict[str, Reply] = {}
        """What the Python index says of each project, by path."""
        self.files: dict[str, bytes] = {}
        """Its wheels, by path."""
        self.data = home.path / ".local" / "share" / NAME
        self.pointer = self.data / "current.json"
        home.env |= {
            "PATH": str(self.bin),
            "npm_config_registry": index.origin,
            "PIP_INDEX_URL": f"{index.origin}{SIMPLE}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
            "UV_DEFAULT_INDEX": f"{index.origin}{SIMPLE}",
            "UV_HTTP_RETRIES": "0",
            "UV_HTTP_TIMEOUT": "600",  # a test holds an answer for as long as it takes
        }
        self.has("python3", PYTHON)
        self.offer(wheels)

    def has(self, name: str, program: Path | str | None) -> Path:
        """Put a program on PATH: one that is elsewhere, the text of a script, or none any more."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        if isinstance(program, Path):
            path.symlink_to(program)
        elif program is not None:
            path.write_text(program)
            path.chmod(0o755)
        return path

    def offer(self, wheels: Mapping[str, bytes]) -> None:
        """Let the Python index have these wheels."""
        for name, data in wheels.items():
            path = f"{SIMPLE}files/{name}"
            self.files[path] = data
            self.index.script(path, Reply(200, data))
            metadata = next(text for file, text in contents(data).items() if file.endswith("/METADATA"))
            self.index.script(f"{path}.metadata", Reply(200, metadata))
        for project, names in by_project(wheels).items():
            links = "".join(
                f'<a href="../files/{name}" data-core-metadata="true">{name}</a>' for name in names
            )
            page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
            self.pages[f"{SIMPLE}{project}/"] = Reply(200, page, {"content-type": "text/html"})
        for path, reply in self.pages.items():
            self.index.script(path, reply)

    def publish(self, *packages: Package) -> None:
        """Let the npm registry have these; the last is the newest."""
        versions: dict[str, object] = {}
        for package in packages:
            path = f"/{NAME}/-/{NAME}-{package.version}.tgz"
            self.index.script(path, Reply(200, package.tarball))
            integrity = "sha512-" + base64.b64encode(hashlib.sha512(package.tarball).digest()).decode()
            dist = {"tarball": f"{self.index.origin}{path}", "integrity": integrity}
            versions[package.version] = json.loads(package.files["package.json"]) | {"dist": dist}
        newest = packages[-1].version
        document = {"name": NAME, "dist-tags": {"latest": newest}, "versions": versions}
        self.index.script(f"/{NAME}", json_reply(document))
        self.index.script(f"/{NAME}/latest", json_reply(versions[newest]))

    def command(self, package: Package) -> list[str]:
        """Unpack the wheel of a package, and return what runs `prepare` out of it."""
        path = self.home.path / "package" / package.wheel_name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(package.wheel)
        return [str(self.bin / "python3"), "-I", str(path / "sidecar"), "prepare"]

    def prepare(self, package: Package) -> Finished:
        """Run it to its end, with one line of JSON as its answer."""
        return run_program(self.home, *self.command(package), "--json", within_s=PREPARE_S)

    def current(self) -> dict[str, str]:
        """Return what `current.json` says."""
        found: dict[str, str] = json.loads(self.pointer.read_bytes())
        return found

    def environments(self) -> list[str]:
        """Name the folders of environments, finished or not."""
        folder = self.data / "environments"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
