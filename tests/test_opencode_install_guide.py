"""INSTALL.md, followed word by word on a machine that never saw us, with the real OpenCode."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from sidecar import __version__
from sidecar.adapters.jsonc import decode
from tests.bed.gateways import Gateway
from tests.bed.machine import Machine
from tests.bed.opencode import START_S, Finished, run_program
from tests.bed.package import NAME
from tests.bed.processes import REPOSITORY, opencode_binary, wait_until

GUIDE: Final = (REPOSITORY / "INSTALL.md").read_text("utf-8")
README: Final = (REPOSITORY / "README.md").read_text("utf-8")
LOOK, ADD, ASK, EXAMINE, REMOVE = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
ENTRY, GATEWAY = re.findall(r"```jsonc\n(.*?)```", GUIDE, re.DOTALL)

BEFORE: Final = """\
{
  // Ann's own
  "autoupdate": false, // never
  "plugin": [
    // what she had
    "file://%s"
  ],
  "model": "campus/m",
  "provider": {
    "campus": {
      "npm": "@ai-sdk/openai-compatible",
      "options": { "baseURL": "%s", "apiKey": "campus-key-0123456789abcdef" },
      "models": { "m": {} }
    }
  }
}
"""


@pytest.fixture
def ann(machine: Machine, gateway: Gateway) -> Machine:
    """Give the machine to somebody who has a plugin, a provider, and a file with comments."""
    gateway.quota({"tokens": {"limit": 1000, "used": 360}}).models("A fine answer.")
    other = machine.home.path / "other.js"
    other.write_text("export default async () => ({})")
    settings(machine).write_text(BEFORE % (other, gateway.base_url))
    for program in ("ls", "rm"):
        found = shutil.which(program)
        assert found
        machine.has(program, Path(found))
    machine.has("opencode", Path(opencode_binary()))
    return machine


def settings(machine: Machine) -> Path:
    return machine.home.config / "opencode.jsonc"


def follow(machine: Machine, block: str) -> Finished:
    return run_program(machine.home, "/bin/sh", "-e", "-c", block)


def ours(machine: Machine) -> list[str]:
    """Name all that is ours in the home, by the outermost file or folder; not what uv has in its cache."""
    found = [path.relative_to(machine.home.path) for path in machine.home.path.rglob("*quota-sidecar*")]
    found = [path for path in found if not path.is_relative_to(".cache/uv")]
    outer = [path for path in found if not any(parent in found for parent in path.parents)]
    return sorted(path.as_posix() for path in outer)


def test_who_follows_the_guide_gets_there_and_back(ann: Machine) -> None:
    looked = follow(ann, LOOK)
    assert (looked.exit_code, "opencode.jsonc" in looked.stdout.split()) == (0, True)

    added = follow(ann, ADD)
    assert added.exit_code == 0
    assert added.stdout.rstrip().endswith("Done")
    before, after = (BEFORE.splitlines(), settings(ann).read_text().splitlines())
    assert [line.strip().rstrip(",") for line in after if line.strip() == f'"{NAME}"'] == [f'"{NAME}"']
    kept = [line for line in before if "file://" not in line and "baseURL" not in line]
    assert [line for line in kept if line not in after] == []

    def is_answered() -> bool:
        said = follow(ann, ASK)
        assert said.exit_code == 0
        return re.search(rf"^ *sidecar {re.escape(__version__)} · up \d+ s", said.stdout, re.M) is not None

    wait_until(is_answered, "the answer of /quota_status", START_S)

    ann.has("opencode", "#!/bin/sh\necho 1.18.33\n")  # the doctor gives it five seconds
    examined = follow(ann, EXAMINE)
    assert (examined.exit_code, examined.stdout.splitlines()[-1]) == (0, "No problem found.")

    (ann.home.config / "quota-sidecar.jsonc").write_text(GATEWAY)
    examined = follow(ann, EXAMINE)
    assert examined.exit_code == 0
    assert re.search(r"^  campus +ok, 1 window · ", examined.stdout, re.M)
    documented = re.findall(r"^\| `~/([^`…]+?)(?:…/|/|)`", README, re.M)
    there = ours(ann)
    assert [path for path in there if not path.startswith(tuple(documented))] == []
    assert [path for path in there if not path.startswith(".cache/opencode/packages/")] == [
        ".config/opencode/quota-sidecar.jsonc",
        ".local/share/opencode-quota-sidecar",
        ".local/state/opencode-quota-sidecar",
    ]

    settings(ann).write_text("\n".join(line for line in after if NAME not in line))
    assert follow(ann, REMOVE).exit_code == 0
    assert ours(ann) == [".config/opencode/quota-sidecar.jsonc"]


def test_what_is_written_by_hand_is_the_same_entry() -> None:
    assert decode(ENTRY.encode()) == {"plugin": [NAME]}
    assert "{'plugin'" not in GUIDE
    assert len(GUIDE.splitlines()) <= 80
