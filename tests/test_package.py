"""What the npm package holds: both halves at one version, and nothing of the machine that made it."""

import json
import subprocess
from email import message_from_bytes
from pathlib import Path

from sidecar import __version__
from tests.bed.machine import PYTHON
from tests.bed.package import Package, contents
from tests.bed.processes import REPOSITORY

DIST_INFO = f"opencode_quota_sidecar-{__version__}.dist-info"


def test_the_package_holds_these_files_and_no_other(package: Package) -> None:
    assert sorted(package.files) == [
        "CHANGELOG.md",
        "INSTALL.md",
        "LICENSE",
        "README.md",
        f"opencode_quota_sidecar-{__version__}-py3-none-any.whl",
        "package.json",
        "server.js",
    ]


def test_its_manifest_says_what_opencode_and_npm_need_and_nothing_of_the_tools(package: Package) -> None:
    assert json.loads(package.files["package.json"]) == {
        "name": "opencode-quota-sidecar",
        "version": __version__,
        "description": "What is left at every provider and gateway, inside OpenCode",
        "license": "MIT",
        "type": "module",
        "engines": {"opencode": ">=1.2.27"},
        "main": "./server.js",
        "exports": {"./server": "./server.js"},
        "oc-plugin": ["server"],
    }


def test_the_wheel_holds_the_sidecar_and_no_other_file(package: Package) -> None:
    folder = REPOSITORY / "sidecar"
    kinds = {".py", ".toml", ".md"}
    ours = [path for path in folder.rglob("*") if path.suffix in kinds and path.name != "ruff.toml"]
    expected = {str(path.relative_to(REPOSITORY)) for path in ours}
    about = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD")
    assert set(contents(package.wheel)) == expected | {f"{DIST_INFO}/{name}" for name in about}


def test_both_halves_have_one_version(package: Package) -> None:
    metadata = message_from_bytes(contents(package.wheel)[f"{DIST_INFO}/METADATA"])
    assert (metadata["Name"], metadata["Version"]) == ("opencode-quota-sidecar", __version__)
    assert f'var VERSION = "{__version__}";' in package.files["server.js"].decode()
    assert package.version == __version__


def test_nothing_of_the_machine_that_made_it_is_in_it(package: Package) -> None:
    files = package.files | contents(package.wheel)
    traces = [str(REPOSITORY), str(Path.home()), "sourceMappingURL", "node_modules/", "sourcesContent"]
    found = [
        (name, trace)
        for name, data in files.items()
        for trace in traces
        if trace.encode() in data and not name.endswith((".md", "/METADATA"))
    ]
    assert found == []


def test_the_wheel_prepares_with_pythons_own_library_alone(package: Package, tmp_path: Path) -> None:
    wheel = tmp_path / package.wheel_name
    wheel.write_bytes(package.wheel)
    (tmp_path / "file").touch()
    done = subprocess.run(
        [PYTHON, "-I", "-S", wheel / "sidecar", "prepare", "--json"],
        env={"XDG_DATA_HOME": str(tmp_path / "file"), "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == (b"", 3)
    assert json.loads(done.stdout)["kind"] == "notWritable"
