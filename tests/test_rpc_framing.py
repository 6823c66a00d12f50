"""Lines out of bytes: whatever way the bytes arrive, the lines are the same and memory is bounded."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sidecar.protocol import MAX_LINE_BYTES
from sidecar.rpc.framing import OVERSIZE, LineBuffer, Oversize

LIMIT = 8


def split(*chunks: bytes, limit: int = LIMIT) -> list[bytes | Oversize]:
    buffer = LineBuffer(limit)
    return [line for chunk in chunks for line in buffer.feed(chunk)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def expected(data: bytes) -> list[bytes | Oversize]:
    """What the rules say, read off the whole input: every finished line, blank ones left out."""
    *lines, _ = data.split(b"\n")
    return [OVERSIZE if len(line) > LIMIT else line for line in lines if len(line) > LIMIT or line.strip()]


@given(
    st.lists(st.sampled_from([b"a", b"{}", b"\n", b"\r\n", b" ", b"\xff\x00", b"123456789"])).map(b"".join),
    st.lists(st.integers(0, 60)),
)
def test_any_cutting_gives_the_same_lines(data: bytes, places: list[int]) -> None:
    assert split(*cut(data, places)) == expected(data)


def test_lines_come_out_of_whole_input_single_bytes_and_a_tail_waits_for_its_newline() -> None:
    data = b'{"a":1}\n\n \r\n[]\r\n{"tail'
    lines = [b'{"a":1}', b"[]\r"]
    assert split(data) == lines
    assert split(*(data[i : i + 1] for i in range(len(data)))) == lines
    assert split(data, b'"}\n', limit=20) == [*lines, b'{"tail"}']


def test_a_line_may_be_as_long_as_the_limit_and_one_byte_more_is_reported_once() -> None:
    assert split(b"x" * LIMIT + b"\nok\n") == [b"x" * LIMIT, b"ok"]
    assert split(b"x" * (LIMIT + 1) + b"\nok\n") == [OVERSIZE, b"ok"]
    assert split(*[b"x" * LIMIT] * 50, b"\nok\n") == [OVERSIZE, b"ok"]


def test_the_wires_own_limit_is_exact() -> None:
    whole = b"x" * MAX_LINE_BYTES
    assert split(whole, b"\n", limit=MAX_LINE_BYTES) == [whole]
    assert split(whole, b"x\n", limit=MAX_LINE_BYTES) == [OVERSIZE]


def test_an_endless_line_is_reported_only_at_its_end_and_holds_no_memory() -> None:
    buffer = LineBuffer(LIMIT)
    for _ in range(1000):
        assert list(buffer.feed(b"y" * 1000)) == []
    assert sum(len(part) for part in vars(buffer)["_parts"]) == 0
    assert list(buffer.feed(b"\n")) == [OVERSIZE]
