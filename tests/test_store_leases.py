"""Requests under way, as several processes see them: shared at once, and worth nothing a moment later."""

# ruff: noqa: ASYNC240 - tests prepare their few small files between the calls that they await

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.adapters import sqlite_store
from sidecar.adapters.sqlite_schema import MOST_ROWS
from sidecar.adapters.sqlite_store import DATABASE, RETRY_S
from sidecar.adapters.store import LEASE_S, CountRequest, DropLease, Lease, Mutation, PutLease
from tests.bed.store_user import NOW
from tests.bed.stores import COUNT, Clock, NewStore, StoreUsers, counted

LEASE = Lease("campus", NOW + LEASE_S)


async def test_two_processes_see_what_each_other_has_under_way(
    new_store: NewStore, users: StoreUsers
) -> None:
    store, user = new_store(), users.start()
    await store.apply([PutLease("ours", LEASE)], within_s=0)
    assert user.ask("lease theirs lab") == "ours campus theirs lab"
    assert (await store.load(NOW)).leases == {"ours": LEASE, "theirs": Lease("lab", NOW + LEASE_S)}
    await store.apply([DropLease("ours")])
    assert user.ask("lease theirs den") == "theirs den"
    assert store.fresh(NOW) is None, "it was renewed"


async def test_what_a_killed_process_had_under_way_ends_by_itself(
    new_store: NewStore, users: StoreUsers
) -> None:
    user = users.start()
    assert user.ask("lease theirs lab") == "theirs lab"
    user.kill()
    store = new_store()
    assert (await store.load(NOW + LEASE_S - 1)).leases.keys() == {"theirs"}
    assert (await store.load(NOW + LEASE_S)).leases == {}


async def test_who_gives_up_waiting_has_its_request_counted_all_the_same(new_store: NewStore) -> None:
    store = new_store()
    await store.apply([PutLease("r", LEASE)], within_s=0)
    assert store.state(NOW).leases == {"r": LEASE}
    await store.aclose()
    assert (await new_store().load(NOW)).leases == {"r": LEASE}


async def test_leases_that_have_ended_are_dropped_and_the_others_bounded(
    new_store: NewStore, folder: Path
) -> None:
    store = new_store()
    held = [PutLease(f"r{number:04}", Lease("p", NOW + 1 + number / 1000)) for number in range(MOST_ROWS + 5)]
    await store.apply([PutLease("ended", Lease("p", NOW - 0.001)), *held])
    assert len(store.state(NOW).leases) == MOST_ROWS
    await store.aclose()
    again = new_store()
    await again.load(NOW)
    await again.aclose()
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        rows = db.execute("SELECT request_id FROM lease ORDER BY request_id").fetchall()
    assert rows == [(f"r{number:04}",) for number in range(5, MOST_ROWS + 5)]


async def test_while_the_disk_fails_leases_push_out_nothing_that_waits_to_be_written(
    new_store: NewStore, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "BACKLOG", 5)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    store = new_store()
    await store.apply([COUNT])
    assert store.trouble is not None
    await store.apply([COUNT])
    await store.apply([PutLease(str(number), LEASE) for number in range(5)])
    assert len(store.state(NOW).leases) == 5
    folder.unlink()
    clock.now += RETRY_S
    assert (await counted(store), await counted(new_store()), store.trouble) == (2, 2, None)


async def test_a_lease_that_cannot_be_read_costs_only_itself(new_store: NewStore, folder: Path) -> None:
    store = new_store()
    await store.apply([PutLease("good", LEASE)])
    with closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("INSERT INTO lease VALUES ('bad', 'p', 'soon')")
    assert (await store.load(NOW)).leases == {"good": LEASE}


@pytest.mark.parametrize(
    "bad",
    [
        PutLease("\ud800", LEASE),
        PutLease("r", Lease("\ud800", NOW)),
        PutLease("r", Lease("p", float("nan"))),
        DropLease("\ud800"),
        CountRequest(NOW, "q", "m", failed=False, ttfb_s=float("nan")),
    ],
)
async def test_what_cannot_be_written_of_a_request_costs_only_itself(
    new_store: NewStore, bad: Mutation
) -> None:
    store = new_store()
    await store.apply([COUNT, bad, PutLease("good", LEASE)])
    assert store.trouble is None
    state = await new_store().load(NOW)
    assert (state.leases, sum(row.requests for row in state.usage)) == ({"good": LEASE}, 1)
