"""`/route` and `quota-sidecar route` with the real OpenCode: what is told, leaving, and a screen."""

import sys

from sidecar.protocol import ROUTER
from tests.bed.home import MODEL
from tests.bed.opencode import run_program, text_of
from tests.bed.processes import opencode_binary
from tests.bed.tui import Tui
from tests.failover import ALPHA, ANSWERS, Scene, Turn
from tests.routed import ROUTED, picked, write_shared

VIRTUAL = {"providerID": ROUTER, "modelID": MODEL}


def write(one: Scene) -> None:
    write_shared(one)


def route(one: Scene, session: str, typed: str = "") -> str:
    """Type `/route` in a session and return the answer."""
    return text_of(one.serve.command(session, "route", typed, provider=ROUTER))


def test_it_is_told_where_the_next_turn_goes_and_who_answered_without_a_model_call(three: Scene) -> None:
    session = three.new_session()
    assert route(three, session) == (
        f"""\
The route of this model:

    The next turn goes to Alpha ({MODEL}); how much is left there is not
    known.

    {ROUTED} · headroom: whoever has the most left

      1.  alpha/qwen3-coder  unknown
      2.  beta/qwen3-coder   unknown
      3.  gamma/qwen3-coder  unknown"""
    )
    assert three.calls() == [0, 0, 0]
    assert three.turn(session=session, model=VIRTUAL) == Turn(ANSWERS[ALPHA], users=2)
    assert route(three, session, "why").split("\n\n")[:2] == [
        "The route of this session:",
        f"    The last answer came from Alpha ({MODEL}). What was decided last in\n    this session:",
    ]
    assert three.calls() == [1, 0, 0]


def test_a_session_leaves_to_where_it_was_served_and_comes_back(three: Scene) -> None:
    session = three.new_session()
    three.turn(session=session, model=VIRTUAL)
    assert route(three, session, "off") == (
        f"This session has left {ROUTED}: its next turn goes to Alpha ({MODEL}), "
        "and the ones after it too. /route on goes back."
    )
    assert three.turn(session=session, model=VIRTUAL).said == ANSWERS[ALPHA]
    assert picked(three, session)[-1] == f"{ALPHA}/{MODEL}"
    shown = {"providerID": ALPHA, "modelID": MODEL}
    told = three.serve.command(session, "route", "on", provider=ALPHA)
    assert text_of(told) == f"This session is on {ROUTED} again: /route says where its next turn goes."
    assert three.turn(session=session, model=shown).said == ANSWERS[ALPHA]
    assert picked(three, session)[-1] == ROUTED


def test_a_script_runs_opencode_with_what_the_command_prints(three: Scene) -> None:
    program = f"{sys.executable} -m sidecar route {MODEL}"
    line = f'{opencode_binary()} run -m "$({program})" "Say something fine."'
    finished = run_program(three.home, "/bin/sh", "-c", line)
    assert (finished.exit_code, finished.stdout.strip()) == (0, ANSWERS[ALPHA]), finished.stderr


def test_on_a_screen_of_eighty_columns_no_line_is_broken(three: Scene) -> None:
    with Tui(three.home, "-m", ROUTED, columns=80) as tui:
        tui.command("/route")
        tui.wait_for("3.  gamma/")
        shown = [line.strip() for line in tui.text.split("\n")]
    first = shown.index("The route of this model:")
    assert [line for line in shown[first:] if line][:7] == [
        "The route of this model:",
        f"The next turn goes to Alpha ({MODEL}); how much is left there is not",
        "known.",
        f"{ROUTED} · headroom: whoever has the most left",
        f"1.  alpha/{MODEL}  unknown",
        f"2.  beta/{MODEL}   unknown",
        f"3.  gamma/{MODEL}  unknown",
    ]
