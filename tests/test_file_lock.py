"""A lock on a file, in both ways: by `flock`, and by ranges of bytes as Windows has them."""

import errno
import fcntl
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from sidecar.adapters.file_lock import SHARERS, FileLock, Ranges, Way, way_here

HOLD = (
    "import sys, pathlib, sidecar.adapters.file_lock as file_lock\n"
    "from tests.test_file_lock import ways\n"
    "lock = file_lock.FileLock(pathlib.Path(sys.argv[1]), ways[sys.argv[2]]())\n"
    "print(lock.take_alone() if sys.argv[3] == 'alone' else lock.share(), flush=True)\n"
    "sys.stdin.read()\n"
)


class WindowsRanges:
    """`msvcrt.locking` by what Linux has: a range is one open file's alone, and freed as it was taken."""

    def __init__(self) -> None:
        self.held: list[tuple[int, int]] = []

    def __call__(self, fd: int, begin: int, length: int, is_taken: bool) -> None:
        if is_taken and any(begin < at + size and at < begin + length for at, size in self.held):
            raise PermissionError("Windows refuses a second lock of one's own, too")
        if not is_taken:
            self.held.remove((begin, length))
        kind = fcntl.F_WRLCK if is_taken else fcntl.F_UNLCK
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, begin, length, 0))
        except BlockingIOError:
            raise PermissionError from None
        if is_taken:
            self.held.append((begin, length))


def by_ranges() -> Way:
    return Ranges(WindowsRanges())


ways: dict[str, Callable[[], Way]] = {"flock": way_here, "ranges": by_ranges}


@pytest.fixture(params=[*ways])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def new_lock(way: str, tmp_path: Path) -> Callable[[], FileLock]:
    return lambda: FileLock(tmp_path / "a.lock", ways[way]())


def test_many_share_and_nobody_is_alone_until_all_have_let_go(new_lock: Callable[[], FileLock]) -> None:
    one, two, three = (new_lock() for _ in range(3))
    assert (one.share(), two.share(), three.take_alone()) == (True, True, False)
    one.release()
    assert not three.take_alone()
    two.release()
    assert three.take_alone()
    assert (one.share(), two.take_alone()) == (False, False)
    three.release()
    assert one.share()


def test_who_has_it_may_have_it_otherwise(new_lock: Callable[[], FileLock]) -> None:
    one, other = new_lock(), new_lock()
    assert (one.share(), one.share(), one.take_alone(), one.take_alone()) == (True,) * 4
    assert not other.share()
    assert one.share()
    assert (other.take_alone(), other.share()) == (False, True)


def test_to_let_go_of_nothing_or_twice_is_nothing(new_lock: Callable[[], FileLock]) -> None:
    one, other = new_lock(), new_lock()
    one.release()
    one.close()
    assert one.take_alone()
    one.release()
    one.release()
    assert other.take_alone()
    other.close()
    other.close()
    assert one.take_alone()


def test_who_waits_has_it_as_soon_as_it_is_free(new_lock: Callable[[], FileLock]) -> None:
    one, other = new_lock(), new_lock()
    assert one.take_alone()
    soon = Timer(0.05, one.release)
    soon.start()
    assert other.share(wait_s=20)
    soon.join()
    began = time.monotonic()
    assert not one.take_alone(wait_s=0.03)
    assert time.monotonic() - began >= 0.03


@pytest.mark.parametrize("how", ["alone", "shared"])
def test_a_process_that_is_killed_holds_nothing_any_more(
    way: str, how: str, new_lock: Callable[[], FileLock], tmp_path: Path
) -> None:
    lock = new_lock()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.lock"), way, how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"True\n"
            assert not lock.take_alone()
            assert lock.share() == (how == "shared")
        finally:
            holder.kill()
    assert lock.take_alone(wait_s=20)


def test_by_ranges_a_row_of_them_share_and_one_more_is_told_no(tmp_path: Path) -> None:
    locks = [FileLock(tmp_path / "a.lock", by_ranges()) for _ in range(SHARERS + 1)]
    assert [lock.share() for lock in locks] == [True] * SHARERS + [False]
    locks[7].close()
    assert locks[SHARERS].share()
    for lock in locks:
        lock.close()


class Without:
    """A file system that has no locks."""

    def take(self, fd: int, *, exclusive: bool) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    def let_go(self, fd: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    def change(self, fd: int, begin: int, length: int, is_taken: bool) -> None:
        raise OSError(errno.EINVAL, "not supported")


@pytest.mark.parametrize("without", [Without(), Ranges(Without().change)], ids=ways)
def test_where_there_are_no_locks_one_may_share_and_is_never_alone(without: Way, tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a.lock", without)
    assert (lock.share(), lock.take_alone()) == (True, False)
    lock.close()


def test_a_lock_is_not_inherited_by_a_child(new_lock: Callable[[], FileLock]) -> None:
    one, other = new_lock(), new_lock()
    assert one.take_alone()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        try:
            one.close()
            assert other.take_alone()
        finally:
            child.kill()
