"""One fetch against real servers on loopback: what is sent, which limits hold, how each fault is called."""

import json
import socket
from collections.abc import Callable

import anyio
import pytest

from sidecar import __version__
from sidecar.adapters.quota_http import MAX_BODY_BYTES, QuotaFetchError, QuotaHttp, retry_after_s
from tests.bed.gateways import Gateway
from tests.bed.replies import Fault, Reply, json_reply, redirect, sized_json
from tests.fetching import KEY, NOW, failure, request, serving


async def test_a_fetch_sends_its_key_our_name_and_nothing_else(http: QuotaHttp, gateway: Gateway) -> None:
    url = serving(gateway, json_reply({"ok": True}, x_more="1"))
    reply = await http.fetch(request(url, X_Tenant="seven"), NOW)
    assert (reply.body, reply.headers["x-more"]) == ({"ok": True}, "1")
    (seen,) = gateway.requests
    assert (seen.method, seen.path, seen.body, dict(seen.headers)) == (
        "GET",
        "/v1/quota",
        b"",
        {
            "host": f"127.0.0.1:{gateway.port}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "connection": "keep-alive",
            "user-agent": f"opencode-quota-sidecar/{__version__}",
            "authorization": f"Bearer {KEY}",
            "x-tenant": "seven",
        },
    )


async def test_without_a_key_no_authorization_is_sent(http: QuotaHttp, gateway: Gateway) -> None:
    await http.fetch(request(serving(gateway, json_reply({})), key=None), NOW)
    assert "authorization" not in gateway.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
async def test_a_redirect_is_not_followed_and_takes_no_key_along(
    http: QuotaHttp, new_gateway: Callable[[], Gateway], status: int
) -> None:
    first, second = new_gateway(), new_gateway()
    second.quota({"tokens": {"limit": 1}})
    url = serving(first, redirect(f"{second.base_url}/quota", status))
    assert await failure(http, request(url)) == ("redirect", status, None)
    assert (len(first.requests), second.requests) == (1, [])


async def test_a_cookie_of_one_gateway_is_not_sent_to_any(
    http: QuotaHttp, new_gateway: Callable[[], Gateway]
) -> None:
    first, second = new_gateway(), new_gateway()
    for gateway in (first, second, first):
        await http.fetch(request(serving(gateway, json_reply({}, set_cookie=f"k={KEY}; Path=/"))), NOW)
    assert [
        seen for gateway in (first, second) for seen in gateway.requests if "cookie" in seen.headers
    ] == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_may_have_256_kib_and_not_a_byte_more(
    http: QuotaHttp, gateway: Gateway, chunked: bool
) -> None:
    def sized(size: int) -> Reply:
        whole = sized_json(size)
        return Reply(200, whole.body, whole.headers, chunked=chunked)

    reply = await http.fetch(request(serving(gateway, sized(262_144))), NOW)
    assert len(reply.body["filler"]) > 262_000
    assert await failure(http, request(serving(gateway, sized(262_145)))) == ("too-large", 200, None)
    assert MAX_BODY_BYTES == 262_144


async def test_a_body_without_end_is_given_up_at_the_limit(http: QuotaHttp, gateway: Gateway) -> None:
    endless = Reply(200, [b"x" * 65_536] * 5 + [Fault.STALL], chunked=True)
    assert await failure(http, request(serving(gateway, endless))) == ("too-large", 200, None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(hold=(Fault.STALL,)),
        Reply(200, [b'{"tokens":', Fault.STALL], chunked=True),
        Reply(200, [b"{", Fault.STALL], {"content-length": "500"}),
    ],
    ids=["before the head", "in the body", "within a promised length"],
)
async def test_one_timeout_stands_over_head_and_body(http: QuotaHttp, gateway: Gateway, reply: Reply) -> None:
    assert await failure(http, request(serving(gateway, reply), timeout_s=0.2)) == ("timeout", None, None)


async def test_a_body_that_trickles_does_not_stretch_the_timeout(http: QuotaHttp, gateway: Gateway) -> None:
    trickle = Reply(200, [step for _ in range(200) for step in (b" ", 0.02)], chunked=True)
    assert await failure(http, request(serving(gateway, trickle), timeout_s=0.3)) == ("timeout", None, None)


