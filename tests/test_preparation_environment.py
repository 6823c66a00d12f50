"""Who runs from a prepared environment, and who makes or removes one: nobody gets a part of it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar import cli
from sidecar.adapters import file_lock
from sidecar.adapters.file_lock import FileLock
from sidecar.preparation import places, preparing
from sidecar.preparation.places import DataFolder, RemovedError, mark_usable, use_environment
from sidecar.preparation.preparing import Outcome, prepare
from sidecar.preparation.programs import Programs


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    one = DataFolder(tmp_path / ".local" / "share" / "opencode-quota-sidecar")
    one.make()
    return one


@pytest.fixture
def ours(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment that this process runs from."""
    made = folder.new_environment("0.1.0")
    mark_usable(made)
    monkeypatch.setattr(sys, "prefix", str(made))
    return made


class Slow:
    """A lock that is taken only once *before* has been done, in a file that is open by then."""

    def __init__(self, before: Callable[[], None], error: OSError | None = None) -> None:
        self._before: Callable[[], None] | None = before
        self._error = error
        self._real = file_lock.way_here()

    def take(self, fd: int, *, exclusive: bool) -> None:
        before, self._before = self._before, None
        if before:
            before()
        if self._error:
            raise self._error
        self._real.take(fd, exclusive=exclusive)

    def let_go(self, fd: int) -> None:
        self._real.let_go(fd)


def way(one: Slow) -> Callable[[], Slow]:
    return lambda: one


def test_it_is_kept_as_long_as_somebody_runs_from_it(folder: DataFolder, ours: Path) -> None:
    lock = use_environment()
    assert lock is not None
    folder.remove_unused()
    assert folder.others() == [ours]
    lock.close()
    folder.remove_unused()
    assert folder.others() == []


def test_who_comes_while_it_is_being_removed_ends_with_a_word(
    ours: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["quota-sidecar", "--version"])
    lock = FileLock(ours / "in-use")
    assert lock.take_alone()
    with pytest.raises(SystemExit) as end:
        cli.main()
    lock.close()
    assert end.value.code == 3
    said = "This version of quota-sidecar is being removed, as another has taken its place. Try again.\n"
    assert capsys.readouterr() == ("", said)


def test_who_comes_after_it_was_removed_ends(folder: DataFolder, ours: Path) -> None:
    folder.remove_unused()
    with pytest.raises(RemovedError):
        use_environment()
    assert not ours.exists()


def test_who_has_opened_its_mark_before_it_was_removed_ends(
    folder: DataFolder, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "way_here", way(Slow(folder.remove_unused)))
    with pytest.raises(RemovedError):
        use_environment()
    assert folder.others() == []


def test_where_there_are_no_locks_it_is_used_all_the_same(
    ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_locks = Slow(lambda: None, OSError("No locks available"))
    monkeypatch.setattr(file_lock, "way_here", way(no_locks))
    lock = use_environment()
    assert lock is not None
    lock.close()


def test_one_without_a_mark_is_used_all_the_same(ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has removed all empty files; or it is none of ours, whose folder may be anywhere."""
    (ours / "in-use").unlink()
    assert use_environment() is None
    monkeypatch.setattr(sys, "prefix", "/install")
    assert use_environment() is None


@pytest.mark.parametrize("on_windows", [False, True])
def test_it_gets_another_name_while_nobody_can_take_it_or_has_it_open(
    folder: DataFolder, ours: Path, monkeypatch: pytest.MonkeyPatch, *, on_windows: bool
) -> None:
    """Windows refuses the name itself where a file in it is open: our own must not be."""
    rename = Path.rename
    seen: list[tuple[str, bool]] = []

    def watched(self: Path, target: Path) -> Path:
        lock = FileLock(self / "in-use")
        seen.append((target.name, lock.share()))
        lock.close()
        return rename(self, target)

    monkeypatch.setattr(places, "ON_WINDOWS", on_windows)
    monkeypatch.setattr(Path, "rename", watched)
    folder.remove_unused()
    assert seen == [(f"{ours.name}.removed", on_windows)]
    assert folder.others() == []


def test_what_could_not_be_renamed_is_left_whole(
    folder: DataFolder, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _target: Path) -> Path:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "rename", refuse)
    folder.remove_unused()
    assert [path.name for path in ours.iterdir()] == ["in-use"]


def test_what_was_not_removed_to_its_end_goes_next_time(
    folder: DataFolder, ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_folder: Path, *, ignore_errors: bool) -> None:
        assert ignore_errors

    with monkeypatch.context() as ended:
        ended.setattr(places.shutil, "rmtree", end)
        for _ in range(2):
            folder.remove_unused()
            assert folder.others() == [ours.with_name(f"{ours.name}.removed")]
    folder.remove_unused()
    assert folder.others() == []


def made_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_self: Programs, environment: Path, _wheel: Path) -> Path:
        return environment / "bin" / "python"

    monkeypatch.setattr(Programs, "make", make)
    monkeypatch.setattr(preparing, "MAX_S", 0.0)


def wheel_in(tmp_path: Path) -> Path:
    wheel = tmp_path / "our.whl"
    wheel.touch()
    return wheel


def test_who_has_waited_in_vain_for_another_preparation_says_so_and_makes_nothing(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of_nothing(monkeypatch)
    wheel = wheel_in(tmp_path)
    lock = FileLock(folder.lock)
    assert lock.take_alone()
    outcome = prepare(wheel, {"HOME": str(tmp_path)}, lambda _: None)
    again = f"{sys.executable} -I {wheel}/sidecar prepare"
    detail = "another preparation has not ended within 0 minutes"
    assert outcome == Outcome("notPrepared", detail, again)
    assert (folder.others(), folder.current()) == ([], None)
    lock.close()
    assert prepare(wheel, {"HOME": str(tmp_path)}, lambda _: None) == Outcome("made")


def test_who_has_waited_until_the_other_ended_at_last_keeps_a_third_from_removing_his(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third: list[bool] = []

    def make(_self: Programs, environment: Path, _wheel: Path) -> Path:
        lock = FileLock(folder.lock)
        third.append(lock.take_alone())
        lock.close()
        return environment / "bin" / "python"

    made_of_nothing(monkeypatch)
    monkeypatch.setattr(Programs, "make", make)
    monkeypatch.setattr(FileLock, "take_alone", in_vain_once(FileLock.take_alone))
    assert prepare(wheel_in(tmp_path), {"HOME": str(tmp_path)}, lambda _: None) == Outcome("made")
    assert third == [False]


def in_vain_once(take_alone: Callable[[FileLock, float], bool]) -> Callable[..., bool]:
    tries: list[FileLock] = []

    def take(self: FileLock, wait_s: float = 0.0) -> bool:
        tries.append(self)
        return len(tries) > 1 and take_alone(self, wait_s)

    return take


def test_where_there_are_no_locks_it_is_made_all_the_same(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of_nothing(monkeypatch)
    no_locks = Slow(lambda: None, OSError("No locks available"))
    monkeypatch.setattr(file_lock, "way_here", way(no_locks))
    assert prepare(wheel_in(tmp_path), {"HOME": str(tmp_path)}, lambda _: None) == Outcome("made")
    current = folder.current()
    assert current is not None
    assert Path(current.environment).exists()
