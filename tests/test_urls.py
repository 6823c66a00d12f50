"""Which URLs may be called, and how a quota URL is put together."""

import ipaddress

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.adapters.urls import Endpoint, UrlRefusedError, join, parse, refuse_addresses
from sidecar.texts import addresses as words


def refusal(url: str) -> str | None:
    """Return the words that *url* is refused with, or None."""
    try:
        parse(url)
    except UrlRefusedError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://gateway.example/v1/quota", ("https://gateway.example", "https", "gateway.example", 443)),
        ("https://Gateway.Example:443/", ("https://gateway.example", "https", "gateway.example", 443)),
        ("https://gateway.example:8443", ("https://gateway.example:8443", "https", "gateway.example", 8443)),
        ("HTTP://127.0.0.1:4000/x", ("http://127.0.0.1:4000", "http", "127.0.0.1", 4000)),
        ("http://[::1]:80/", ("http://[::1]", "http", "::1", 80)),
        ("http://localhost/", ("http://localhost", "http", "localhost", 80)),
    ],
    ids=str,
)
def test_an_origin_is_scheme_host_and_a_port_that_is_not_the_schemes_own(
    url: str, endpoint: tuple[str, str, str, int]
) -> None:
    assert parse(url) == Endpoint(url, *endpoint)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", words.not_http()),
        ("gateway.example/v1", words.not_http()),
        ("//gateway.example/v1", words.not_http()),
        ("file:///etc/passwd", words.not_http()),
        ("ftp://gateway.example", words.not_http()),
        ("javascript:alert(1)", words.not_http()),
        ("https://", words.not_http()),
        ("https:///quota", words.not_http()),
        ("https://:443/", words.not_http()),
        ("https://user@gateway.example/", words.user_info()),
        ("https://user:word@gateway.example/", words.user_info()),
        ("https://@gateway.example/", words.user_info()),
        ("https://good.example@evil.example/", words.user_info()),
        ("https://good.example\\@evil.example/", words.malformed()),
        ("https:\\\\gateway.example", words.malformed()),
        ("https://gateway.example/a b", words.malformed()),
        ("https://gateway.example/\r\nX: y", words.malformed()),
        ("https://gate\tway.example/", words.malformed()),
        (" https://gateway.example/", words.malformed()),
        ("https://gateway.example/\x00", words.malformed()),
        ("https://gateway.example:port/", words.malformed()),
        ("https://gateway.example:99999/", words.malformed()),
        ("https://[::1/", words.malformed()),
        ("http://8.8.8.8/", words.public_http()),
        ("http://[2001:4860:4860::8888]/", words.public_http()),
        ("http://[::ffff:8.8.8.8]/", words.public_http()),
        ("http://0.0.0.0/", words.public_http()),
        ("http://[::]/", words.public_http()),
        ("http://172.32.0.1/", words.public_http()),
        ("http://100.64.0.1/", words.public_http()),
        ("http://169.254.1.1/", words.public_http()),
        ("http://[fe80::1%25eth0]/", words.public_http()),
        ("http://169.254.169.254/latest", words.metadata()),
        ("https://169.254.169.254/latest", words.metadata()),
        ("https://[::ffff:169.254.169.254]/", words.metadata()),
        ("https://[::ffff:a9fe:a9fe]/", words.metadata()),
        ("https://[fd00:ec2::254]/", words.metadata()),
        ("https://[FD00:0EC2:0::0254]/", words.metadata()),
        ("https://100.100.100.200/", words.metadata()),
        ("https://metadata.google.internal/", words.metadata()),
        ("https://Metadata.Google.Internal./", words.metadata()),
        ("http://metadata/", words.metadata()),
    ],
    ids=repr,
)
def test_a_url_that_may_not_be_called_is_refused_with_the_reason(url: str, reason: str) -> None:
    assert refusal(url) == reason


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "[::1]", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1",
             "[fd12:3456::1]", "[::ffff:10.0.0.1]"],
)  # fmt: skip
def test_plain_http_may_go_to_loopback_and_private_addresses(host: str) -> None:
    assert refusal(f"http://{host}/quota") is None