async def test_after_failures_the_connections_are_free_again(http: QuotaHttp, gateway: Gateway) -> None:
    url = serving(gateway, Reply(hold=(Fault.STALL,)))
    async with anyio.create_task_group() as tasks:
        for _ in range(70):
            tasks.start_soon(failure, http, request(url, timeout_s=1))
    serving(gateway, json_reply({"ok": 1}))
    assert (await http.fetch(request(url), NOW)).body == {"ok": 1}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not-json"),
        (b"<html>no</html>", "not-json"),
        (b'{"a": 1} tail', "not-json"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": "\xff"}', "not-json"),
        (b'{"a": "\\ud800"}', "not-json"),
        (b"[" * 65 + b"]" * 65, "too-deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "too-deep"),
    ],
    ids=["nothing", "html", "tail", "nan", "bytes", "surrogate", "65 deep", "too deep", "objects"],
)
async def test_what_is_not_json_of_a_sane_depth_is_refused(
    http: QuotaHttp, gateway: Gateway, body: bytes, kind: str
) -> None:
    assert await failure(http, request(serving(gateway, Reply(200, body)))) == (kind, 200, None)


async def test_a_depth_of_64_is_read(http: QuotaHttp, gateway: Gateway) -> None:
    reply = await http.fetch(request(serving(gateway, Reply(200, b"[" * 64 + b"]" * 64))), NOW)
    assert json.dumps(reply.body) == "[" * 64 + "]" * 64


async def test_a_compressed_body_is_refused_unread(http: QuotaHttp, gateway: Gateway) -> None:
    squeezed = Reply(200, [b"\x1f\x8b", Fault.STALL], {"content-encoding": "gzip"}, chunked=True)
    assert await failure(http, request(serving(gateway, squeezed))) == ("compressed", 200, None)


@pytest.mark.parametrize(
    ("status", "header", "wait_s"),
    [
        (429, "7", 7.0),
        (503, " 120 ", 120.0),
        (429, "0", 0.0),
        (429, "Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        (429, "Mon, 21 Sep 2026 14:12:20 GMT", -60.0),
        (429, "soon", None),
        (429, "1.5", None),
        (401, "", None),
        (500, "²", None),
    ],
)
async def test_a_status_is_told_with_the_wait_that_it_asks_for(
    http: QuotaHttp, gateway: Gateway, status: int, header: str, wait_s: float | None
) -> None:
    headers = {"retry-after": header.encode().decode("latin-1")}
    url = serving(gateway, Reply(status, b'{"secret": "' + KEY.encode() + b'"}', headers))
    assert await failure(http, request(url)) == ("status", status, wait_s)


@pytest.mark.parametrize("value", [None, "", "9" * 400, "-5", "Mon, 99 Foo 2026", "\x00", "1e3"])
def test_no_retry_after_raises(value: str | None) -> None:
    assert retry_after_s(value, NOW) in (None, float("inf"))


@pytest.mark.parametrize(
    "reply", [Reply(hold=(Fault.CUT,)), Reply(200, [b"{", Fault.CUT], {"content-length": "9"})]
)
async def test_a_connection_that_is_cut_is_a_broken_one(
    http: QuotaHttp, gateway: Gateway, reply: Reply
) -> None:
    assert await failure(http, request(serving(gateway, reply))) == ("protocol", None, None)


async def test_a_port_where_nobody_listens_is_no_connection(http: QuotaHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await failure(http, request(f"http://127.0.0.1:{port}/quota")) == ("connect", None, None)


async def test_an_error_holds_no_url_and_no_key_in_any_text_of_its_chain(http: QuotaHttp) -> None:
    with pytest.raises(QuotaFetchError) as caught:
        await http.fetch(request("http://127.0.0.1:9/v1/quota?token=distinctive"), NOW)
    texts: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        texts.append(repr(error))
        error = error.__cause__
    assert len(texts) > 1
    assert [text for text in texts if "distinctive" in text] == []
