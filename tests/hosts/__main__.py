"""`make test-hosts`: installs the versions of OpenCode that the README names, tries each, prints a table.

The oldest and the newest go through every test of the real OpenCode, the others through a smoke test. Other
versions can be named: `make test-hosts HOSTS="1.17.11 1.18.3"`. Whatever fails, an installation too, fails
the run.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.bed.processes import HOST_VARIABLE, REPOSITORY
from tests.hosts.install import NotInstalledError, program_of
from tests.hosts.versions import IN_FULL, TRIED

COLUMNS: Final = ("load", "quota_status", "failover", "toast", "limit_router")
"""A test of `test_smoke.py` each."""


@dataclass
class Result:
    """What became of a version."""

    version: str
    smoke: dict[str, bool] = field(default_factory=dict[str, bool])
    passed: int = 0
    failed: list[str] = field(default_factory=list[str])
    lacking: list[str] = field(default_factory=list[str])
    """Why tests could not hold."""
    trouble: str = ""
    """Why nothing could be tried."""

    @property
    def is_good(self) -> bool:
        return not self.trouble and not self.failed and all(self.smoke.get(name) for name in COLUMNS)


def main() -> int:
    """Try each version, print the table, and return 1 if anything failed."""
    results: list[Result] = []
    for version in sys.argv[1:] or TRIED:
        _say(f"OpenCode {version} ...")
        results.append(_tried(version))
    _say("")
    for line in table(results):
        _say(line)
    return 0 if all(result.is_good for result in results) else 1


def _tried(version: str) -> Result:
    result = Result(version)
    try:
        program = program_of(version)
    except NotInstalledError as error:
        result.trouble = f"not installed: {error}"
        return result
    tests = [Path("tests", "hosts")]
    if version in IN_FULL:
        tests += sorted(path.relative_to(REPOSITORY) for path in REPOSITORY.glob("tests/test_opencode_*.py"))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        options = ["--numprocesses", "3", "--dist", "loadfile", "-p", "tests.hosts.expected"]
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--junit-xml={report}", "--quiet", *map(str, tests)],
            cwd=REPOSITORY, env={**os.environ, HOST_VARIABLE: str(program)}, check=False,
        )  # fmt: skip
        if not report.exists():
            result.trouble = "pytest did not get to its end"
            return result
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 -- pytest has just written it
            _count(case, result)
    return result


def _count(case: ElementTree.Element, result: Result) -> None:
    name, module = case.get("name", ""), case.get("classname", "")
    skipped = case.find("skipped")
    is_failed = case.find("failure") is not None or case.find("error") is not None
    if module.startswith("tests.hosts"):
        column = name.removeprefix("test_")
        result.smoke[column] = result.smoke.get(column, True) and not is_failed and skipped is None
    if is_failed:
        result.failed.append(name)
    elif skipped is not None:
        result.lacking.append(skipped.get("message", ""))
    else:
        result.passed += 1


def table(results: list[Result]) -> list[str]:
    """Return the lines of the table, what failed, and what could not hold and why."""
    rows = [("OpenCode", "load", "/quota_status", "failover", "toast", "limit-router", "tests passed")]
    rows += [_row(result) for result in results]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    for result in results:
        lines += [f"{result.version}: {result.trouble}"] if result.trouble else []
        lines += [f"{result.version}: failed: {name}" for name in result.failed]
        for reason in dict.fromkeys(result.lacking):
            lines.append(f"{result.version}: can't hold there: {reason} ({result.lacking.count(reason)})")
    return lines


def _row(result: Result) -> tuple[str, ...]:
    if result.trouble:
        return (result.version, *["-"] * len(COLUMNS), "none")
    cells = ["passed" if result.smoke.get(name) else "FAILED" for name in COLUMNS]
    total = result.passed + len(result.failed) + len(result.lacking)
    return (result.version, *cells, f"{result.passed} of {total}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
