"""Which versions of OpenCode are tried, and the README's table of them."""

from typing import Final

from sidecar.texts.hosts import LACKS, OLDEST, lacking

TRIED: Final = (OLDEST, "1.3.2", "1.14.34", "1.15.13", "1.17.19", "1.18.33")
IN_FULL: Final = (TRIED[0], TRIED[-1])
"""These go through every test of the real OpenCode, the others through a smoke test."""


def readme_table() -> str:
    """Return the tables as the README has them: how each was tried, and who lacks what."""
    head = "| OpenCode | load, `/quota_status`, failover, toast, limit-router | every other test |"
    rows = [head, "|---|---|---|"]
    for version in reversed(TRIED):
        lacks = f"but for {len(lacking(version))} things below" if lacking(version) else "passed"
        rows.append(f"| {version} | passed | {lacks if version in IN_FULL else 'not tried'} |")
    rows += ["", "| what is missing or different in an older one | which of them |", "|---|---|"]
    for name, lack in LACKS.items():
        those = [version for version in TRIED if name in lacking(version)]
        rows.append(f"| {lack.words} | {those[0]}{f' to {those[-1]}' if len(those) > 1 else ''} |")
    return "\n".join(rows)
