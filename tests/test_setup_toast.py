"""The toast of a configuration that has to be mended: once among all OpenCodes, only where it is wanted."""

from pathlib import Path

import pytest

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.protocol import ToastShowParams, WorkspaceOpenParams
from sidecar.services.setup import AGAIN_S, Setup
from sidecar.services.workspaces import Workspaces
from tests.machine import Machine

NOW = 1_795_219_200.0


class Opencode:
    """The part of one OpenCode's sidecar that looks at the configuration; the store's file is shared."""

    def __init__(self, machine: Machine, state: Path) -> None:
        self.now = NOW
        self.directory = str(machine.project)
        workspaces = Workspaces(machine.loader)
        workspaces.open(WorkspaceOpenParams(self.directory))
        self.store = SqliteStore(state, lambda: self.now)
        self.setup = Setup(workspaces, self.store, lambda: self.now)

    async def toast(self) -> ToastShowParams | None:
        toast = await self.setup.toast(self.directory)
        await self.store.aclose()
        return toast


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_of_two_opencodes_one_tells_and_both_tell_what_is_new(machine: Machine, tmp_path: Path) -> None:
    machine.write(machine.ours, {"widht": 60})
    assert await Opencode(machine, tmp_path / "state").toast() == ToastShowParams(
        str(machine.project),
        "One thing to mend in the configuration: /quota_status says what and where.",
        "warning",
        title="Quota sidecar",
    )
    assert await Opencode(machine, tmp_path / "state").toast() is None
    machine.write(machine.ours, {"widht": 60, "toast": False})
    again = await Opencode(machine, tmp_path / "state").toast()
    assert again is not None
    assert again.message.startswith("2 things to mend")


async def test_after_a_day_it_is_told_again(machine: Machine, tmp_path: Path) -> None:
    machine.write(machine.ours, {"widht": 60})
    assert await Opencode(machine, tmp_path / "state").toast() is not None
    later = Opencode(machine, tmp_path / "state")
    later.now = NOW + AGAIN_S
    assert await later.toast() is not None


@pytest.mark.parametrize(
    "ours", [{}, {"widht": 60, "toasts": False}, {"widht": 60, "enabled": False}], ids=str
)
async def test_without_a_fault_or_where_nobody_wants_it_nothing_is_told(
    machine: Machine, tmp_path: Path, ours: dict[str, object]
) -> None:
    machine.write(machine.ours, ours)
    assert await Opencode(machine, tmp_path / "state").toast() is None
