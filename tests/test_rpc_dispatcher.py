"""The dispatcher fed with lines of all kinds: every request with an id is answered exactly once."""

from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.protocol import MAX_LINE_BYTES, ErrorCode
from sidecar.rpc.framing import OVERSIZE, LineBuffer
from tests.rpc_peer import peer

DEEP = b"[" * 100_000 + b"]" * 100_000


def result(request_id: object, text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": {"text": text}}


def error(request_id: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


NOT_JSON = "not JSON"
NO_MESSAGE = "not a JSON-RPC 2.0 message: "
MISTAKE = "the sidecar made a mistake; its log says which"
CANCELLED = "the request was cancelled"


@pytest.mark.parametrize("request_id", [0, -7, 2**63, 2**70, "", "a", "é😀", '"\\', None])
async def test_an_id_comes_back_as_it_was(request_id: object) -> None:
    async with peer() as one:
        assert one.ask(request_id, "echo", {"text": "hi"}) == [result(request_id, "hi")]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"{", error(None, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":4,"method":"echo"} tail', error(4, -32700, NOT_JSON)),
        (b"\xff\xfe", error(None, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":7,"method":"ec\xff"}', error(7, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":7,"method":"\\ud800"}', error(7, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":7,"params":{"text":"\\udc00"}}', error(7, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"echo"}', error(None, -32700, NOT_JSON)),
        (b'{"jsonrpc":"2.0","id":8,"method":"echo","params":' + DEEP + b"}", error(8, -32700, NOT_JSON)),
        (b'{"method":"echo","params":{"id":3,"x":"\\ud800"}}', error(None, -32700, NOT_JSON)),
        (DEEP, error(None, -32600, NO_MESSAGE + "Expected `object`, got `array`")),
        (b"[]", error(None, -32600, NO_MESSAGE + "Expected `object`, got `array`")),
        (
            b'[{"jsonrpc":"2.0","id":1,"method":"echo"}]',
            error(None, -32600, NO_MESSAGE + "Expected `object`, got `array`"),
        ),
        (b"42", error(None, -32600, NO_MESSAGE + "Expected `object`, got `int`")),
        (b'{"jsonrpc":"2.0","id":3}', error(3, -32600, NO_MESSAGE + "no method, result or error")),
        (
            b'{"jsonrpc":"1.0","id":3,"method":"echo"}',
            error(3, -32600, NO_MESSAGE + "Invalid value '1.0' - at `$.jsonrpc`"),
        ),
        (
            b'{"jsonrpc":"2.0","id":3,"method":5}',
            error(3, -32600, NO_MESSAGE + "Expected `str`, got `int` - at `$.method`"),
        ),
        (
            b'{"jsonrpc":"2.0","id":true,"method":"echo"}',
            error(None, -32600, NO_MESSAGE + "Expected `int | str | null`, got `bool` - at `$.id`"),
        ),
        (
            b'{"jsonrpc":"2.0","id":1.5,"method":"echo"}',
            error(None, -32600, NO_MESSAGE + "Expected `int | str | null`, got `float` - at `$.id`"),
        ),
        (b'{"jsonrpc":"2.0","id":5,"method":"nothing"}', error(5, -32601, "there is no method 'nothing'")),
        (
            b'{"jsonrpc":"2.0","id":6,"method":"echo","params":[]}',
            error(6, -32602, "params of echo: Expected `object`, got `array`"),
        ),
        (
            b'{"jsonrpc":"2.0","id":6,"method":"echo","params":{"someItems":[{"count":1},{"count":-1}]}}',
            error(6, -32602, "params of echo: Expected `int` >= 0 - at `$.someItems[1].count`"),
        ),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else "",
)
async def test_every_line_that_is_wrong_is_answered_once_with_what_is_wrong(
    line: bytes, answer: dict[str, Any]
) -> None:
    async with peer() as one:
        assert one.say(line) == [answer]
        assert one.reports == []
        assert one.ask(1, "echo", {"text": "still here"}) == [result(1, "still here")]


async def test_bad_utf8_in_a_text_is_the_params_mistake() -> None:
    async with peer() as one:
        (answer,) = one.say(b'{"jsonrpc":"2.0","id":9,"method":"echo","params":{"text":"\xff"}}')
        assert (answer["id"], answer["error"]["code"]) == (9, -32602)


async def test_a_line_that_was_too_long_is_answered_without_an_id() -> None:
    async with peer() as one:
        one.dispatcher.receive(OVERSIZE)
        assert one.sent == [error(None, -32700, "the line is longer than 4 MiB")]


async def test_four_mebibytes_are_served_and_one_byte_more_is_not() -> None:
    frame = b'{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}'
    text = b"x" * (MAX_LINE_BYTES - len(frame))
    lines = LineBuffer(MAX_LINE_BYTES)
    async with peer() as one:
        for filler in (text, text + b"x", b"ok"):
            for line in lines.feed(frame.replace(b'""', b'"' + filler + b'"') + b"\n"):
                one.dispatcher.receive(line)
        assert one.sent == [
            result(1, text.decode()),
            error(None, -32700, "the line is longer than 4 MiB"),
            result(1, "ok"),
        ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","method":"note","params":{"text":"heard"}}',
        b'{"jsonrpc":"2.0","method":"nothing"}',
        b'{"jsonrpc":"2.0","method":"echo","params":{"text":1}}',
        b'{"jsonrpc":"2.0","method":"refuse"}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}',
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}',
    ],
)
async def test_a_notification_or_a_response_is_never_answered(line: bytes) -> None:
    async with peer() as one:
        assert one.say(line) == []
        assert one.reports == []


async def test_a_notification_that_breaks_is_reported_and_not_answered() -> None:
    async with peer() as one:
        assert one.say(b'{"jsonrpc":"2.0","method":"break"}') == []
        assert [(what, str(mistake)) for what, mistake in one.reports] == [("break", "sk-inside")]


async def test_a_failure_of_ours_has_its_code_and_words_and_any_other_only_a_fixed_text() -> None:
    async with peer() as one:
        assert one.ask(1, "refuse") == [error(1, ErrorCode.UNKNOWN_COMMAND, "words for a user")]
        assert one.reports == []
        assert one.ask(2, "break") == [error(2, -32603, MISTAKE)]
        one.ask(3, "breakLater")
        assert (await one.until_answered(3))[2:] == [error(3, -32603, MISTAKE)]
        assert [what for what, _ in one.reports] == ["break", "breakLater"]


async def test_a_result_that_cannot_be_written_is_answered_all_the_same() -> None:
    async with peer() as one:
        assert one.ask(1, "surrogate") == [error(1, -32603, MISTAKE)]
        assert one.ask(2, "echo", {"text": "still here"}) == [result(2, "still here")]


async def test_slow_requests_are_answered_in_the_order_in_which_they_end() -> None:
    async with peer() as one:
        one.ask(1, "wait", {"text": "slow"})
        assert one.ask(2, "echo", {"text": "quick"}) == [result(2, "quick")]
        one.gate.set()
        assert await one.until_answered(2) == [result(2, "quick"), result(1, "slow")]


async def test_a_cancelled_request_is_answered_once_with_the_code_for_it() -> None:
    async with peer() as one:
        one.ask("w", "wait")
        await one.entered.wait()
        one.say(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"w"}}')
        await one.until_answered(1)
        one.gate.set()
        await anyio.wait_all_tasks_blocked()
        assert one.sent == [error("w", -32800, CANCELLED)]


