"""stdin and stdout as the wire, and fd 1 taken away from everybody else.

On Linux the event loop waits for both pipes. Elsewhere each has a thread: Windows' loop can't wait for
ordinary pipes, macOS' poll can't be asked for nothing but their end, and a file or a terminal is no pipe.
"""

import asyncio
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Final

import anyio.to_thread

CHUNK_BYTES: Final = 64 * 1024

_PR_SET_PDEATHSIG: Final = 1


def take_stdout() -> int:
    """Return a private descriptor of stdout; from now on fd 1 and every `print` go to stderr."""
    wire = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire


def wake_when_orphaned() -> None:
    """Be continued when the parent ends: stopped, nobody sees the end of stdin. Only Linux can do that."""
    if sys.platform == "linux":
        import ctypes  # heavy

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def waits_in_loop(fd: int) -> bool:
    """Say whether the event loop can wait for *fd*."""
    mode = os.fstat(fd).st_mode
    return sys.platform == "linux" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


async def read(fd: int, on_chunk: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
    """Call *on_chunk* with what comes from *fd*, inside the event loop, until its end.

    *on_end* is called in a thread when the peer has closed *fd*, also while the event loop hangs.
    """
    if waits_in_loop(fd):
        await _read_in_loop(fd, on_chunk, on_end)
    else:
        await _read_in_thread(fd, on_chunk, on_end)


async def _read_in_loop(fd: int, on_chunk: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
    threading.Thread(target=_watch, args=(fd, on_end), name="hangup", daemon=True).start()
    reader = _Reader(on_chunk)
    pipe = os.fdopen(fd, "rb", buffering=0, closefd=False)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: reader, pipe)
    try:
        await reader.ended.wait()
    finally:
        transport.close()


def _watch(fd: int, on_end: Callable[[], None]) -> None:
    if sys.platform == "linux":  # nobody else comes here, and not all have it
        poll = select.poll()
        poll.register(fd, 0)  # no event but the end
        poll.poll()
        on_end()


class _Reader(asyncio.Protocol):
    """Hands chunks on as they come: a stream reader and a task in between would double a round trip."""

    def __init__(self, on_chunk: Callable[[bytes], None]) -> None:
        self.ended = asyncio.Event()
        self._on_chunk = on_chunk

    def data_received(self, data: bytes) -> None:
        self._on_chunk(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


async def _read_in_thread(fd: int, on_chunk: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
    """Read on while the event loop hangs, or its end would not be seen: what comes meanwhile is kept."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def pump() -> None:
        with suppress(OSError):
            while chunk := os.read(fd, CHUNK_BYTES):
                loop.call_soon_threadsafe(on_chunk, chunk)
        on_end()
        loop.call_soon_threadsafe(ended.set)

    def run() -> None:
        with suppress(RuntimeError):  # the event loop is closed
            pump()

    threading.Thread(target=run, name="stdin", daemon=True).start()
    await ended.wait()


class Writer:
    """Writes to *fd* in order, without ever blocking the event loop."""

    def __init__(self, fd: int) -> None:
        """Own the descriptor *fd*."""
        self._fd = fd
        self._transport: asyncio.WriteTransport | None = None
        self._unsent: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name="stdout", daemon=True)
        self._held: list[bytes] | None = None
        self.closed = False

    async def open(self) -> None:
        """Connect to the running event loop."""
        if not waits_in_loop(self._fd):
            self._thread.start()
            return
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(self._fd, "wb", buffering=0, closefd=False)
        self._transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, pipe)

    async def aclose(self) -> None:
        """Let what was written go, and write no more."""
        if self._transport is not None:
            self._transport.close()
        else:
            self._unsent.put(b"")
            await anyio.to_thread.run_sync(self._thread.join, abandon_on_cancel=True)

    @contextmanager
    def together(self) -> Generator[None]:
        """Send what is written meanwhile at once: a system call each would halve a batch's rate."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            if held:
                self.write(b"".join(held))

    def write(self, data: bytes) -> None:
        """Send *data* whole; after the peer has gone this does nothing."""
        if self._held is not None:
            self._held.append(data)
        elif self._transport is not None:
            self._transport.write(data)
        elif data and not self.closed:
            self._unsent.put(data)

    def _send_all(self) -> None:
        with suppress(OSError):
            while data := self._unsent.get():
                while data:
                    data = data[os.write(self._fd, data) :]
        self.closed = True