@pytest.mark.parametrize(
    ("scheme", "resolved", "reason"),
    [
        ("http", ["127.0.0.1", "::1"], None),
        ("http", ["127.0.0.1", "8.8.8.8"], words.public_http()),
        ("http", ["fe80::1%eth0"], words.public_http()),
        ("https", ["8.8.8.8"], None),
        ("https", ["8.8.8.8", "169.254.169.254"], words.metadata()),
        ("http", ["::ffff:169.254.169.254"], words.metadata()),
        ("http", [], None),
    ],
    ids=repr,
)
def test_every_address_that_a_name_resolves_to_must_be_allowed(
    scheme: str, resolved: list[str], reason: str | None
) -> None:
    if reason is None:
        refuse_addresses(scheme, resolved)
    else:
        with pytest.raises(UrlRefusedError) as refused:
            refuse_addresses(scheme, resolved)
        assert str(refused.value) == reason


@given(st.ip_addresses())
def test_plain_http_to_a_public_address_is_always_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    if address.is_global:
        assert refusal(f"http://{host}/") is not None


@given(st.ip_addresses(v=4))
def test_ipv4_written_as_ipv6_is_judged_as_ipv4(address: ipaddress.IPv4Address) -> None:
    assert refusal(f"http://[::ffff:{address}]/") == refusal(f"http://{address}/")


@given(st.text(max_size=40), st.sampled_from(["https://", "http://", "https://gateway.example", ""]))
def test_a_refusal_never_repeats_the_url(rest: str, start: str) -> None:
    assert refusal(start + rest) in (
        None, words.malformed(), words.not_http(), words.user_info(), words.metadata(), words.public_http(),
    )  # fmt: skip


HOSTS = st.one_of(
    st.from_regex(r"[A-Za-z0-9._%~!$&'()*+,;=:\[\]-]{1,20}", fullmatch=True),
    st.sampled_from(["127.1", "0x7f.1", "2130706433", "[::1]", "gateway.example", "a.example#@b.example"]),
)


@example("[::1]", "1")
@given(HOSTS, st.from_regex(r"[/?#@:;%A-Za-z0-9.]{0,12}", fullmatch=True))
def test_the_client_calls_the_host_that_was_judged(host: str, rest: str) -> None:
    url = f"https://{host}{rest}"
    if refusal(url) is not None:
        return
    endpoint = parse(url)
    try:
        called = httpx.URL(url)
    except httpx.InvalidURL:
        return  # not called at all
    assert called.host.lower() == endpoint.host.lower()
    assert (called.port or 443) == endpoint.port


@pytest.mark.parametrize(
    ("base", "quota_path", "url"),
    [
        ("https://g.example/v1", "/quota", "https://g.example/v1/quota"),
        ("https://g.example/v1/", "/quota", "https://g.example/v1/quota"),
        ("https://g.example", "/quota", "https://g.example/quota"),
        ("https://g.example/v1?a=b#c", "/quota?full=1", "https://g.example/v1/quota?full=1"),
        ("https://g.example:4000/v1", "//key/info", "https://g.example:4000/key/info"),
        ("https://g.example/v1", "//", "https://g.example/"),
        ("https://g.example/v1", "/", "https://g.example/v1/"),
        ("https://g.example/v1", "//@evil.example/", "https://g.example/@evil.example/"),
        ("https://g.example/v1", "///evil.example/", "https://g.example//evil.example/"),
    ],
)
def test_a_quota_path_is_appended_or_with_two_slashes_joined_to_the_origin(
    base: str, quota_path: str, url: str
) -> None:
    assert join(base, quota_path) == url


@given(st.text(max_size=30))
def test_no_quota_path_leads_to_another_origin(rest: str) -> None:
    for path in (f"/{rest}", f"//{rest}"):
        try:
            endpoint = parse(join("https://g.example/v1", path))
        except UrlRefusedError:
            continue
        assert endpoint.origin == "https://g.example"
