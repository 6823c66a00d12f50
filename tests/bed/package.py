"""Our npm package as `make build` makes it, and the same as it will be in a later version."""

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bed.processes import REPOSITORY
from tests.bed.wheels import write_wheel

NAME: Final = "opencode-quota-sidecar"
BUN: Final = REPOSITORY / "js-shim" / "node_modules" / ".bin" / "bun"


@dataclass(frozen=True, slots=True)
class Package:
    """One version of it."""

    version: str
    tarball: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Content by name, without the folder that all are in."""
        with tarfile.open(fileobj=io.BytesIO(self.tarball)) as packed:
            members = [member for member in packed.getmembers() if member.isfile()]
            return {
                member.name.removeprefix("package/"): content.read()
                for member in members
                if (content := packed.extractfile(member))
            }

    @property
    def wheel_name(self) -> str:
        return f"opencode_quota_sidecar-{self.version}-py3-none-any.whl"

    @property
    def wheel(self) -> bytes:
        return self.files[self.wheel_name]

    def as_version(self, version: str) -> "Package":
        """Return the same, as if it had been built of another version."""

        def renamed(text: str) -> str:
            return text.replace(self.version, version)

        wheel = {renamed(name): data for name, data in contents(self.wheel).items() if "RECORD" not in name}
        files = {**self.files, self.wheel_name: write_wheel(_changed(wheel, renamed))}
        return Package(
            version, _packed({renamed(name): data for name, data in _changed(files, renamed).items()})
        )


def contents(wheel: bytes) -> dict[str, bytes]:
    """Return the content of every file in a wheel, by name."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def build(folder: Path) -> Package:
    """Make the package of this checkout in *folder*, by the two programs that `make build` runs."""
    folder.mkdir(exist_ok=True)
    hatch = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    for command in (hatch, [str(BUN), "js-shim/pack.ts", str(folder)]):
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    made = built_in(folder)
    assert made
    return made


def built_in(folder: Path) -> Package | None:
    """Return what was made there before."""
    for tarball in folder.glob("*.tgz"):
        return Package(tarball.stem.removeprefix(f"{NAME}-"), tarball.read_bytes())
    return None


def _changed(files: dict[str, bytes], change: Callable[[str], str]) -> dict[str, bytes]:
    """Return the files with the version changed in those that say it."""
    says = ("package.json", "server.js", "METADATA", "sidecar/__init__.py")
    return {
        name: change(data.decode()).encode() if name.endswith(says) else data for name, data in files.items()
    }


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
