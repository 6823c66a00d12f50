"""The folder that prepared environments are in: whose it is, what stays in it, and what goes."""

import hashlib
import sys
from pathlib import Path

import pytest

from sidecar.adapters.file_lock import FileLock
from sidecar.preparation.places import Current, DataFolder, mark_usable, tidy
from sidecar.preparation.preparing import Outcome, prepare
from sidecar.preparation.programs import Programs
from sidecar.preparation.reasons import PreparationError


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    one = DataFolder(tmp_path / ".local" / "share" / "opencode-quota-sidecar")
    one.make()
    return one


def environment(folder: DataFolder, version: str) -> Path:
    made = folder.new_environment(version)
    mark_usable(made)
    return made


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_its_owners_alone_though_it_was_open(folder: DataFolder) -> None:
    assert mode(folder.root) == 0o700
    folder.root.chmod(0o755)
    folder.make()
    assert mode(folder.root) == 0o700


def test_what_somebody_runs_from_stays_until_he_has_ended(folder: DataFolder) -> None:
    used, unused, never_finished = (environment(folder, "0.1.0") for _ in range(3))
    (never_finished / "in-use").unlink()
    lock = FileLock(used / "in-use")
    assert lock.share()
    folder.remove_unused()
    assert [path.exists() for path in (used, unused, never_finished)] == [True, False, False]
    lock.close()
    folder.remove_unused()
    assert not used.exists()


def test_who_runs_from_the_current_one_tidies_unless_somebody_prepares(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = environment(folder, "0.1.0"), environment(folder, "0.2.0")
    folder.point_to(Current("0.2.0", "00", str(new), str(new / "bin" / "python")))
    monkeypatch.setattr(sys, "prefix", str(old))
    tidy()
    assert folder.others() == [old]
    monkeypatch.setattr(sys, "prefix", str(new))
    lock = FileLock(folder.lock)
    assert lock.take_alone()
    tidy()
    assert folder.others() == [old]
    lock.release()
    tidy()
    assert folder.others() == []
    assert lock.take_alone(), "it has let go"
    lock.close()


def test_what_was_said_last_is_kept_for_its_owner_alone(folder: DataFolder, tmp_path: Path) -> None:
    told: list[str] = []
    wheel = tmp_path / "gone.whl"
    outcome = prepare(wheel, {"HOME": str(tmp_path)}, told.append)
    assert (outcome.kind, outcome.detail) == ("notPrepared", f"{wheel}: No such file or directory")
    assert told == [f"notPrepared: {outcome.detail}\n"]
    assert (folder.log.read_text(), mode(folder.log)) == (told[0], 0o600)


def test_what_only_the_launcher_lacks_is_ready_and_gets_it_again_and_keeps_the_log(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_self: Programs, _python: Path) -> None:
        return

    monkeypatch.setattr(Programs, "check", check)
    wheel = tmp_path / "our.whl"
    wheel.touch()
    digest = hashlib.sha256(b"").hexdigest()
    current = Current("0.1.0", digest, str(folder.new_environment("0.1.0")), sys.executable)
    folder.point_to(current)
    launcher = folder.launcher.read_text()
    folder.launcher.unlink()
    folder.log.write_text("who made it")
    assert prepare(wheel, {"HOME": str(tmp_path)}, lambda _: None) == Outcome("ready")
    assert (folder.current(), folder.launcher.read_text()) == (current, launcher)
    assert folder.log.read_text() == "who made it"


def test_what_cant_be_pointed_to_goes(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(_self: Programs, environment: Path, _wheel: Path) -> Path:
        return environment / "bin" / "python"

    monkeypatch.setattr(Programs, "make", make)
    pointer = folder.root / "current.json"
    pointer.mkdir()
    wheel = tmp_path / "our.whl"
    wheel.touch()
    outcome = prepare(wheel, {"HOME": str(tmp_path)}, lambda _: None)
    assert (outcome.kind, outcome.detail) == ("notWritable", f"{pointer}: Is a directory")
    assert folder.others() == []


def test_what_was_left_unfinished_goes_even_if_the_next_try_fails(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Programs, environment: Path, wheel: Path) -> Path:
        assert folder.others() == [environment]
        raise PreparationError("noIndex", "index.lan: Connection refused")

    monkeypatch.setattr(Programs, "make", refuse)
    folder.new_environment("0.1.0")
    wheel = tmp_path / "our.whl"
    wheel.touch()
    outcome = prepare(wheel, {"HOME": str(tmp_path)}, lambda _: None)
    assert (outcome.kind, folder.others(), folder.current()) == ("noIndex", [], None)
