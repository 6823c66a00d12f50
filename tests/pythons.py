"""Every test that needs no OpenCode of its own, on each Python of this machine: `python -m tests.pythons`.

A Python is taken from PATH and from pyenv, the newest of each minor version from 3.11 on; each has an ignored
environment, made once. A table is printed at the end; arguments go to pytest.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

OLDEST: Final = (3, 11)
ROOT: Final = Path(__file__).parent.parent
LOCK: Final = ROOT / "requirements-dev.lock"
ENVIRONMENTS: Final = ROOT / ".venv-pythons"
ASK: Final = "import ensurepip, sys, venv; print(*sys.version_info[:3])"
PYTEST: Final = (
    "--numprocesses", "3", "--dist", "loadfile", "--quiet",
    "-p", "no:cacheprovider", "--ignore-glob", "tests/test_opencode_*", "tests",
)  # fmt: skip

Version = tuple[int, ...]


def found() -> dict[Version, Path]:
    """Return a Python by its whole version, one for each minor version, oldest first."""
    places = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    places += [*(Path.home() / ".pyenv" / "versions").glob("*/bin")]
    programs = (place / name for place in places for name in ("python3", *_names()))
    versions = {_version(program): program for program in programs if program.exists()}
    newest = {version[:2]: version for version in sorted(versions)}
    return {version: versions[version] for minor, version in newest.items() if minor >= OLDEST}


def _names() -> list[str]:
    return [f"python3.{minor}" for minor in range(11, 30)]


def _version(program: Path) -> Version:
    """Return what *program* says; nothing where it doesn't run, or can't make environments."""
    asked = subprocess.run([program, "-I", "-c", ASK], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in asked.stdout.split())


def environment(program: Path, version: Version) -> Path:
    """Return the Python of the environment for this version, with all that the tests need."""
    folder = ENVIRONMENTS / named(version)
    python, done = folder / "bin" / "python", folder / ".done"
    if not done.exists() or done.stat().st_mtime < LOCK.stat().st_mtime:
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([program, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([*install, "--require-hashes", "-r", LOCK], check=True)
        subprocess.run([*install, "--no-build-isolation", "--no-deps", "--editable", ROOT], check=True)
        done.touch()
    return python


def named(version: Version) -> str:
    """Write a version as a person does."""
    return ".".join(str(part) for part in version)


def tested(python: Path, arguments: list[str]) -> str:
    """Run the tests with *python*, and return the last line that pytest says."""
    command = [python, "-m", "pytest", *PYTEST, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            sys.stdout.write(line)
            last = line.strip() or last
    return last if process.returncode == 0 else f"FAILED: {last}"


def main() -> int:
    """Test them all; 1 if one fails or there is none."""
    table: dict[str, str] = {}
    for version, program in found().items():
        sys.stdout.write(f"\nPython {named(version)} ({program})\n")
        sys.stdout.flush()
        table[named(version)] = tested(environment(program, version), sys.argv[1:])
    sys.stdout.write("\n" + "".join(f"Python {name:8} {said}\n" for name, said in table.items()))
    return 1 if not table or any(said.startswith("FAILED") for said in table.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
