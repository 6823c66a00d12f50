"""A terminal without a screen: bytes of a program in, cells and replies to its questions out.

pyte draws. Here is what pyte does not do: answer what a modern terminal is asked for (colours, cursor,
modes, size), and keep from the drawing what pyte would take for text.
"""

import re
from collections.abc import Callable
from typing import Final

import pyte
from pyte.screens import Char

_PIECE: Final = re.compile(
    rb"[^\x1b]+"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b[P_^X\]](?:[^\x07\x1b]|\x1b(?!\\))*(?:\x07|\x1b\\)"  # DCS, APC, PM, SOS, OSC
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]",
    re.DOTALL,
)
"""One run of text or one whole escape sequence; what doesn't match is not complete yet."""

_NOT_FOR_PYTE: Final = re.compile(rb"\x1b(?:[P_^X\]]|\[[<=>]|\[\?[0-9;]*(?:u|m|n|\$p))")

_FRAMES: Final = {b"\x1b[?2026h": True, b"\x1b[?2026l": False}

Row = list[Char]


class Terminal:
    """The screen of one program."""

    def __init__(self, columns: int, lines: int) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._held = b""
        self.is_drawing = False
        """In the middle of a frame, by the program's own word (mode 2026)."""

    def feed(self, data: bytes) -> bytes:
        """Draw, and return what the terminal answers."""
        data = self._held + data
        answers = b""
        at = 0
        while piece := _PIECE.match(data, at):
            at = piece.end()
            answers += self._answer(piece[0])
            self.is_drawing = _FRAMES.get(piece[0], self.is_drawing)
            if not _NOT_FOR_PYTE.match(piece[0]):
                self._stream.feed(piece[0])
        self._held = data[at:]
        return answers

    def resize(self, columns: int, lines: int) -> None:
        self._screen.resize(lines, columns)

    def rows(self) -> list[Row]:
        """Return a copy of all cells; the right half of a wide character is an empty cell."""
        screen = self._screen
        return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def _answer(self, piece: bytes) -> bytes:
        for question, answer in _QUESTIONS:
            if asked := question.fullmatch(piece):
                return answer(self._screen, asked)
        return b""


_Answer = Callable[[pyte.Screen, "re.Match[bytes]"], bytes]


def _colour(screen: pyte.Screen, asked: "re.Match[bytes]") -> bytes:
    level = b"d0d0" if asked[1] == b"10" else b"0c0c"
    return b"\x1b]%b;rgb:%b/%b/%b\x1b\\" % (asked[1], level, level, level)


def _cursor(screen: pyte.Screen, asked: "re.Match[bytes]") -> bytes:
    return b"\x1b[%d;%dR" % (screen.cursor.y + 1, screen.cursor.x + 1)


def _unknown_mode(screen: pyte.Screen, asked: "re.Match[bytes]") -> bytes:
    return b"\x1b[?%b;0$y" % asked[1]


def _pixels(screen: pyte.Screen, asked: "re.Match[bytes]") -> bytes:
    return b"\x1b[4;%d;%dt" % (screen.lines * 16, screen.columns * 8)


def _attributes(screen: pyte.Screen, asked: "re.Match[bytes]") -> bytes:
    return b"\x1b[?62;22c"


_QUESTIONS: Final[tuple[tuple["re.Pattern[bytes]", _Answer], ...]] = (
    (re.compile(rb"\x1b\](1[01]|4;[0-9]+);\?(?:\x07|\x1b\\)"), _colour),
    (re.compile(rb"\x1b\[6n"), _cursor),
    (re.compile(rb"\x1b\[\?([0-9]+)\$p"), _unknown_mode),
    (re.compile(rb"\x1b\[14t"), _pixels),
    (re.compile(rb"\x1b\[0?c"), _attributes),
)
