"""The whole path for a person to see, in the real OpenCode and with no key of anyone's.

`python -m tests.bed.demo` starts the scene, chats, types `/quota_status` as a person would, lets a provider
refuse a chat that another answers, lets the router choose who answers, shows the screens with their toasts,
and says what it did. It fails with a sentence when something is not as it should be.
"""

import argparse
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from sidecar.protocol import ROUTER
from sidecar.texts.toasts import STAYS_S
from tests.bed import picture
from tests.bed.home import MODEL
from tests.bed.opencode import run
from tests.bed.refusals import refusal
from tests.bed.scene import CHAT_ANSWER, Scene, scene
from tests.bed.terminal import Row
from tests.bed.tui import Tui

COLUMNS: Final = 130
NARROWEST: Final = 90
LINES: Final = 44
SHORT: Final = 20
"""Lines of a picture of a chat."""
ANSWER_S: Final = 60.0
DRAWN_S: Final = 10.0
BUSY: Final = "esc interrupt"
"""What the host shows while a turn goes on, its title included."""
TOAST: Final = "4% left ($2.15 of $50.00)"
"""What comes on the screen by itself."""


WENT_ON: Final = "Groq refuses"

_REFUSAL: Final = refusal(
    429, "rate_limit_error", "Limit reached.", "rate_limit_exceeded", retry_after="1800"
)


class DemoError(Exception):
    """Something is not as the demo promises; its text is for the person who ran it."""


def main() -> int:
    arguments = argparse.ArgumentParser(description="Show /quota_status in the real OpenCode.")
    arguments.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="also write the screens as SVG, into this folder"
    )
    chosen = arguments.parse_args()
    began = time.monotonic()
    try:
        with scene() as started:
            _introduce(started)
            _chat(started)
            asked = started.model_calls
            _act_on_the_screen(started, chosen.pictures)
            _act_without_a_screen(started)
            _check_no_model_call(started, asked)
            _act_of_a_refusal(started, chosen.pictures)
            _act_of_the_router(started)
    except (DemoError, AssertionError, OSError, RuntimeError) as error:
        _say(f"The demo failed: {error}")
        return 1
    _say(f"Done in {time.monotonic() - began:.0f} s; everything that was started has ended.")
    return 0


def _introduce(started: Scene) -> None:
    _say("Six gateways on loopback, and the real OpenCode in a home of its own:")
    for part in started.parts:
        _say(f"  {started.gateways[part.id].origin}  {part.label:<15} {part.shows}")
    _say("")


def _chat(started: Scene) -> None:
    """Let a model answer: with it comes what is left at Groq."""
    _say("1. opencode run, with a question to a model of Groq:")
    finished = run(started.home, "Say hello.")
    _say(finished.stdout)
    if CHAT_ANSWER not in finished.stdout:
        raise DemoError(f"the model was not heard: {finished.stderr}")


def _act_on_the_screen(started: Scene, pictures: Path | None) -> None:
    _say("2. opencode, with /quota_status typed into it:")
    with Tui(started.home, columns=COLUMNS if pictures else _columns(), lines=LINES) as tui:
        tui.command("/quota_status")
        tui.wait_for_turns(1, ANSWER_S)
        _wait_until_drawn(tui, started)
        rows = tui.rows()
    _say_rows(rows)
    _check_all_are_named(started, picture.plain(rows))
    _draw(rows, started, pictures, "quota-status.svg")


def _draw(rows: list[Row], started: Scene, pictures: Path | None, name: str) -> None:
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        drawn = picture.renamed(rows, str(started.home.path), "/home/you")
        (pictures / name).write_text(picture.svg(drawn, "opencode"), encoding="utf-8")
        _say(f"The picture is at {pictures / name}.")


def _wait_until_drawn(tui: Tui, started: Scene) -> None:
    """Wait for the host to draw a block of code and to be idle, which it does after the turn's end."""
    with suppress(TimeoutError):  # what is missing then is told after the screen was shown
        tui.wait_until(lambda screen: _shows_all(started, screen), "all six gateways", DRAWN_S)


def _act_without_a_screen(started: Scene) -> None:
    _say("3. opencode run --command quota_status:")
    finished = run(started.home, "--command", "quota_status")
    _say(finished.stdout)
    if finished.exit_code != 0:
        raise DemoError(f"it ended with {finished.exit_code}: {finished.stderr}")
    _check_all_are_named(started, finished.stdout)


def _act_of_a_refusal(started: Scene, pictures: Path | None) -> None:
    """Let the provider of the chat refuse it for half an hour, and see who answers."""
    _say("4. opencode, with Groq refusing (429, retry-after: 1800):")
    refusing = started.gateways[started.parts[0].id]
    refusing.turns(_REFUSAL).asides(_REFUSAL)
    before = len(refusing.model_calls)
    lines = SHORT if pictures else LINES
    with Tui(started.home, columns=COLUMNS if pictures else _columns(), lines=lines) as tui:
        tui.write("Say hello again.")
        tui.press("enter")
        tui.wait_for(WENT_ON, ANSWER_S)
        with suppress(TimeoutError):  # the toast goes after ten seconds, on a busy machine before the answer
            tui.wait_for(CHAT_ANSWER, STAYS_S / 2)
        rows = tui.rows()
        tui.wait_for(CHAT_ANSWER, ANSWER_S)
        _say_rows(rows)
        _draw(rows, started, pictures, "failover.svg")
        tui.command("/rate_limit_status")
        tui.wait_for("Last decisions:", ANSWER_S)
        tui.wait_until(lambda screen: BUSY not in screen, "the answer's end", ANSWER_S)
        _say_rows(tui.rows())
    calls = len(refusing.model_calls) - before
    if calls not in (1, 2):  # the chat and its title leave together: one may hear of the other's refusal
        raise DemoError(f"Groq was asked {calls} times")
    _say("Somebody else answered the very request that Groq had refused, and OpenCode saw no error.\n")


def _act_of_the_router(started: Scene) -> None:
    """Ask the model that stands for that of all six, and who answered."""
    model = f"{ROUTER}/{MODEL}"
    _say(f"5. opencode run -m {model}, and /route why in the same session:")
    for words in (("-m", model, "Say hello once more."), ("--continue", "--command", "route", "why")):
        finished = run(started.home, *words)
        _say(finished.stdout)
        if finished.exit_code != 0:
            raise DemoError(f"it ended with {finished.exit_code}: {finished.stderr}")
    if model not in finished.stdout:
        raise DemoError("nobody says who answered")


def _say_rows(rows: list[Row]) -> None:
    _say(picture.ansi(rows) if _wants_colour() else picture.plain(rows))
    _say("")


def _check_all_are_named(started: Scene, shown: str) -> None:
    if missing := _missing(started, shown):
        raise DemoError(f"the answer says nothing of {', '.join(missing)}")


def _missing(started: Scene, shown: str) -> list[str]:
    return [part.label for part in started.parts if part.label not in shown]


def _shows_all(started: Scene, screen: str) -> bool:
    return not _missing(started, screen) and BUSY not in screen and TOAST in screen


def _check_no_model_call(started: Scene, before: int) -> None:
    if more := started.model_calls - before:
        raise DemoError(f"a model was called {more} times")
    _say("For the reports no model was called.\n")


def _columns() -> int:
    """Fit the person's own terminal, if it isn't too narrow; as wide as the picture where there is none."""
    return max(NARROWEST, min(COLUMNS, shutil.get_terminal_size((COLUMNS, LINES)).columns))


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
