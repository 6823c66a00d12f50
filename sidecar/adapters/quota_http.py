"""Asks a gateway over HTTP, within the limits that nothing may exceed: addresses, size, depth, time.

Every failure becomes a `QuotaFetchError` with a kind that the texts know; no body, URL or secret leaves
this file in an error.
"""

import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final

import anyio
import httpx
import msgspec
from msgspec import Struct

from sidecar.adapters import urls
from sidecar.adapters.http_clients import USER_AGENT, EnvironmentRefusedError, HttpClients, NoSuchHostError
from sidecar.adapters.secrets import Secret
from sidecar.plain import is_list, is_object
from sidecar.quota.mapping import Reply

MAX_BODY_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 64


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
    """Fetches quotas with clients of its own."""

    def __init__(self) -> None:
        """Start without a client."""
        self._clients = HttpClients()

    async def fetch(self, request: QuotaRequest, now: float) -> Reply:
        """Return the decoded reply; raise `QuotaFetchError`. *now* is for dates in Retry-After."""
        try:
            with anyio.fail_after(request.timeout_s):
                return await self._clients.exchange(
                    urls.parse(request.url), lambda client, url: _send(client, url, request, now)
                )
        except TimeoutError as error:
            raise QuotaFetchError("timeout") from error
        except urls.UrlRefusedError as error:
            raise QuotaFetchError("refused-address") from error
        except NoSuchHostError as error:
            raise QuotaFetchError("no-such-host") from error
        except EnvironmentRefusedError as error:
            raise QuotaFetchError("environment") from error
        except httpx.ConnectError as error:
            raise QuotaFetchError(_why_not_connected(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            raise QuotaFetchError("protocol") from error

    async def prepare(self, schemes: Iterable[str]) -> None:
        """Build the clients that will be needed, for those who measure; what is wrong is told by `fetch`."""
        for scheme in schemes:
            with suppress(EnvironmentRefusedError):
                await self._clients.ready(scheme)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._clients.aclose()


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
