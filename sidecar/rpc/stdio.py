"""stdin and stdout as the wire: pipes of the event loop, and fd 1 taken away from everybody else."""

import asyncio
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
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


def on_hangup(fd: int, do: Callable[[], None]) -> None:
    """Do this when the peer has closed *fd*, in a thread: the event loop itself may hang."""

    def watch() -> None:
        poll = select.poll()
        poll.register(fd, 0)  # no event but the end
        poll.poll()
        do()

    if hasattr(select, "poll"):
        threading.Thread(target=watch, name="hangup", daemon=True).start()


def wake_when_orphaned() -> None:
    """Be continued when the parent ends: stopped, nobody sees the end of stdin. Only Linux can do that."""
    if sys.platform == "linux":
        import ctypes  # heavy

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


async def read(fd: int, on_chunk: Callable[[bytes], None]) -> None:
    """Call *on_chunk* with what comes from *fd*, inside the event loop, until its end."""
    if not _is_pollable(fd):
        while chunk := await anyio.to_thread.run_sync(os.read, fd, CHUNK_BYTES, abandon_on_cancel=True):
            on_chunk(chunk)
        return
    reader = _Reader(on_chunk)
    pipe = os.fdopen(fd, "rb", buffering=0, closefd=False)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: reader, pipe)
    try:
        await reader.ended.wait()
    finally:
        transport.close()


class _Reader(asyncio.Protocol):
    """Hands chunks on as they come: a stream reader and a task in between would double a round trip."""

    def __init__(self, on_chunk: Callable[[bytes], None]) -> None:
        self.ended = asyncio.Event()
        self._on_chunk = on_chunk

    def data_received(self, data: bytes) -> None:
        self._on_chunk(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class Writer:
    """Writes to *fd* in order, without ever blocking the event loop on a pipe."""

    def __init__(self, fd: int) -> None:
        """Own the descriptor *fd*."""
        self._fd = fd
        self._transport: asyncio.WriteTransport | None = None
        self._held: list[bytes] | None = None
        self.closed = False

    async def open(self) -> None:
        """Connect to the running event loop."""
        if _is_pollable(self._fd):
            loop = asyncio.get_running_loop()
            pipe = os.fdopen(self._fd, "wb", buffering=0, closefd=False)
            self._transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, pipe)

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
            return
        if self.closed:
            return
        if self._transport is not None:
            self._transport.write(data)
            return
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            self.closed = True


def _is_pollable(fd: int) -> bool:
    """Say whether the event loop can wait for *fd*; a file, a terminal or Windows needs a thread."""
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
