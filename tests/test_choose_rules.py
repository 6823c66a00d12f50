"""Rules of choosing that hold for all figures, at the edges of tiers and steps too."""

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.core.choose import SLIGHT, Candidate, Stay, Strategy, Tier, rank, tier_of
from sidecar.protocol import Target
from tests.choosing import DAY, HOUR, NOW, ROUTED, at, known, order

percent = st.floats(0, 100)
candidates_of = st.builds(
    known,
    st.sampled_from("abcdef"),
    st.none() | percent,
    tier=st.sampled_from([None, None, None, "limited", "due", "cooling"]),
    pace=st.none() | st.floats(-100, 100),
    in_flight=st.integers(0, 9),
    price=st.none() | st.sampled_from([0.0, 3.0, 3.1, 9.0]),
    latency_s=st.none() | st.floats(0.1, 60),
    is_proven=st.booleans(),
    priority=st.integers(-2, 2).map(float),
    until=st.none() | st.floats(NOW, NOW + DAY),
    unfit=st.sampled_from([None, None, None, "no key"]),
)
several = st.lists(candidates_of, min_size=1, max_size=6, unique_by=lambda row: row.target)
stays = st.none() | st.builds(at, st.sampled_from("abcdefx"), st.floats(-HOUR, HOUR))
shorter = st.floats(0, 1)


@st.composite
def with_short_windows(draw: st.DrawFn) -> list[Candidate]:
    """Return candidates of which some have a window of minutes with less left than lasts."""
    rows = draw(several)
    return [_limited(row, draw(st.none() | shorter)) for row in rows]


def _limited(row: Candidate, share: float | None) -> Candidate:
    if share is None:
        return row
    left = share * (100.0 if row.headroom is None else row.headroom)
    free = tier_of(left, lasts=row.steady is not None)
    tier = row.tier if row.tier in ("limited", "due", "cooling") else free
    return replace(row, headroom=left, tier=tier)


@given(with_short_windows(), st.sampled_from(["priority", *ROUTED]), stays, st.randoms())
def test_the_order_of_the_input_does_not_matter(
    candidates: list[Candidate], strategy: Strategy, stay: Stay | None, random: Random
) -> None:
    before = rank(candidates, strategy, stay, NOW)
    random.shuffle(candidates)
    assert rank(candidates, strategy, stay, NOW) == before


@given(with_short_windows(), st.sampled_from(["priority", *ROUTED]), stays)
def test_all_who_are_fit_are_there_once_and_nobody_else(
    candidates: list[Candidate], strategy: Strategy, stay: Stay | None
) -> None:
    targets = [row.target for row in rank(candidates, strategy, stay, NOW)]
    assert sorted(targets, key=str) == sorted(
        (row.target for row in candidates if row.unfit is None), key=str
    )


EDGES = st.sampled_from([0.0, 1.0, SLIGHT, 4.999, 5.0, 5.001, 10.0, 19.999, 20.0, 60.0])


@given(several, st.sampled_from(ROUTED), stays, EDGES | percent, st.floats(0, 100), st.data())
def test_more_left_never_makes_a_target_worse(
    candidates: list[Candidate],
    strategy: Strategy,
    stay: Stay | None,
    left: float,
    more: float,
    data: st.DataObject,
) -> None:
    row = data.draw(st.sampled_from(candidates))
    assume(row.unfit is None)

    def place(value: float) -> int:
        tier: Tier = row.tier if row.tier in ("limited", "due", "cooling") else tier_of(value)
        changed = replace(row, headroom=value, steady=value, tier=tier)
        ranked = rank([changed if one is row else one for one in candidates], strategy, stay, NOW)
        return [one.target for one in ranked].index(row.target)

    assert place(min(100.0, left + more)) <= place(left)


