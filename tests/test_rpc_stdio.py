"""The two ends of the wire, by the event loop and by threads: bytes in order, the end seen, no blocking."""

import os
import socket
import time
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from sidecar.rpc import stdio
from sidecar.rpc.stdio import CHUNK_BYTES, Writer, read, waits_in_loop

LONG = bytes(range(256)) * 16 * 1024
"""Far more than a pipe takes."""


@pytest.fixture(params=["loop", "threads"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    def choose(_: int) -> bool:
        return request.param == "loop"

    monkeypatch.setattr(stdio, "waits_in_loop", choose)
    return request.param


class Received:
    """What a reader has said."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.ended = Event()

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)


def fill(fd: int, data: bytes) -> Thread:
    """Write all of it beside the test, and close."""

    def work() -> None:
        with os.fdopen(fd, "wb", buffering=0, closefd=True) as stream:
            at = 0
            while at < len(data):
                at += stream.write(data[at : at + CHUNK_BYTES])

    thread = Thread(target=work)
    thread.start()
    return thread


def take(fd: int, size: int) -> bytes:
    """Read that many bytes, in a thread of its own."""
    got = b""
    while len(got) < size:
        got += os.read(fd, size - len(got))
    return got


async def test_what_is_written_comes_whole_and_in_order_and_then_its_end() -> None:
    source, sink = os.pipe()
    received = Received()
    filling = fill(sink, LONG)
    with anyio.fail_after(20):
        await read(source, received.chunks.append, received.ended.set)
    assert received.data == LONG
    assert received.ended.wait(20)
    filling.join()
    os.close(source)


async def test_an_end_before_the_first_byte_is_an_end() -> None:
    source, sink = os.pipe()
    os.close(sink)
    received = Received()
    with anyio.fail_after(20):
        await read(source, received.chunks.append, received.ended.set)
    assert received.chunks == []
    assert received.ended.wait(20)
    os.close(source)


async def test_the_end_is_seen_while_the_event_loop_hangs() -> None:
    source, sink = os.pipe()
    received = Received()

    def hang(chunk: bytes) -> None:
        received.chunks.append(chunk)
        os.close(sink)
        deadline = time.monotonic() + 20
        while not received.ended.is_set():
            assert time.monotonic() < deadline

    os.write(sink, b"hang")
    with anyio.fail_after(20):
        await read(source, hang, received.ended.set)
    assert received.data == b"hang"
    os.close(source)


async def test_reading_can_be_given_up_with_the_pipe_still_open() -> None:
    source, sink = os.pipe()
    received = Received()
    os.write(sink, b"not the end")
    with anyio.fail_after(20) as scope:

        def give_up(chunk: bytes) -> None:
            received.chunks.append(chunk)
            scope.cancel()

        await read(source, give_up, received.ended.set)
    assert (received.data, received.ended.is_set()) == (b"not the end", False)
    os.close(sink)
    assert received.ended.wait(20)
    os.close(source)


def test_what_comes_after_the_event_loop_has_ended_is_nobodys() -> None:
    source, sink = os.pipe()
    received = Received()

    async def give_up() -> None:
        with anyio.move_on_after(0.01):
            await read(source, received.chunks.append, received.ended.set)

    anyio.run(give_up)
    os.write(sink, b"too late")
    os.close(sink)
    for thread in enumerate_threads():
        if thread.name in {"stdin", "hangup"}:
            thread.join(20)
    assert received.chunks == []
    os.close(source)


@pytest.mark.parametrize("way", ["threads"], indirect=True)
async def test_what_cant_be_read_has_ended() -> None:
    folder = os.open("/", os.O_RDONLY)
    received = Received()
    with anyio.fail_after(20):
        await read(folder, received.chunks.append, received.ended.set)
    assert (received.chunks, received.ended.is_set()) == ([], True)
    os.close(folder)


async def test_what_we_write_goes_out_in_order_and_keeps_nobody_waiting(way: str) -> None:
    source, sink = os.pipe()
    writer = Writer(sink)
    await writer.open()
    writer.write(b"")
    parts = [LONG[at : at + 30_000] for at in range(0, len(LONG), 30_000)]
    for part in parts:
        writer.write(part)  # nobody reads yet: were it to wait, it would wait for ever
    with writer.together():
        writer.write(b"one ")
        writer.write(b"message")
    sent = LONG + b"one message"
    got: list[bytes] = []
    taking = Thread(target=lambda: got.append(take(source, len(sent))))
    taking.start()
    with anyio.fail_after(20):
        await writer.aclose()
        assert writer.closed or way == "loop"  # a transport sends on after its end
        await anyio.to_thread.run_sync(taking.join)
    assert got == [sent]
    for end in (source, sink):
        os.close(end)


async def test_after_the_peer_has_gone_to_write_does_nothing() -> None:
    source, sink = os.pipe()
    os.close(source)
    writer = Writer(sink)
    await writer.open()
    for _ in range(20):
        writer.write(LONG)
        await anyio.lowlevel.checkpoint()
    with anyio.fail_after(20):
        await writer.aclose()
    os.close(sink)


def test_a_file_is_read_by_a_thread_and_what_opencode_gives_us_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    with Path(__file__).open("rb") as file:
        assert not waits_in_loop(file.fileno())
    one, other = socket.socketpair()
    with one, other:
        assert waits_in_loop(one.fileno())
