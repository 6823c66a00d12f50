"""A file that is damaged, moved or removed, in use too: one takes its place, with what can be read."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.adapters.file_lock import FileLock
from sidecar.adapters.sqlite_file import KEPT_ASIDE
from sidecar.adapters.sqlite_store import DATABASE, RETRY_S
from sidecar.adapters.store import (
    CountRequest,
    Mark,
    PutCooldown,
    PutDecision,
    PutQuota,
    PutSession,
)
from sidecar.core.decision import SessionRoute
from tests.bed.store_user import KEPT, NOW
from tests.bed.stores import COUNT, Clock, NewStore, StoreUsers, counted
from tests.test_store_contract import SNAPSHOT, key
from tests.test_store_routes import MODEL, STATED, A, B, decision

MOVED = SessionRoute("s", A, NOW, B)


def damaged_copies(folder: Path) -> list[str]:
    """Return the names, without those of companions."""
    return sorted(path.name for path in folder.glob(f"{DATABASE}.damaged-*") if path.name[-1].isdigit())


async def test_a_file_that_is_no_database_is_set_aside_with_its_companions(
    new_store: NewStore, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"not a database, but long enough to look at" * 100)
    (folder / f"{DATABASE}-wal").write_bytes(b"garbage")
    store = new_store()
    await store.apply([COUNT])
    assert (store.trouble, await counted(store)) == (None, 1)
    aside = damaged_copies(folder)
    assert f"state.db.damaged-{int(NOW)}" in aside
    assert await counted(new_store()) == 1, "what was applied is on the disk, not waiting in memory"


async def test_a_damaged_page_met_while_running_is_mended_and_the_mutation_kept(
    new_store: NewStore, folder: Path
) -> None:
    first = new_store()
    await first.apply([COUNT] + [PutQuota(key(str(number)), SNAPSHOT) for number in range(100)])
    await first.aclose()
    with (folder / DATABASE).open("r+b") as file:
        for page in range(1, (folder / DATABASE).stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    store = new_store()
    await store.apply([PutQuota(key("new"), SNAPSHOT)])
    assert store.trouble is None
    assert (await new_store().load(NOW)).quotas == {key("new"): SNAPSHOT}
    assert len(damaged_copies(folder)) >= 1


async def test_a_damaged_file_that_another_still_holds_is_left_to_it(
    new_store: NewStore, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.adapters.sqlite_file.BUSY_S", 0.05)
    folder.mkdir(parents=True)
    (folder / DATABASE).write_bytes(b"not a database" * 100)
    other = FileLock(folder / "state.lock")
    assert other.share()
    store = new_store()
    await store.apply([COUNT])
    assert store.trouble == (
        "state is kept in memory only, until the disk works again: the database is damaged and another "
        "sidecar still has it open; close the other OpenCodes"
    )
    assert (await counted(store), damaged_copies(folder)) == (1, [])
    other.release()
    clock.now += RETRY_S
    assert (await counted(store), store.trouble) == (1, None)
    assert len(damaged_copies(folder)) == 1
    assert await counted(new_store()) == 1


QUOTA_ROWS = b'"account_name"'
"""What only pages with rows of quotas hold."""


def pages_with(file: Path, what: bytes) -> list[int]:
    data = file.read_bytes()
    return [page for page in range(len(data) // 4096) if what in data[page * 4096 : (page + 1) * 4096]]


def overwrite(file: Path, page: int) -> None:
    with file.open("r+b") as data:
        data.seek(page * 4096)
        data.write(b"\xff" * 4096)


async def test_what_can_be_read_of_a_damaged_file_is_saved(new_store: NewStore, folder: Path) -> None:
    first = new_store()
    mark = Mark(20, NOW, NOW + 1)
    await first.apply([PutQuota(key(str(number)), SNAPSHOT) for number in range(100)])
    await first.apply([PutCooldown(STATED), PutSession(MOVED), PutDecision(decision(1))])
    assert await first.swap("told", None, mark)
    await first.apply([CountRequest(NOW, "p", f"m{number}", failed=False) for number in range(2000)])
    await first.aclose()
    pages = pages_with(folder / DATABASE, QUOTA_ROWS)
    overwrite(folder / DATABASE, pages[len(pages) // 2])
    store = new_store()
    state = await store.load(NOW)
    assert store.trouble is None
    assert (state.marks, len(state.usage)) == ({"told": mark}, 2000)
    assert (state.cooldowns, state.sessions) == ({MODEL: STATED}, {"s": MOVED})
    assert await store.decisions() == [decision(1)]
    assert 80 < len(state.quotas) < 100, "only the rows of one page are gone"
    assert all(row == SNAPSHOT for row in state.quotas.values())
    assert damaged_copies(folder) == [f"state.db.damaged-{int(NOW)}"]
    assert await new_store().load(NOW) == state


async def test_three_that_use_a_file_all_go_on_with_one_new_one_and_lose_no_count(
    new_store: NewStore, folder: Path, users: StoreUsers
) -> None:
    ours = new_store()
    await ours.apply([PutQuota(key(str(number)), SNAPSHOT) for number in range(100)])
    await ours.aclose()
    three = [users.start() for _ in range(3)]
    assert [user.counts(10) for user in three] == [[KEPT] * 10] * 3
    for page in pages_with(folder / DATABASE, QUOTA_ROWS):
        overwrite(folder / DATABASE, page)
    for user in three:
        user.tell("count 10")
        user.tell("load")
        user.tell("count 10")
    said = [[user.said() for _ in range(21)] for user in three]
    assert [[*lines[:10], *lines[11:]] for lines in said] == [[KEPT] * 20] * 3
    assert [user.ask("load") for user in three] == ["90"] * 3
    assert await counted(new_store()) == 90
    assert damaged_copies(folder) == [f"state.db.damaged-{int(NOW)}"]


@pytest.mark.parametrize("seed", [0, 1, 7, 13])
@pytest.mark.parametrize("companion", ["", "-wal", "-shm"])
async def test_whatever_bytes_are_overwritten_in_use_later_writes_are_kept(
    new_store: NewStore, folder: Path, users: StoreUsers, companion: str, seed: int
) -> None:
    await new_store().apply([PutQuota(key(str(number)), SNAPSHOT) for number in range(100)])
    three = [users.start() for _ in range(3)]
    assert [user.counts(5) for user in three] == [[KEPT] * 5] * 3
    scribble(folder / f"{DATABASE}{companion}", random.Random(seed))  # noqa: S311 - the same in every run
    for _ in range(2):
        for user in three:
            user.tell("count 5")
            user.tell("load")
            user.tell("later 6")
        for user in three:
            assert [user.said() for _ in range(7)][-1] == "later"
    assert [user.counts(10) for user in three] == [[KEPT] * 10] * 3
    known = {user.ask("load") for user in three} | {str(await counted(new_store()))}
    assert len(known) == 1, "all use the same file"
    assert int(known.pop()) >= 30
    assert len(damaged_copies(folder)) <= 1
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def scribble(file: Path, chance: random.Random) -> None:
    """Overwrite a tenth of a file that is in use, here and there."""
    size = file.stat().st_size
    with file.open("r+b") as data:
        for _ in range(10):
            data.seek(chance.randrange(size))
            data.write(chance.randbytes(max(1, size // 100)))


async def test_a_file_that_another_has_replaced_is_found_at_the_next_call(
    new_store: NewStore, folder: Path
) -> None:
    idle, busy = new_store(), new_store()
    for store in (idle, busy):
        await store.apply([COUNT])
    for file in folder.glob(f"{DATABASE}*"):
        file.rename(folder / f"away{file.name}")
    await busy.apply([COUNT])
    await idle.apply([COUNT])
    assert [await counted(store) for store in (idle, busy, new_store())] == [2, 2, 2]


async def test_who_closes_a_replaced_file_does_not_touch_the_new_one(
    new_store: NewStore, folder: Path, users: StoreUsers
) -> None:
    idle = users.start()
    assert idle.counts(1) == [KEPT]
    for file in folder.glob(f"{DATABASE}*"):
        file.rename(folder / f"away{file.name}")
    writer = users.start()
    assert writer.counts(3) == [KEPT] * 3
    assert idle.end() == 0
    writer.kill()
    assert await counted(new_store()) == 3


async def test_a_folder_removed_in_use_is_made_again(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.apply([COUNT])
    shutil.rmtree(folder)
    await store.apply([COUNT])
    assert (store.trouble, await counted(store), await counted(new_store())) == (None, 1, 1)


@pytest.mark.parametrize("change", ["DROP TABLE usage", "PRAGMA user_version = 0"])
async def test_a_file_without_what_its_version_promises_is_replaced(
    new_store: NewStore, folder: Path, change: str
) -> None:
    await new_store().apply([COUNT, PutQuota(key(), SNAPSHOT)])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        db.execute(change)
    store = new_store()
    await store.apply([COUNT])
    assert (store.trouble, len(damaged_copies(folder))) == (None, 1)
    assert (await new_store().load(NOW)).quotas == {key(): SNAPSHOT}


async def test_of_many_damaged_files_the_newest_are_kept(
    new_store: NewStore, folder: Path, clock: Clock
) -> None:
    store = new_store()
    for _ in range(KEPT_ASIDE + 2):
        clock.now += 1
        await store.apply([COUNT])
        await store.aclose()
        (folder / DATABASE).write_bytes(b"not a database" * 100)
    await store.apply([COUNT])
    newest = range(int(clock.now) - KEPT_ASIDE + 1, int(clock.now) + 1)
    assert damaged_copies(folder) == [f"state.db.damaged-{time}" for time in newest]
