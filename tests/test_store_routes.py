"""What every store keeps of failover, run on each: cooldowns, sessions, decisions, and tokens."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from sidecar.adapters.memory_store import MemoryStore
from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import (
    MOST_DECISIONS,
    USAGE_HOURS,
    ClearCooldown,
    CountRequest,
    CountTokens,
    DropLease,
    HourUsage,
    Lease,
    Mutation,
    PutCooldown,
    PutDecision,
    PutLease,
    PutQuota,
    PutSession,
    ResetProvider,
    State,
    Store,
)
from sidecar.core.choose import Candidate, Stay
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import Decision, Refused, SessionRoute
from sidecar.protocol import Target
from tests.bed.stores import comparable
from tests.test_store_contract import HOUR, NOW, SNAPSHOT, key

A, B = Target("campus", "large"), Target("lab", "lärge 码")
MODEL = CooldownKey("model", "http://127.0.0.1:1", "campus", "0" * 16, "large")
ACCOUNT = CooldownKey("account", "http://127.0.0.1:1", "campus", "0" * 16)
ORIGIN = CooldownKey("origin", "http://127.0.0.1:1")
OTHERS = CooldownKey("account", "http://127.0.0.1:2", "lab", "1" * 16)
STATED = Cooldown(MODEL, "quota-exhausted-long", NOW, NOW + 3600.125, stated=True, evidence="retry-after")


def guess(key: CooldownKey, since: float = NOW, wait_s: float = 30.0) -> Cooldown:
    return Cooldown(key, "overloaded", since, since + wait_s, stated=False, strikes=2)


def cooldown(key: CooldownKey, since: float, wait_s: float, stated: bool, strikes: int) -> Cooldown:
    return Cooldown(key, "overloaded", since, since + wait_s, stated, strikes)


def decision(number: int) -> Decision:
    return Decision(
        NOW + number, f"session-{number}", "build", A, "cooling", B, "headroom",
        (Candidate(B, "healthy", headroom=62.5), Candidate(A, "cooling", is_own=True, until=NOW + 30)),
        Refused(A, "rate-limit-short", "status 429", NOW + 30), dry_run=True,
    )  # fmt: skip


async def test_cooldowns_and_sessions_are_loaded_whole(store: Store) -> None:
    moved, still = SessionRoute("s", A, NOW, B), SessionRoute("t", B, NOW + 0.5)
    rows = [STATED, guess(ACCOUNT), guess(ORIGIN)]
    await store.apply([*map(PutCooldown, rows), PutSession(moved), PutSession(still)])
    assert await store.load(NOW) == State(
        {}, (), {}, {row.key: row for row in rows}, {"s": moved, "t": still}
    )


async def test_cooldowns_of_one_key_are_merged_as_they_come(store: Store) -> None:
    longer, newer = guess(MODEL, wait_s=60), msgspec.structs.replace(STATED, since=NOW + 1, until=NOW + 9)
    for row, expected in [
        (guess(MODEL), guess(MODEL)),
        (longer, longer),
        (guess(MODEL), longer),
        (STATED, STATED),
        (guess(MODEL, NOW + 1), STATED),
        (newer, newer),
        (guess(MODEL, NOW + 3600), guess(MODEL, NOW + 3600)),
    ]:
        await store.apply([PutCooldown(row)])
        assert store.state(NOW).cooldowns == {MODEL: expected}


async def test_a_success_clears_what_began_before_its_request(store: Store) -> None:
    await store.apply([PutCooldown(STATED), PutCooldown(guess(ACCOUNT))])
    await store.apply([ClearCooldown(MODEL, NOW - 0.001), ClearCooldown(ORIGIN, NOW)])
    assert set((await store.load(NOW)).cooldowns) == {MODEL, ACCOUNT}
    await store.apply([ClearCooldown(MODEL, NOW)])
    assert set((await store.load(NOW)).cooldowns) == {ACCOUNT}


EVERYTHING: Sequence[Mutation] = [
    *(PutCooldown(guess(one)) for one in (MODEL, ACCOUNT, ORIGIN, OTHERS)),
    PutSession(SessionRoute("s", A, NOW, B)),
    PutQuota(key(), SNAPSHOT),
    CountRequest(NOW, "campus", "large", failed=False),
    CountRequest(NOW - (USAGE_HOURS - 1) * 3600, "campus", "large", failed=False),
    CountTokens(NOW, "lab", "m", 5, 0.5),
]


@pytest.mark.parametrize(
    ("provider_id", "cooldowns", "usage"),
    [("campus", [OTHERS], ["lab"]), ("lab", [MODEL, ACCOUNT], ["campus"] * 2), (None, [], [])],
)
async def test_a_reset_forgets_what_keeps_a_provider_from_being_asked(
    store: Store, provider_id: str | None, cooldowns: list[CooldownKey], usage: list[str]
) -> None:
    await store.apply([*EVERYTHING, ResetProvider(provider_id, NOW)])
    state = await store.load(NOW)
    assert set(state.cooldowns) == set(cooldowns)
    assert [row.provider_id for row in state.usage] == usage
    assert state.sessions == {"s": SessionRoute("s", A, NOW, B)}, "the picker still shows the move"
    assert state.quotas == {key(): SNAPSHOT}


async def test_tokens_and_what_they_cost_are_added_to_their_hour(store: Store) -> None:
    await store.apply([
        CountTokens(NOW, "p", "m", 1000, None), CountTokens(NOW, "p", "n", 10, 0.25),
        CountRequest(NOW, "p", "n", failed=True), CountTokens(NOW, "p", "n", 5, None),
        CountTokens(NOW, "p", "n", 2.5, 0.5), CountTokens(NOW, "p", "free", 1, 0.0),
        CountRequest(NOW, "q", "m", failed=False),
    ])  # fmt: skip
    assert sorted((await store.load(NOW)).usage, key=msgspec.structs.astuple) == [
        HourUsage(HOUR, "p", "free", 0, 0, 1, 0.0),
        HourUsage(HOUR, "p", "m", 0, 0, 1000, None),
        HourUsage(HOUR, "p", "n", 1, 1, 17.5, 0.75),
        HourUsage(HOUR, "q", "m", 1, 0, 0, None),
    ]


async def test_the_last_decisions_are_told_newest_first_and_the_oldest_forgotten(store: Store) -> None:
    assert await store.decisions() == []
    await store.apply([PutDecision(decision(number)) for number in range(MOST_DECISIONS + 5)])
    assert await store.decisions(2) == [decision(MOST_DECISIONS + 4), decision(MOST_DECISIONS + 3)]
    assert [one.at - NOW for one in await store.decisions()] == [*range(MOST_DECISIONS + 4, 4, -1)]


async def test_what_is_applied_is_known_before_it_is_awaited(store: Store) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.apply, [PutCooldown(STATED)])
        await anyio.lowlevel.checkpoint()
        assert store.state(NOW).cooldowns == {MODEL: STATED}


async def test_a_state_stays_as_it_is_and_is_the_same_one_until_something_changes(store: Store) -> None:
    await store.apply([PutCooldown(STATED)])
    before = store.state(NOW)
    assert store.state(NOW + 1) is before
    await store.apply([ClearCooldown(MODEL, NOW), CountRequest(NOW, "p", "m", failed=False)])
    assert before == State({}, (), {}, {MODEL: STATED})
    assert store.state(NOW) == State({}, (HourUsage(HOUR, "p", "m", 1, 0),), {})


async def test_a_clock_that_jumps_and_comes_back_hides_nothing_for_good(store: Store) -> None:
    await store.apply([CountRequest(NOW, "p", "m", failed=False), PutCooldown(STATED)])
    before = await store.load(NOW)
    year = 365 * 86400
    for wrong in (NOW + year, NOW - year):
        await store.apply([CountRequest(wrong, "p", "m", failed=False)])
        await store.load(wrong)
    after = await store.load(NOW)
    assert [row for row in after.usage if row.hour == HOUR] == list(before.usage)
    assert after.cooldowns == before.cooldowns


NAMES = st.sampled_from(["campus", "lab", "ä"])
TIMES = st.sampled_from([NOW + seconds for seconds in (-40 * 3600, -3600, -30, 0, 1, 30)])
COSTS = st.none() | st.integers(0, 64).map(lambda number: number / 64)
TARGETS = st.builds(Target, NAMES, NAMES)
MAYBE = st.none() | TARGETS
STAYS = st.builds(Stay, TARGETS, TIMES)
KEYS = st.sampled_from([MODEL, ACCOUNT, ORIGIN, OTHERS])
WAITS = st.sampled_from([0.5, 30.0, 1e6])
MUTATIONS = st.one_of(
    st.builds(PutCooldown, st.builds(cooldown, KEYS, TIMES, WAITS, st.booleans(), st.integers(1, 9))),
    st.builds(ClearCooldown, KEYS, TIMES),
    st.builds(ResetProvider, st.none() | NAMES, TIMES),
    st.builds(PutSession, st.builds(SessionRoute, NAMES, TARGETS, TIMES, MAYBE, st.none() | STAYS, MAYBE)),
    st.builds(CountRequest, TIMES, NAMES, NAMES, st.booleans(), COSTS),
    st.builds(PutLease, NAMES, st.builds(Lease, NAMES, TIMES)),
    st.builds(DropLease, NAMES),
    st.builds(CountTokens, TIMES, NAMES, NAMES, st.integers(0, 10**6), COSTS),
    st.builds(PutDecision, st.builds(decision, st.integers(0, 9))),
)


@given(st.lists(st.lists(MUTATIONS, max_size=4), max_size=8))
def test_what_a_process_knows_is_what_is_on_the_disk(applied: list[list[Mutation]]) -> None:
    async def live(folder: Path) -> None:
        model, ours = MemoryStore(), SqliteStore(folder, lambda: NOW)
        for mutations in applied:
            await model.apply(mutations)
            await ours.apply(mutations)
        known, ring = comparable(ours.state(NOW)), await ours.decisions()
        await ours.aclose()
        again = SqliteStore(folder, lambda: NOW)
        assert known == comparable(await again.load(NOW)) == comparable(await model.load(NOW))
        assert ring == await again.decisions() == await model.decisions()
        await again.aclose()

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(live, Path(folder))
