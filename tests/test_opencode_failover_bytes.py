"""What a model streams arrives as it was sent, with us as without us, wherever the network cuts it."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.bed import wires
from tests.bed.opencode import Json
from tests.bed.refusals import PLAIN_429
from tests.bed.replies import Answer, Received, Reply, streamed
from tests.failover import ALPHA, WIRE_IDS, Scene, entries, scene

TEXT: Final = (
    "Naïve 好 and 🙂, a family 👩\u200d👩\u200d👧, \\ud83d\\ude42 escaped, data: and event: too."
    "\n\n```sse\ndata: {}\n\n```\nEnd."
)

SIZES: Final = (1, 7)
"""Bytes in a chunk; each cuts characters, lines and `data:` elsewhere."""


def write_bare(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways, *wires.WIRES), plugin=None)


def write(one: Scene) -> None:
    one.home.write_opencode(entries(one.gateways, *wires.WIRES))


@pytest.fixture(scope="module")
def bare() -> Iterator[Scene]:
    with scene(write_bare) as one:
        yield one


def chopped(size: int) -> Answer:
    """Stream the text in chunks of so many bytes."""

    def answer(request: Received) -> Reply:
        whole = b"".join(wires.stream(request.wire, TEXT))
        return streamed([whole[at : at + size] for at in range(0, len(whole), size)])

    return answer


def shown(one: Scene, session: str) -> tuple[str, list[Json]]:
    """Return what a client saw of a session's answer: all that was added to it, and what is stored."""
    deltas = [
        row["delta"] for row in one.serve.events.of("message.part.delta") if row["sessionID"] == session
    ]
    stored = one.serve.messages(session)[-1]
    return "".join(deltas), [
        {name: part.get(name) for name in ("type", "text", "tokens", "reason")} for part in stored["parts"]
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wire", wires.WIRES)
@pytest.mark.parametrize("refused", [False, True])
def test_a_streamed_answer_is_the_same_with_and_without_us(
    opened: Scene, bare: Scene, wire: wires.Wire, size: int, refused: bool
) -> None:
    seen: list[list[Json]] = []
    for one in (bare, opened):
        one.reset()
        one.alpha.turns(chopped(size))
        if refused and one is opened:
            one.alpha.turns(PLAIN_429)
            one.beta.turns(chopped(size))
        turn = one.turn(ALPHA + WIRE_IDS[wire])
        streamed_text, parts = shown(one, turn.session)
        assert [turn.said, streamed_text] == [TEXT, TEXT]
        seen.append(parts)
    assert seen[1] == seen[0]
