"""Where the requests of a session are served, and what holds of its past there."""

from msgspec.structs import replace

from sidecar.adapters.store import State
from sidecar.core.account import account_of
from sidecar.core.choose import Stay
from sidecar.core.decision import SessionRoute
from sidecar.protocol import BodyShape, ModelRequest, Target
from sidecar.services.sessions import Sessions, model_of
from tests.flying import NOW, target

MODEL, OTHER = Target("limit-router", "m"), Target("limit-router", "n")
A, B = (account_of(name, f"https://{name}.example", f"key-of-{name}-0123456789") for name in "ab")


def stored(**sessions: SessionRoute) -> State:
    return State({}, (), {}, sessions=sessions)


def request(session_id: str = "ses", agent: str = "build", *, has_answers: bool = False) -> ModelRequest:
    body = BodyShape(100, has_images=False, has_tools=False, stream=True, has_answers=has_answers)
    return ModelRequest("id", "/d", session_id, "msg", agent, MODEL, "openai-chat", body)


def test_a_session_stays_since_it_first_was_there_and_only_a_move_is_kept() -> None:
    sessions, state = Sessions(), stored()
    assert sessions.kept("ses", MODEL, NOW, state) is None
    first = SessionRoute("ses", MODEL, NOW, stay=Stay(target("a"), NOW))
    sessions.went(request(), MODEL, target("a"), state, NOW)
    assert sessions.kept("ses", MODEL, NOW, state) == first
    sessions.went(request(), MODEL, target("a"), state, NOW + 9)
    assert sessions.kept("ses", MODEL, NOW + 9, stored(ses=first)) is None
    assert sessions.stay("ses", MODEL, state) == first.stay
    sessions.went(request(), MODEL, target("b"), state, NOW + 20)
    moved = replace(first, stay=Stay(target("b"), NOW + 20))
    assert sessions.kept("ses", MODEL, NOW + 20, stored(ses=first)) == moved


def test_what_others_have_kept_holds_until_this_process_knows_better() -> None:
    sessions, kept = Sessions(), SessionRoute("ses", MODEL, NOW - 99, stay=Stay(target("a"), NOW - 99))
    state = stored(ses=kept)
    assert sessions.stay("ses", MODEL, state) == kept.stay
    assert sessions.stay("ses", OTHER, state) is None
    assert sessions.moved(kept, target("a"), state, NOW) == kept.stay
    assert sessions.moved(kept, target("b"), state, NOW) == Stay(target("b"), NOW)
    assert sessions.stay("ses", MODEL, state) == Stay(target("b"), NOW)


def test_of_a_model_that_is_not_the_sessions_own_nothing_is_kept() -> None:
    sessions, state = Sessions(), stored(ses=SessionRoute("ses", OTHER, NOW))
    sessions.went(request(), MODEL, target("a"), state, NOW)
    assert sessions.kept("ses", MODEL, NOW, state) is None
    assert sessions.stay("ses", MODEL, state) == Stay(target("a"), NOW)


def test_a_session_is_at_home_until_it_was_elsewhere_and_never_again() -> None:
    sessions = Sessions()
    assert [sessions.is_at_home(request(), account) for account in (A, A, B, A)] == [True, True, False, False]


def test_who_brings_answers_of_which_nobody_knows_is_not_at_home() -> None:
    assert not Sessions().is_at_home(request(has_answers=True), A)


def test_a_session_whose_turn_was_moved_is_not_at_home_when_it_comes_back() -> None:
    sessions = Sessions()
    assert sessions.is_at_home(request(), A)
    sessions.moved(SessionRoute("ses", MODEL, NOW), target("b"), stored(), NOW)
    assert not sessions.is_at_home(request(has_answers=True), A)


def test_a_title_is_at_home_where_its_session_is_and_says_nothing_of_that() -> None:
    sessions = Sessions()
    assert not sessions.is_at_home(request(agent="title"), A)
    assert sessions.is_at_home(request(), B)
    assert [sessions.is_at_home(request(agent="title"), account) for account in (A, B)] == [False, True]
    assert sessions.is_at_home(request(has_answers=True), B)


def test_a_request_where_we_moved_its_turn_is_for_the_virtual_model_and_any_other_for_its_own() -> None:
    moved = replace(request(), target=target("b"))
    for chosen, moved_to, model in (
        (MODEL, target("b"), MODEL),
        (MODEL, target("c"), target("b")),
        (MODEL, None, target("b")),
        (target("a"), target("b"), target("b")),
    ):
        assert model_of(moved, {"ses": SessionRoute("ses", chosen, NOW, moved_to)}) == model
    assert model_of(moved, {}) == target("b")
