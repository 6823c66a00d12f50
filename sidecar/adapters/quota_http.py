"""Asks a gateway over HTTP, within the limits that nothing may exceed: addresses, size, depth, time.

Every failure becomes a `QuotaFetchError` with a kind that the texts know; no body, URL or secret leaves
this file in an error.
"""

import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx
import msgspec
from msgspec import Struct

from sidecar import __version__
from sidecar.adapters import urls
from sidecar.adapters.secrets import Secret
from sidecar.plain import is_list, is_object
from sidecar.quota.mapping import Reply

MAX_BODY_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64
MAX_CONNECTIONS: Final = 64
USER_AGENT: Final = f"opencode-quota-sidecar/{__version__}"


class QuotaFetchError(Exception):
    """A fetch that gave no reply that can be read."""

    def __init__(self, kind: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        """Take the *kind* that the texts know; *retry_after_s* is what the gateway asked for."""
        super().__init__(kind)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s


class QuotaRequest(Struct, frozen=True):
    """What to ask for: the key goes to this URL's origin and nowhere else."""

    url: str
    timeout_s: float
    headers: Mapping[str, Secret] = {}
    """Those that carry a key too."""
    method: str = "GET"
    json: Any = None


class QuotaHttp:
    """One client for each scheme; built in a thread when first needed, for its imports and certificates."""

    def __init__(self) -> None:
        """Start without a client."""
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._building = anyio.Lock()
        self._lookups = anyio.CapacityLimiter(MAX_CONNECTIONS)

    async def fetch(self, request: QuotaRequest, now: float) -> Reply:
        """Return the decoded reply; raise `QuotaFetchError`. *now* is for dates in Retry-After."""
        try:
            with anyio.fail_after(request.timeout_s):
                return await self._fetch(request, now)
        except TimeoutError as error:
            raise QuotaFetchError("timeout") from error
        except urls.UrlRefusedError as error:
            raise QuotaFetchError("refused-address") from error
        except httpx.ConnectError as error:
            raise QuotaFetchError(_why_not_connected(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            raise QuotaFetchError("protocol") from error

    async def prepare(self, schemes: Iterable[str]) -> None:
        """Build the clients that will be needed, for those who measure; what is wrong is told by `fetch`."""
        for scheme in schemes:
            with suppress(QuotaFetchError):
                await self._ready(scheme)

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _fetch(self, request: QuotaRequest, now: float) -> Reply:
        endpoint = urls.parse(request.url)
        client = await self._ready(endpoint.scheme)
        *others, last = await self._allowed_urls(endpoint)
        for url in others:
            with suppress(httpx.ConnectError):
                return await _send(client, url, request, now)
        return await _send(client, last, request, now)

    async def _ready(self, scheme: str) -> httpx.AsyncClient:
        async with self._building:
            if scheme not in self._clients:
                self._clients[scheme] = await anyio.to_thread.run_sync(_build_client, scheme)
        return self._clients[scheme]

    async def _allowed_urls(self, endpoint: urls.Endpoint) -> list[httpx.URL]:
        """Check every address that the host resolves to; plain http goes to those very addresses.

        With https the certificate proves the host, and a proxy may be the only one that can resolve it.
        """
        url = httpx.URL(endpoint.url)
        try:
            found = await self._resolve(endpoint)
        except (OSError, UnicodeError) as error:
            if endpoint.scheme == "https":
                return [url]
            raise QuotaFetchError("no-such-host") from error
        addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        urls.refuse_addresses(endpoint.scheme, addresses)
        return [url] if endpoint.scheme == "https" else [url.copy_with(host=address) for address in addresses]

    async def _resolve(self, endpoint: urls.Endpoint) -> list[Any]:
        """Look the host up in a thread of its own: asyncio's few would let one dead name stop the others."""
        return await anyio.to_thread.run_sync(
            lambda: socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM),
            abandon_on_cancel=True,
            limiter=self._lookups,
        )


def _build_client(scheme: str) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            follow_redirects=False,
            timeout=None,  # noqa: S113 - one deadline stands around connecting and reading
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            # Plain http goes to loopback and private addresses only, so never through a proxy.
            trust_env=scheme == "https",
            # Cookies don't know ports: what one gateway sets would be sent to its neighbours.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise QuotaFetchError("environment") from error


async def _send(client: httpx.AsyncClient, url: httpx.URL, request: QuotaRequest, now: float) -> Reply:
    body = None if request.json is None else msgspec.json.encode(request.json)
    async with client.stream(request.method, url, headers=_headers(request), content=body) as response:
        _check_status(response, now)
        body = await _read(response)
    return Reply(_decode(body), dict(response.headers))


def _headers(request: QuotaRequest) -> httpx.Headers:
    headers = httpx.Headers(
        {
            "Host": httpx.URL(request.url).netloc.decode(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
    )
    if request.json is not None:
        headers["Content-Type"] = "application/json"
    headers.update({name: value.reveal() for name, value in request.headers.items()})
    return headers


def _check_status(response: httpx.Response, now: float) -> None:
    if response.is_redirect or 300 <= response.status_code < 400:
        raise QuotaFetchError("redirect", response.status_code)
    if not response.is_success:
        wait = retry_after_s(response.headers.get("retry-after"), now)
        raise QuotaFetchError("status", response.status_code, wait)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise QuotaFetchError("compressed", response.status_code)


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise QuotaFetchError("too-large", response.status_code)
    return bytes(body)


def _decode(body: bytes) -> Any:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise QuotaFetchError("not-json", 200) from error
    except RecursionError as error:
        raise QuotaFetchError("too-deep", 200) from error
    if _is_deeper(data, MAX_DEPTH):
        raise QuotaFetchError("too-deep", 200)
    return data


def _is_deeper(data: Any, depth: int) -> bool:
    level: list[Any] = [data]
    for _ in range(depth):
        level = [
            child
            for item in level
            for child in (item.values() if is_object(item) else item if is_list(item) else ())
        ]
        if not level:
            return False
    return True


def retry_after_s(value: str | None, now: float) -> float | None:
    """Read a Retry-After header: seconds or a date; None when it says nothing usable."""
    if not value:
        return None
    try:
        return (
            max(0.0, float(value))
            if value.strip().isdigit()
            else parsedate_to_datetime(value).timestamp() - now
        )
    except (ValueError, TypeError, OverflowError):
        return None


def _why_not_connected(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "certificate"
        if isinstance(error, ssl.SSLError):
            return "no-tls"
        error = error.__cause__ or error.__context__
    return "connect"
