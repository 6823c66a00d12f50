"""HTTP clients that call only what may be called: every address of a host is looked at first."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import httpx

from sidecar import __version__
from sidecar.adapters import urls

MAX_CONNECTIONS: Final = 64
MAX_IDLE: Final = 4
"""Kept open for a second request at once. The pool looks at each of them for every request: fifty that are
open and fifty that are asked cost more than a second."""
USER_AGENT: Final = f"opencode-quota-sidecar/{__version__}"

T = TypeVar("T")


class NoSuchHostError(Exception):
    """A host's name that can't be resolved."""


class EnvironmentRefusedError(Exception):
    """Proxy or certificate settings of the environment that can't be used."""


class HttpClients:
    """One client for each scheme; built in a thread when first needed, for its imports and certificates."""

    def __init__(self) -> None:
        """Start without a client."""
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._building = anyio.Lock()
        self._lookups = anyio.CapacityLimiter(MAX_CONNECTIONS)

    async def exchange(
        self, endpoint: urls.Endpoint, send: Callable[[httpx.AsyncClient, httpx.URL], Awaitable[T]]
    ) -> T:
        """Return what *send* makes of the first address of *endpoint* that takes a connection.

        Raises `UrlRefusedError`, `NoSuchHostError`, `EnvironmentRefusedError` and what *send* raises.
        """
        client = await self.ready(endpoint.scheme)
        *others, last = await self._allowed_urls(endpoint)
        for url in others:
            with suppress(httpx.ConnectError):
                return await send(client, url)
        return await send(client, last)

    async def ready(self, scheme: str) -> httpx.AsyncClient:
        """Return the client for *scheme*; raises `EnvironmentRefusedError`."""
        async with self._building:
            if scheme not in self._clients:
                self._clients[scheme] = await anyio.to_thread.run_sync(_build_client, scheme)
        return self._clients[scheme]

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

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
            raise NoSuchHostError from error
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
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_IDLE),
            # Plain http goes to loopback and private addresses only, so never through a proxy.
            trust_env=scheme == "https",
            # Cookies don't know ports: what one gateway sets would be sent to its neighbours.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise EnvironmentRefusedError from error
