"""A turn that nobody of its own wire can answer begins at another one, and comes back."""

from tests.bed.home import MODEL
from tests.bed.refusals import REFUSALS
from tests.bed.replies import says
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, Scene, Turn, entries

BETA_ELSEWHERE = f"{BETA}-anthropic"
GAMMA_ELSEWHERE = f"{GAMMA}-responses"


def write(one: Scene) -> None:
    """Give each gateway a wire of its own."""
    alone = {name: {name: gateway} for name, gateway in one.gateways.items()}
    one.home.write_opencode(
        entries(alone[ALPHA], "openai-chat")
        | entries(alone[BETA], "anthropic-messages")
        | entries(alone[GAMMA], "openai-responses")
    )


def asked_of(one: Scene, turn: Turn) -> str:
    """Return the provider that the host's picker shows after a turn: that of the last user message."""
    users = [row["info"] for row in one.serve.messages(turn.session) if row["info"]["role"] == "user"]
    assert users[-1]["model"]["modelID"] == MODEL
    return str(users[-1]["model"]["providerID"])


def hit(one: Scene) -> Turn:
    """Let a turn find out that the first provider refuses for an hour."""
    one.alpha.turns(REFUSALS["429 for an hour"])
    turn = one.turn()
    assert turn.error != ""
    assert one.calls() == [1, 0, 0]
    return turn


def test_the_next_turn_begins_at_a_provider_of_another_wire_and_says_so(three: Scene) -> None:
    first = hit(three)
    turn = three.turn(session=first.session)
    assert turn == Turn(ANSWERS[BETA], users=2)
    assert asked_of(three, turn) == BETA_ELSEWHERE
    assert three.calls() == [1, 1, 0]
    assert "this turn goes to" in three.wait_for_toasts(1)[-1]


def test_a_moved_session_comes_back_at_a_new_turn(three: Scene) -> None:
    first = hit(three)
    moved = three.turn(session=first.session)
    assert three.turn(asked_of(three, moved), session=first.session) == Turn(ANSWERS[BETA], users=3)
    three.let_waits_end()
    three.alpha.turns(says(ANSWERS[ALPHA]))
    back = three.turn(BETA_ELSEWHERE, session=first.session)
    assert back == Turn(ANSWERS[ALPHA], users=4)
    assert asked_of(three, back) == ALPHA


def test_who_picks_another_model_by_hand_is_obeyed(three: Scene) -> None:
    first = hit(three)
    three.turn(session=first.session)
    picked = three.turn(GAMMA_ELSEWHERE, session=first.session)
    assert picked == Turn(ANSWERS[GAMMA], users=3)
    three.let_waits_end()
    three.alpha.turns(says(ANSWERS[ALPHA]))
    assert three.turn(GAMMA_ELSEWHERE, session=first.session) == Turn(ANSWERS[GAMMA], users=4)


def test_who_picks_the_fallback_by_hand_in_a_new_session_stays_there(three: Scene) -> None:
    hit(three)
    picked = three.turn(BETA_ELSEWHERE)
    three.let_waits_end()
    assert three.turn(BETA_ELSEWHERE, session=picked.session) == Turn(ANSWERS[BETA], users=2)


def test_a_dry_run_moves_no_turn(three: Scene) -> None:
    three.configure(dryRun=True)
    try:
        three.alpha.turns(REFUSALS["402"])
        first = three.turn()
        again = three.turn(session=first.session)
        assert asked_of(three, again) == ALPHA
        assert three.calls() == [2, 0, 0]
    finally:
        three.configure()
