"""Who is asked, in which order: the user's own target first, those that are held back last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.core.choose import Abilities, Candidate, Strategy, Tier, rank, tier_of, unfit_for
from sidecar.core.decision import SessionRoute, follow
from sidecar.protocol import BodyShape, Target

TIERS: list[Tier] = ["healthy", "unknown", "reserve", "used up", "limited", "due", "cooling"]
BODY = BodyShape(size_bytes=40_000, has_images=False, has_tools=True, stream=True)


def one(name: str, tier: Tier = "unknown", **more: object) -> Candidate:
    return replace(Candidate(Target(name, "m"), tier), **more)


def order(*candidates: Candidate, strategy: Strategy = "priority") -> list[str]:
    return [row.target.provider_id for row in rank(candidates, strategy)]


def test_the_users_own_target_is_first_while_nothing_holds_it_back() -> None:
    own = one("z", "reserve", is_own=True, headroom=1.0)
    assert order(one("a", "healthy", headroom=90.0), own) == ["z", "a"]


@pytest.mark.parametrize("tier", ["limited", "due", "cooling"])
def test_it_comes_after_the_others_when_it_is_held_back(tier: Tier) -> None:
    assert order(one("a"), one("own", tier, is_own=True), one("b", "reserve")) == ["a", "b", "own"]


def test_the_others_come_in_the_users_order_whatever_is_known_of_them() -> None:
    candidates = [
        one("last", "healthy", priority=2.0, headroom=99.0),
        one("second", priority=1.0, place=2),
        one("first", priority=1.0, place=1),
        one("spent", "reserve", priority=0.0),
    ]
    assert order(*candidates) == ["first", "second", "last", "spent"]


def test_when_all_wait_the_one_that_is_back_first_is_first() -> None:
    own = one("own", "cooling", is_own=True, until=300.0)
    assert order(own, one("b", "cooling", until=200.0), one("c", "due")) == ["c", "b", "own"]


def test_whoever_is_not_fit_is_not_there() -> None:
    assert order(one("a", unfit="no key"), one("b")) == ["b"]


CANDIDATES = st.lists(
    st.builds(
        one,
        st.sampled_from("abcdefgh"),
        st.sampled_from(TIERS),
        headroom=st.none() | st.floats(0, 100),
        priority=st.integers(-3, 3).map(float),
        until=st.floats(1, 1000),
    ),
    max_size=8,
    unique_by=lambda row: row.target,
)


def test_headroom_stays_with_the_users_own_target_where_another_has_as_much() -> None:
    candidates = [one("a", "healthy", headroom=60.0), one("own", "healthy", is_own=True, headroom=60.0)]
    assert order(*candidates, strategy="headroom") == ["own", "a"]


def test_headroom_takes_the_one_with_the_most_left() -> None:
    candidates = [
        one("own", "healthy", is_own=True, headroom=20.0),
        one("b", "healthy", headroom=60.0),
        one("unknown"),
        one("spent", "reserve", headroom=3.0),
        one("empty", "used up", headroom=0.0),
    ]
    assert order(*candidates, strategy="headroom") == ["b", "own", "unknown", "spent", "empty"]


@given(CANDIDATES, st.sampled_from(["priority", "headroom"]))
def test_nobody_who_is_held_back_comes_before_somebody_who_is_not(
    candidates: list[Candidate], strategy: Strategy
) -> None:
    held = [row.tier in ("limited", "due", "cooling") for row in rank(candidates, strategy)]
    assert held == sorted(held)


@pytest.mark.parametrize(
    ("abilities", "body", "why"),
    [
        (Abilities(), BODY, None),
        (Abilities(context=10_000), BODY, None),
        (Abilities(context=9_999), BODY, "too long"),
        (Abilities(context=9_999), replace(BODY, has_images=True), None),
        (Abilities(takes_images=False), replace(BODY, has_images=True), "no images"),
        (Abilities(takes_tools=False), BODY, "no tools"),
        (Abilities(takes_tools=False), replace(BODY, has_tools=False), None),
    ],
)
def test_a_model_takes_what_it_can(abilities: Abilities, body: BodyShape, why: str | None) -> None:
    assert unfit_for(abilities, "openai-chat", "openai-chat", body) == why
    assert unfit_for(abilities, "openai-chat", "anthropic-messages", body) == "other wire"


def test_what_is_left_makes_the_tier() -> None:
    assert [tier_of(left) for left in (None, 100.0, 5.1, 5.0, 0.1, 0.0)] == [
        "unknown", "healthy", "healthy", "reserve", "reserve", "used up",
    ]  # fmt: skip
    assert [tier_of(left, 20.0) for left in (20.1, 20.0)] == ["healthy", "reserve"]


def test_what_is_left_of_a_minute_makes_nobody_healthy() -> None:
    assert [tier_of(left, lasts=False) for left in (None, 100.0, 5.0, 0.0)] == [
        "unknown", "unknown", "reserve", "used up",
    ]  # fmt: skip


A, B, C = Target("a", "m"), Target("b", "m"), Target("c", "m")


def test_a_new_session_uses_what_its_picker_shows() -> None:
    assert follow(None, "s", A, 5.0) == SessionRoute("s", A, 5.0)


def test_our_own_move_in_the_picker_still_means_what_the_user_chose() -> None:
    moved = SessionRoute("s", A, 1.0, moved_to=B)
    assert follow(moved, "s", B, 5.0) == moved


def test_a_picker_that_does_not_follow_back_still_means_what_the_user_chose() -> None:
    back = SessionRoute("s", A, 1.0, shown=B)
    assert follow(back, "s", B, 5.0) == back
    elsewhere = SessionRoute("s", A, 1.0, moved_to=C, shown=B)
    assert [follow(elsewhere, "s", shown, 5.0) for shown in (B, C)] == [elsewhere] * 2


def test_a_user_who_picks_something_else_is_obeyed() -> None:
    assert follow(SessionRoute("s", A, 1.0, shown=B), "s", C, 5.0) == SessionRoute("s", C, 5.0)
    assert follow(SessionRoute("s", A, 1.0, moved_to=B), "s", C, 5.0) == SessionRoute("s", C, 5.0)


def test_a_user_who_picks_the_first_choice_again_has_it() -> None:
    assert follow(SessionRoute("s", A, 1.0, moved_to=B), "s", A, 5.0) == SessionRoute("s", A, 5.0)
