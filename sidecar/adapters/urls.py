"""Which URLs may be called: the trust rules for addresses, and how a quota URL is put together."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from sidecar.texts import addresses as words

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL: Final = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
"""Loopback and private networks: where plain http may go."""

_METADATA: Final = [
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google Cloud, DigitalOcean, Oracle
        "169.254.170.2",  # AWS container credentials
        "169.254.170.23",  # AWS EKS pod identity
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud, classic
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::23",  # AWS EKS pod identity over IPv6
        "fd20:ce::254",  # Google Cloud over IPv6
    )
]
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal",
     "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com"}
)  # fmt: skip
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class UrlRefusedError(ValueError):
    """A URL that may not be called; the message says why and never repeats the URL."""


class Endpoint(Struct, frozen=True):
    """A URL that passed every check that needs no name resolution."""

    url: str
    origin: str
    """Scheme, host and port that isn't the scheme's own: what a key belongs to."""
    scheme: str
    host: str
    port: int


def parse(url: str) -> Endpoint:
    """Return *url* taken apart, or raise `UrlRefusedError`."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise UrlRefusedError(words.malformed())
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefusedError(words.malformed()) from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise UrlRefusedError(words.not_http())
    if "@" in parts.netloc:
        raise UrlRefusedError(words.user_info())
    if parts.netloc.lower() != _netloc(parts.hostname, port):  # another parser may see another host
        raise UrlRefusedError(words.malformed())
    _refuse_host(parts.scheme, parts.hostname)
    default = _DEFAULT_PORTS[parts.scheme]
    origin = f"{parts.scheme}://{_netloc(parts.hostname, None if port == default else port)}"
    return Endpoint(url, origin, parts.scheme, parts.hostname, default if port is None else port)


def join(base: str, quota_path: str) -> str:
    """Append *quota_path* to the path of *base*; starting with `//` it is joined to the origin."""
    parts = urlsplit(base)
    origin = f"{parts.scheme}://{parts.netloc}"
    if quota_path.startswith("//"):
        return origin + quota_path[1:]
    return origin + parts.path.rstrip("/") + quota_path


def refuse_addresses(scheme: str, resolved: Iterable[str]) -> None:
    """Raise `UrlRefusedError` if one of the addresses that a name resolves to may not be called."""
    for text in resolved:
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
        if address in _METADATA:
            raise UrlRefusedError(words.metadata())
        if scheme == "http" and not any(address in network for network in _LOCAL):
            raise UrlRefusedError(words.public_http())


def _plain(address: Address) -> Address:
    """Unwrap IPv4 that is written as IPv6."""
    return getattr(address, "ipv4_mapped", None) or address


def _netloc(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _refuse_host(scheme: str, host: str) -> None:
    """Refuse what the host's spelling already tells."""
    if host.rstrip(".") in _METADATA_NAMES:
        raise UrlRefusedError(words.metadata())
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    refuse_addresses(scheme, [host])
