"""Every preset that asks: what goes over the wire to a gateway on loopback, and which windows come back."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from anyio import to_thread

from sidecar import __version__
from sidecar.adapters.gateway_client import ask
from sidecar.adapters.quota_http import QuotaHttp
from sidecar.quota import presets
from tests.bed.gateways import Gateway
from tests.bed.replies import Received, json_reply
from tests.machine import KEY_A, Machine
from tests.recorded import NOW, RECORDED, Row, bodies_of, config_of, expected, id_of, rounded

Requests = list[tuple[str, str, dict[str, str]]]
"""Method, URL or path, and headers of each request, in order."""

ASKING = sorted(name for name in presets.names() if not presets.load(name).is_passive)
FETCHED = [row for row in RECORDED if row["preset"] in ASKING and row["expected_windows"]]


def recorded_requests(row: Row) -> Requests:
    """Return what *row*, or else the first of its preset, says of the requests, with our key."""
    if "requests" not in row:
        row = first_of(row["preset"])
    return [
        (method, url, {name: value.replace("KEY", KEY_A) for name, value in headers.items()})
        for method, url, headers in row["requests"]
    ]


def first_of(preset: str) -> Row:
    return next(row for row in RECORDED if row["preset"] == preset)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    one = Machine(tmp_path)
    one.environ["SERVICE_API_KEY"] = KEY_A
    return one


def configure(machine: Machine, preset: str, **more: object) -> None:
    """Write a configuration as a user would, with one gateway of *preset*."""
    config = config_of(presets.load(preset))
    machine.gateways({"providerId": "service", "preset": preset, "config": config, **more})


def sent(request: Received) -> tuple[str, str, dict[str, str]]:
    """Return the request without the headers that all have, which must be there and ours."""
    headers = dict(request.headers)
    assert headers.pop("host").startswith("127.0.0.1:")
    assert {
        name: headers.pop(name) for name in ("accept", "accept-encoding", "connection", "user-agent")
    } == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "user-agent": f"opencode-quota-sidecar/{__version__}",
    }
    if request.method == "POST":
        assert int(headers.pop("content-length")) == len(request.body)
    return request.method, f"{request.path}?{request.query}".rstrip("?"), headers


@pytest.mark.parametrize("row", FETCHED, ids=id_of)
async def test_a_preset_asks_as_the_service_wants_it_and_reads_its_windows(
    http: QuotaHttp, gateway: Gateway, machine: Machine, row: Row
) -> None:
    mapping = presets.load(row["preset"])
    for (method, url, _), body in zip(
        recorded_requests(first_of(row["preset"])), bodies_of(row), strict=True
    ):
        if body is not None:  # else there is nothing at this path
            gateway.script(urlsplit(url).path, json_reply(body), method=method)
    path = urlsplit(mapping.base_url).path if mapping.base_url else "/v1"
    configure(machine, row["preset"], baseURL=gateway.origin + path)
    configured = await to_thread.run_sync(machine.only)
    reading = await ask(http, configured, 20, lambda: NOW)
    assert [sent(request) for request in gateway.requests] == [
        (method, urlsplit(url)._replace(scheme="", netloc="").geturl(), headers)
        for method, url, headers in recorded_requests(row)
    ]
    written = {
        b"" if request.json is None else json.dumps(request.json, separators=(",", ":")).encode()
        for request in mapping.requests
    }
    assert {request.body for request in gateway.requests} == written
    assert [rounded(window) for window in reading.windows] == expected(row)


def test_every_preset_that_asks_is_asked_here() -> None:
    assert sorted({row["preset"] for row in FETCHED}) == ASKING


@pytest.mark.parametrize("preset", ASKING)
def test_a_service_that_is_one_place_needs_no_address_and_another_wants_one(
    machine: Machine, preset: str
) -> None:
    configure(machine, preset, apiKeyEnv="SERVICE_API_KEY")
    requests = recorded_requests(first_of(preset))
    if requests[0][1].startswith("/"):
        path, message = machine.refused()
        assert path == "gateways[0].providerId"
        assert "baseURL" in message
        return
    filled = [re.sub(r"\{config\.(\w+)\}", r"my%20\1", url) for url in machine.only().urls()]
    assert filled == [f"{method} {url}" for method, url, _ in requests]


@pytest.mark.parametrize(
    ("preset", "parameter", "told"),
    [
        ("chatgpt", "account_id", "the account's id, if it isn't that of OpenCode's login"),
        ("xai", "team_id", "the team's id, from console.x.ai"),
    ],
)
def test_what_a_preset_wants_to_know_is_asked_for(
    machine: Machine, preset: str, parameter: str, told: str
) -> None:
    machine.gateways({"providerId": "service", "preset": preset, "apiKeyEnv": "SERVICE_API_KEY"})
    path, message = machine.refused()
    assert path == "gateways[0].config"
    assert parameter in message
    assert told in message
