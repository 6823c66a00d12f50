"""One fetch against real servers on loopback: what is sent, which limits hold, how each fault is called."""

import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from sidecar import __version__
from sidecar.adapters import urls
from sidecar.adapters.quota_http import (
    MAX_BODY_BYTES,
    QuotaFetchError,
    QuotaHttp,
    QuotaRequest,
    retry_after_s,
)
from sidecar.adapters.secrets import Secret
from tests.bed.gateways import Gateway
from tests.bed.replies import Fault, Received, Reply, json_reply, redirect, sized_json

KEY = "sk-distinctive-canary-0123456789"
NOW = 1_790_000_000.0
PATIENT_S = 20.0
CERTIFICATE = Path(__file__).parent / "data" / "loopback.pem"
"""A key and its self-signed certificate for localhost and 127.0.0.1; it protects nothing."""


@pytest.fixture
async def http() -> AsyncIterator[QuotaHttp]:
    client = QuotaHttp()
    yield client
    await client.aclose()


def request(url: str, key: str | None = KEY, timeout_s: float = PATIENT_S, **headers: str) -> QuotaRequest:
    named = {name.replace("_", "-"): Secret(value) for name, value in headers.items()}
    authorization = {"authorization": Secret(f"Bearer {key}")} if key else {}
    return QuotaRequest(url, timeout_s, authorization | named)


async def failure(http: QuotaHttp, wanted: QuotaRequest) -> tuple[str, int | None, float | None]:
    """Return what the failure of this fetch says; it must fail, and say nothing of key or URL."""
    with pytest.raises(QuotaFetchError) as caught:
        await http.fetch(wanted, NOW)
    error = caught.value
    assert str(error) == error.kind
    return error.kind, error.status, error.retry_after_s


def serving(gateway: Gateway, reply: Reply | Callable[[Received], Reply]) -> str:
    gateway.script("/v1/quota", reply)
    return f"{gateway.base_url}/quota"


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