async def test_a_cancellation_in_the_same_chunk_as_its_request_counts() -> None:
    async with peer() as one:
        one.say(
            b'{"jsonrpc":"2.0","id":1,"method":"wait"}',
            b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}',
        )
        assert await one.until_answered(1) == [error(1, -32800, CANCELLED)]


async def test_a_cancellation_that_comes_too_late_changes_nothing() -> None:
    async with peer() as one:
        one.ask(1, "stubborn", {"text": "done"})
        await one.entered.wait()
        one.say(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}')
        one.gate.set()
        await one.until_answered(1)
        await anyio.wait_all_tasks_blocked()
        one.say(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}')
        assert len(one.sent) == 1


async def test_what_is_under_way_at_the_end_is_told_so() -> None:
    async with peer() as one:
        one.ask(1, "wait")
        await one.entered.wait()
    assert one.sent == [error(1, ErrorCode.SHUTTING_DOWN, "the sidecar is ending")]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


envelopes = st.fixed_dictionaries(
    {"id": st.integers() | st.text(max_size=8)},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "1.0"]),
        "method": st.sampled_from(["echo", "note", "break", "refuse", "nothing"]) | junk,
        "params": st.fixed_dictionaries({}, optional={"text": junk, "someItems": junk}) | junk,
    },
)


@settings(deadline=None)
@given(st.lists(envelopes, max_size=4), st.binary(max_size=30), st.integers(1, 50))
async def test_however_requests_arrive_each_is_answered_exactly_once_between_garbage(
    requests: list[dict[str, Any]], garbage: bytes, size: int
) -> None:
    noise = garbage.replace(b"{", b"[") + b"\n"
    data = noise.join([b"", *(msgspec.json.encode(request) + b"\n" for request in requests)])
    lines = LineBuffer(MAX_LINE_BYTES)
    async with peer() as one:
        for start in range(0, len(data), size):
            for line in lines.feed(data[start : start + size]):
                one.dispatcher.receive(line)
        answered = [message["id"] for message in one.sent if message["id"] is not None]
        assert answered == [request["id"] for request in requests]
        assert all(("result" in message) != ("error" in message) for message in one.sent)