@given(with_short_windows(), st.sampled_from(ROUTED), stays)
def test_one_that_was_never_seen_never_beats_a_healthy_one(
    candidates: list[Candidate], strategy: Strategy, stay: Stay | None
) -> None:
    never = Candidate(Target("never", "m"), "unknown", price=0.0, pace=100.0, priority=-9.0)
    ranked = rank([*candidates, never], strategy, stay, NOW)
    if any(row.tier == "healthy" for row in ranked):
        assert ranked[0].target != never.target


@given(with_short_windows(), st.sampled_from(ROUTED))
def test_the_reserve_is_kept_while_anybody_has_more(candidates: list[Candidate], strategy: Strategy) -> None:
    ranked = rank(candidates, strategy, None, NOW)
    if any(row.tier == "healthy" for row in ranked):
        first = ranked[0]
        assert first.tier == "healthy" or (first.tier == "unknown" and first.is_proven)


@given(with_short_windows(), st.sampled_from(ROUTED), stays)
def test_a_session_does_not_stay_where_nothing_is_left(
    candidates: list[Candidate], strategy: Strategy, stay: Stay | None
) -> None:
    ranked = rank(candidates, strategy, stay, NOW)
    if ranked and ranked[0].headroom == 0 and ranked[0].tier == "used up":
        assert all(row.tier in ("used up", "limited", "due", "cooling") for row in ranked)


near = st.tuples(percent, st.floats(-1, 1)).map(lambda pair: (pair[0], min(100.0, max(0.0, sum(pair)))))


@given(near, st.floats(0, HOUR), st.floats(-100, 100))
def test_one_percent_never_moves_a_session(lefts: tuple[float, float], since_s: float, paced: float) -> None:
    here, other = lefts
    assume(here > 0 or other == 0)  # with nothing left it must move
    assert order("headroom", known("h", here), known("o", other, pace=paced), stay=at("h", since_s)) == "h o"


@given(st.floats(1, 100), st.floats(0.01, 1), st.floats(0, 1), percent, st.floats(0, HOUR))
def test_a_window_of_minutes_of_which_anything_is_left_never_moves_a_session(
    here: float, share: float, other_share: float, other: float, since_s: float
) -> None:
    stay = at("h", since_s)
    without = rank([known("h", here), known("o", other)], "headroom", stay, NOW)
    short = [_limited(known("h", here), share), _limited(known("o", other), other_share)]
    ranked = rank(short, "headroom", stay, NOW)
    # Another may be out for this minute; nobody goes anywhere because a minute looks better or worse.
    assert ranked[0].target.provider_id in ("h", without[0].target.provider_id)


def spread(strategy: Strategy, *candidates: Candidate) -> list[int]:
    """Let ten sessions begin at once, and return how many began where."""
    rows = list(candidates)
    for _ in range(10):
        first = rank(rows, strategy, None, NOW)[0]
        rows[rows.index(first)] = replace(first, in_flight=first.in_flight + 1)
    return [row.in_flight for row in rows]


@pytest.mark.parametrize("strategy", ROUTED)
@pytest.mark.parametrize("left", [None, 3.0, 50.0, 59.9, 100.0])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_ten_sessions_that_begin_at_once_spread_evenly_over_equals(
    strategy: Strategy, left: float | None, count: int
) -> None:
    counts = spread(strategy, *(known(name, left, price=0.0, latency_s=1.0) for name in "abcde"[:count]))
    assert max(counts) - min(counts) <= 1


@given(percent, st.floats(-5, 5), st.floats(-20, 20), st.floats(0.9, 1.1))
def test_ten_sessions_that_begin_at_once_do_not_all_land_on_one_of_near_equals(
    left: float, more: float, paced: float, slower: float
) -> None:
    assume(left >= 10 and left + more <= 100)
    rows = [known("a", left, latency_s=1.0), known("b", left + more, pace=paced, latency_s=slower)]
    for strategy in ("headroom", "latency"):
        assert min(spread(strategy, *rows)) >= 2
