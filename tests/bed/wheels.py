"""Wheels of what the sidecar needs, made anew of the files that are installed here, for an index on loopback.

A wheel is the files that its `RECORD` lists, zipped; what an installer has added is left out.
"""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT: Final = "opencode-quota-sidecar"
_EXTRAS: Final = {PROJECT: "patterns"}
_NOT_IN_A_WHEEL: Final = {"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"}
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


def runtime_wheels() -> dict[str, bytes]:
    """Return the wheel of every distribution that the sidecar needs, by file name."""
    found = [metadata.distribution(name) for name in sorted(_needed(PROJECT))]
    return {_file_name(one): _wheel(one) for one in found}


def write_wheel(files: Mapping[str, bytes]) -> bytes:
    """Zip these files, and a `RECORD` of them beside the metadata."""
    record = next(name for name in files if name.endswith(".dist-info/METADATA")).replace(
        "METADATA", "RECORD"
    )
    rows = io.StringIO()
    lines = csv.writer(rows, lineterminator="\n")
    for name, data in files.items():
        lines.writerow([name, f"sha256={_digest(data)}", len(data)])
    lines.writerow([record, "", ""])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for name, data in {**files, record: rows.getvalue().encode()}.items():
            wheel.writestr(zipfile.ZipInfo(name, _LONG_AGO), data)
    return packed.getvalue()


def _needed(project: str) -> set[str]:
    found: set[str] = set()
    left = [project]
    while left:
        extra = {"extra": _EXTRAS.get(left[-1], "")}
        for text in metadata.requires(left.pop()) or ():
            wanted = Requirement(text)
            name = canonicalize_name(wanted.name)
            if name not in found and (wanted.marker is None or wanted.marker.evaluate(extra)):
                found.add(name)
                left.append(name)
    return found


def _wheel(one: metadata.Distribution) -> bytes:
    return write_wheel({name: path.read_bytes() for name, path in _files(one)})


def _files(one: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for file in one.files or ():
        name = PurePosixPath(file)
        is_added = ".." in name.parts or "__pycache__" in name.parts or name.name in _NOT_IN_A_WHEEL
        if not is_added:
            yield str(name), Path(str(file.locate()))


def _file_name(one: metadata.Distribution) -> str:
    fields = [line.partition(": ") for line in (one.read_text("WHEEL") or "").splitlines()]
    tags = [value.split("-") for name, _, value in fields if name == "Tag"]
    build = [value for name, _, value in fields if name == "Build"]
    sets = [sorted({tag[part] for tag in tags}) for part in range(3)]
    assert len([*product(*sets)]) == len(tags), "one name says all of its tags"
    parts = [one.name.replace("-", "_"), one.version, *build, *map(".".join, sets)]
    return "-".join(parts) + ".whl"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def by_project(names: Iterable[str]) -> dict[str, list[str]]:
    """Sort the file names of wheels by the name that an index has the project under."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(canonicalize_name(name.partition("-")[0]), []).append(name)
    return found
