"""Where a fetch goes and where not: families of addresses, certificates, names, proxies."""

import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from sidecar.adapters import urls
from sidecar.adapters.quota_http import QuotaHttp
from tests.bed.gateways import Gateway
from tests.bed.replies import Reply, json_reply
from tests.fetching import NOW, failure, request, serving

CERTIFICATE = Path(__file__).parent / "data" / "loopback.pem"
"""A key and its self-signed certificate for localhost and 127.0.0.1; it protects nothing."""


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