@contextmanager
def raw_server(answer: bytes, family: int = socket.AF_INET, tls: bool = False) -> Generator[int]:
    """Listen on loopback of one family, and say *answer* to whoever connects, whatever they ask."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    listener = socket.create_server((host, 0), family=family)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    talk = context.wrap_socket(connection, server_side=True) if tls else connection
                    with talk:
                        talk.recv(65_536)
                        talk.sendall(answer)
                except OSError:
                    continue  # the client was not content with us

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


OK = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{"ok":true}'


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000]
)
async def test_what_is_not_http_is_a_broken_reply(http: QuotaHttp, answer: bytes) -> None:
    with raw_server(answer) as port:
        assert await failure(http, request(f"http://127.0.0.1:{port}/quota")) == ("protocol", None, None)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "family",
    [
        socket.AF_INET,
        pytest.param(socket.AF_INET6, marks=pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback")),
    ],
)
async def test_localhost_is_found_in_whichever_family_listens(
    http: QuotaHttp, family: int, resolving: "Resolving"
) -> None:
    resolving({"localhost": ["::1", "127.0.0.1"]})
    with raw_server(OK, family) as port:
        assert (await http.fetch(request(f"http://localhost:{port}/quota"), NOW)).body == {"ok": True}


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(
    http: QuotaHttp,
) -> None:
    with raw_server(OK, tls=True) as port:
        assert await failure(http, request(f"https://localhost:{port}/q")) == ("certificate", None, None)


async def test_a_trusted_certificate_for_another_name_is_refused(
    http: QuotaHttp, monkeypatch: pytest.MonkeyPatch, resolving: "Resolving", tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(_certificate_alone(tmp_path)))
    resolving({"elsewhere.test": ["127.0.0.1"]})
    with raw_server(OK, tls=True) as port:
        assert (await http.fetch(request(f"https://localhost:{port}/q"), NOW)).body == {"ok": True}
        assert await failure(http, request(f"https://elsewhere.test:{port}/q")) == ("certificate", None, None)


def _certificate_alone(folder: Path) -> Path:
    text = CERTIFICATE.read_text()
    return _write(folder / "authority.pem", text[text.index("-----BEGIN CERTIFICATE-----") :])


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


async def test_a_plain_port_called_by_https_is_not_blamed_on_the_certificate(http: QuotaHttp) -> None:
    with raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert await failure(http, request(f"https://127.0.0.1:{port}/q")) == ("no-tls", None, None)


Resolving = Callable[[dict[str, list[str]]], list[str]]


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Resolving:
    """Let names resolve as a test says; the list that is returned fills with every name looked up."""
    real = socket.getaddrinfo

    def use(names: dict[str, list[str]]) -> list[str]:
        asked: list[str] = []

        def lookup(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
            name = host.decode() if isinstance(host, bytes) else host
            asked.append(name)
            if name not in names:
                return real(host, port, *rest, **more)
            if not names[name]:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [
                found for address in names[name] for found in real(address, port, type=socket.SOCK_STREAM)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        return asked

    return use


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/",
        "https://[fd00:ec2::254]/",
        "https://metadata.google.internal/",
        "https://METADATA.google.internal./",
        "http://8.8.8.8/quota",
        "http://[2001:db8::1]/quota",
    ],
)
def test_metadata_and_plain_http_to_the_world_are_refused_by_their_spelling(url: str) -> None:
    with pytest.raises(urls.UrlRefusedError):
        urls.parse(url)


@pytest.mark.parametrize(
    ("scheme", "addresses"),
    [
        ("http", ["169.254.169.254"]),
        ("https", ["169.254.169.254"]),
        ("https", ["93.184.215.14", "fd00:ec2::254"]),
        ("http", ["::ffff:169.254.169.254"]),
        ("http", ["93.184.215.14"]),
        ("http", ["127.0.0.1", "93.184.215.14"]),
        ("http", ["93.184.215.14", "10.0.0.1"]),
        ("http", ["fe80::1"]),
        ("http", ["0.0.0.0"]),  # noqa: S104 - an address to refuse, not to bind
    ],
)
async def test_a_name_is_refused_for_any_address_that_it_has_before_a_connection(
    http: QuotaHttp,
    resolving: Resolving,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    addresses: list[str],
) -> None:
    async def no_connection(*_: object, **__: object) -> None:
        pytest.fail("a connection was tried")

    asked = resolving({"gateway.test": addresses})
    monkeypatch.setattr(anyio, "connect_tcp", no_connection)
    wanted = request(f"{scheme}://gateway.test/quota")
    assert await failure(http, wanted) == ("refused-address", None, None)
    assert asked == ["gateway.test"]


async def test_plain_http_goes_to_the_address_that_was_checked_and_names_the_host(
    http: QuotaHttp, resolving: Resolving, gateway: Gateway
) -> None:
    asked = resolving({"gateway.test": ["127.0.0.1"]})
    serving(gateway, json_reply({}))
    await http.fetch(request(f"http://gateway.test:{gateway.port}/v1/quota"), NOW)
    assert asked.count("gateway.test") == 1
    assert gateway.requests[0].headers["host"] == f"gateway.test:{gateway.port}"


async def test_a_name_that_does_not_resolve_is_told(http: QuotaHttp, resolving: Resolving) -> None:
    resolving({"nowhere.test": []})
    assert await failure(http, request("http://nowhere.test/q")) == ("no-such-host", None, None)
    assert await failure(http, request("https://nowhere.test/q")) == ("connect", None, None)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "socks5", "nonsense"])
async def test_plain_http_never_goes_through_a_proxy_of_the_environment(
    http: QuotaHttp,
    new_gateway: Callable[[], Gateway],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    scheme: str,
) -> None:
    gateway, proxy = new_gateway(), new_gateway()
    monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{proxy.port}")
    await http.fetch(request(serving(gateway, json_reply({}))), NOW)
    assert (len(gateway.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "socks5://127.0.0.1:1"), ("SSL_CERT_FILE", "no-such-file.pem")]
)
async def test_settings_that_https_cannot_use_are_told_and_harm_nobody_else(
    http: QuotaHttp, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert await failure(http, request("https://127.0.0.1:9/q")) == ("environment", None, None)
    assert (await http.fetch(request(serving(gateway, json_reply({}))), NOW)).body == {}


async def test_a_proxy_for_https_sees_the_host_and_never_the_key(
    http: QuotaHttp, monkeypatch: pytest.MonkeyPatch, resolving: Resolving, gateway: Gateway
) -> None:
    resolving({"gateway.test": []})
    gateway.script("gateway.test:443", Reply(403), method="CONNECT").script("", Reply(403), method="CONNECT")
    monkeypatch.setenv("HTTPS_PROXY", gateway.origin)
    assert (await failure(http, request("https://gateway.test/q")))[0] == "protocol"
    (seen,) = gateway.requests
    assert seen.method == "CONNECT"
    assert "authorization" not in seen.headers


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
