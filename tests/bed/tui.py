"""The real OpenCode with its screen: keys typed into a pty, what a person would see read from it."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
from collections.abc import Callable
from typing import Final, Self

from tests.bed.gateways import DEADLINE_S
from tests.bed.home import Home
from tests.bed.opencode import START_S
from tests.bed.processes import end, opencode_binary, start
from tests.bed.terminal import Row, Terminal

KEYS: Final = {"enter": "\r", "escape": "\x1b", "tab": "\t", "ctrl-c": "\x03", "ctrl-p": "\x10"}

_TURN_ENDED: Final = re.compile(r"▣ .* · [0-9][0-9hms. ]*s")


class Tui:
    """OpenCode's TUI in a pty; use as a context manager, which waits until it has drawn."""

    def __init__(self, home: Home, *arguments: str, columns: int = 130, lines: int = 40) -> None:
        self._terminal = Terminal(columns, lines)
        self._changed = threading.Condition()
        self._master, theirs = pty.openpty()
        _set_size(theirs, columns, lines)
        env = home.env | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        try:
            command = [opencode_binary(), *arguments]
            self.process = start(command, env, home.project, stdin=theirs, output=theirs, errors=theirs)
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(theirs)
        self._reader = threading.Thread(target=self._read, name="tui-reader")
        self._reader.start()

    def write(self, text: str) -> None:
        """Type text key by key and wait until the screen shows it."""
        for character in text:
            self._send(character)
        self.wait_for(text)

    def press(self, key: str) -> None:
        """Press one of `KEYS`."""
        self._send(KEYS[key])

    def command(self, line: str) -> None:
        """Type a slash command, take it from the completion list, and send it."""
        name, _, arguments = line.partition(" ")
        before = self.text.count(name)
        self.write(name)
        self.wait_until(lambda screen: screen.count(name) == before + 2, f"{name} in the list")
        self.press("enter")
        self.wait_until(lambda screen: screen.count(name) == before + 1, "the list is closed")
        if arguments:
            self.write(arguments)
        self.press("enter")

    def wait_for(self, text: str, within_s: float = DEADLINE_S) -> None:
        """Wait until the screen shows this text in one line."""
        self.wait_until(lambda screen: text in screen, f"{text!r} on the screen", within_s)

    def wait_until(self, holds: Callable[[str], bool], what: str, within_s: float = DEADLINE_S) -> None:
        """Wait until it holds of the screen's text; raise TimeoutError that shows the screen."""
        with self._changed:
            drawn = self._changed.wait_for(
                lambda: not self._terminal.is_drawing and holds(self._text()), within_s
            )
            if not drawn:
                raise TimeoutError(f"not within {within_s} s: {what}; the screen is:\n{self._text()}")

    def wait_for_turns(self, count: int = 1, within_s: float = START_S) -> None:
        """Wait until so many turns on the screen have ended: each then says how long it took."""
        self.wait_until(lambda screen: len(_TURN_ENDED.findall(screen)) >= count, "the turn's end", within_s)

    @property
    def text(self) -> str:
        """What the screen shows, without colours."""
        with self._changed:
            return self._text()

    def rows(self) -> list[Row]:
        """Return the cells of the screen as they are after a whole frame."""
        with self._changed:
            self._changed.wait_for(lambda: not self._terminal.is_drawing, DEADLINE_S)
            return self._terminal.rows()

    def resize(self, columns: int, lines: int) -> None:
        with self._changed:
            self._terminal.resize(columns, lines)
        _set_size(self._master, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def close(self) -> int:
        """End OpenCode by its pid and return its exit code."""
        try:
            return end(self.process)
        finally:
            self._reader.join()
            os.close(self._master)

    def __enter__(self) -> Self:
        try:
            self.wait_for("Ask anything", START_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _text(self) -> str:
        return "\n".join(self._terminal.lines())

    def _send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read(self) -> None:
        while data := _read_some(self._master):
            with self._changed:
                answers = self._terminal.feed(data)
                self._changed.notify_all()
            if answers:
                os.write(self._master, answers)


def _read_some(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:
        return b""  # Linux says that the last program has gone with EIO


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
