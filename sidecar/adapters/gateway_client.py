"""Asks a gateway: all requests of its mapping, in order, within one time, with its key and headers."""

from collections.abc import Callable
from typing import Final

import anyio

from sidecar.adapters.gateway import Gateway
from sidecar.adapters.quota_http import QuotaFetchError, QuotaHttp, QuotaRequest
from sidecar.adapters.secrets import Secret
from sidecar.quota.exchange import NOTHING, CaptureError, Exchange, Request
from sidecar.quota.mapping import Reading, Reply

EXPIRED: Final = "login-expired"
"""The token of a login has expired, so that nobody was asked."""

LOGIN_REFUSED: Final = "login-refused"
"""The token of a login was refused although it hasn't expired."""


async def ask(http: QuotaHttp, gateway: Gateway, timeout_s: float, clock: Callable[[], float]) -> Reading:
    """Return what *gateway* says now, with at least one window; raise `QuotaFetchError`.

    With the expired token of a login nothing is sent: it would only be refused.
    """
    if gateway.has_expired(clock()):
        raise QuotaFetchError(EXPIRED)
    deadline = anyio.current_time() + timeout_s
    exchange = Exchange(gateway.mapping, gateway.config)
    try:
        while request := exchange.next():
            left_s = deadline - anyio.current_time()
            exchange.answer(await _reply(http, gateway, request, left_s, clock()), clock())
    except CaptureError as error:
        raise QuotaFetchError("no-capture", 200) from error
    reading = exchange.reading(clock())
    if reading.is_refusal:
        raise QuotaFetchError("in-band", 200)
    if reading.is_too_large:
        raise QuotaFetchError("too-large", 200)
    if not reading.windows:
        raise QuotaFetchError("no-window", 200)
    return reading


async def _reply(http: QuotaHttp, gateway: Gateway, request: Request, left_s: float, now: float) -> Reply:
    try:
        return await http.fetch(_to_send(gateway, request, left_s), now)
    except QuotaFetchError as error:
        if request.is_optional:
            return NOTHING
        if error.status == 401 and gateway.is_by_login and not gateway.has_own_authorization():
            raise QuotaFetchError(LOGIN_REFUSED, 401) from error
        raise


def _to_send(gateway: Gateway, request: Request, left_s: float) -> QuotaRequest:
    """Put the request together; the entry's own headers win over the mapping's."""
    headers = {name.lower(): Secret(value) for name, value in request.headers.items()}
    if request.auth and gateway.credential:
        name, value = request.auth
        headers[name.lower()] = Secret(value.replace("{key}", gateway.credential.used.key.reveal()))
    headers.update({name.lower(): value for name, value in gateway.headers.items()})
    return QuotaRequest(gateway.url_of(request.path), left_s, headers, request.method, request.json)
