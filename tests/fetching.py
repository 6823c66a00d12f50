"""One fetch, as the tests of the HTTP client make it, and what its failure says."""

from collections.abc import Callable

import pytest

from sidecar.adapters.quota_http import QuotaFetchError, QuotaHttp, QuotaRequest
from sidecar.adapters.secrets import Secret
from tests.bed.gateways import Gateway
from tests.bed.replies import Received, Reply

KEY = "sk-distinctive-canary-0123456789"
NOW = 1_790_000_000.0
PATIENT_S = 20.0


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
