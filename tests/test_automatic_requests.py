"""Asked without an entry, over the wire: by each service's own preset, with keys and logins of auth.json."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from anyio import to_thread

from sidecar.adapters.gateway_client import ask
from sidecar.adapters.quota_http import QuotaFetchError, QuotaHttp
from sidecar.quota import presets
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.bed.program import run
from tests.bed.replies import Reply, json_reply
from tests.machine import KEY_A, Machine
from tests.recorded import NOW, RECORDED, Row, at_loopback, bodies_of, expected, rounded

ASKED = sorted((provider_id, name) for provider_id, names in presets.asking().items() for name in names)
TOKENS = {"access": "access-token-of-a-login-0123", "refresh": "refresh-token-of-a-login-0123"}


def recorded(preset: str) -> Row:
    return next(row for row in RECORDED if row["preset"] == preset)


def stored(provider_id: str, preset: str, **more: Any) -> dict[str, Any]:
    """Return what OpenCode stores after `opencode auth login`, as the preset wants it."""
    mapping = presets.load(preset)
    if provider_id not in mapping.login:
        return {"type": "api", "key": KEY_A}
    said = {of: f"my {name}" for name, of in mapping.from_login.items()}
    return {"type": "oauth", "expires": 0} | TOKENS | said | more


def path_of(url: str) -> str:
    """Return *url* without its host."""
    return f"{urlsplit(url).path}?{urlsplit(url).query}".rstrip("?")


def wanted(row: Row, key: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return the requests of *row* without their hosts, each with the headers that the preset sets."""
    return [
        (method, path_of(url),
         {name: value.replace("KEY", key) for name, value in headers.items()})
        for method, url, headers in row["requests"]
    ]  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(("provider_id", "preset"), ASKED)
async def test_a_service_is_asked_as_it_wants_by_what_opencode_has_for_it(
    http: QuotaHttp, gateway: Gateway, machine: Machine, provider_id: str, preset: str
) -> None:
    row, mapping = recorded(preset), presets.load(preset)
    machine.write(machine.auth, {provider_id: stored(provider_id, preset)})
    machine.write(machine.ours, {"providers": {provider_id: {"undocumented": mapping.undocumented}}})
    at_loopback(machine.config / "quota-presets", preset, gateway.origin)
    key = TOKENS[mapping.login[provider_id]] if provider_id in mapping.login else KEY_A
    requests = wanted(row, key)
    for (method, url, _), body in zip(requests, bodies_of(row), strict=True):
        gateway.script(urlsplit(url).path, json_reply(body), method=method)
    configured = await to_thread.run_sync(machine.only)
    reading = await ask(http, configured, 20, lambda: NOW)
    assert [rounded(window) for window in reading.windows] == expected(row)
    seen = [
        (one.method, f"{one.path}?{one.query}".rstrip("?"), {name: one.headers.get(name) for name in headers})
        for one, (_, _, headers) in zip(gateway.requests, requests, strict=True)
    ]
    assert seen == requests
    assert {one.headers["user-agent"].partition("/")[0] for one in gateway.requests} == {
        "opencode-quota-sidecar"
    }


@pytest.mark.parametrize(("provider_id", "preset"), [("anthropic", "claude-plan"), ("openai", "chatgpt")])
async def test_with_an_expired_token_nothing_is_sent_and_it_says_so(
    http: QuotaHttp, gateway: Gateway, machine: Machine, provider_id: str, preset: str
) -> None:
    at_loopback(machine.config / "quota-presets", preset, gateway.origin)
    machine.write(machine.ours, {"providers": {provider_id: {"undocumented": True}}})
    machine.write(machine.auth, {provider_id: stored(provider_id, preset, expires=NOW * 1000)})
    expired = await to_thread.run_sync(machine.only)
    with pytest.raises(QuotaFetchError) as told:
        await ask(http, expired, 20, lambda: NOW)
    assert (told.value.kind, told.value.status, gateway.requests) == ("login-expired", None, [])
    machine.write(machine.auth, {provider_id: stored(provider_id, preset, expires=NOW * 1000 + 1000)})
    renewed = await to_thread.run_sync(machine.only)
    assert renewed.key() == expired.key()
    with pytest.raises(QuotaFetchError) as told:
        await ask(http, renewed, 20, lambda: NOW)
    assert (told.value.kind, told.value.status, len(gateway.requests)) == ("status", 404, 1)


async def test_a_token_that_is_refused_says_that_the_login_may_have_ended(
    http: QuotaHttp, gateway: Gateway, machine: Machine
) -> None:
    at_loopback(machine.config / "quota-presets", "github-copilot", gateway.origin)
    machine.write(machine.ours, {"providers": {"github-copilot": {"undocumented": True}}})
    machine.write(machine.auth, {"github-copilot": stored("github-copilot", "github-copilot")})
    gateway.script("/copilot_internal/user", Reply(401), Reply(403))
    configured = await to_thread.run_sync(machine.only)
    for kind, status in (("login-refused", 401), ("status", 403)):
        with pytest.raises(QuotaFetchError) as told:
            await ask(http, configured, 20, lambda: NOW)
        assert (told.value.kind, told.value.status) == (kind, status)


def lines(home: Home, **env: str) -> list[str]:
    """Return the report without its last line, which says how we are."""
    done = run(home, "status", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [
        re.sub(r" +(just now|\d+ s ago)$", " AGO", line) for line in done.stdout.rstrip().splitlines()[:-1]
    ]


def test_a_key_alone_shows_the_services_windows(home: Home, gateway: Gateway) -> None:
    at_loopback(home.config / "quota-presets", "openrouter", gateway.origin)
    gateway.quota({"data": {"limit": 100, "limit_remaining": 74.5, "limit_reset": None}}, "/api/v1/key")
    assert lines(home, OPENROUTER_API_KEY=KEY_A) == [
        "openrouter AGO",
        "  key limit  ■■■■■■■■····  74%  $74.50 of $100.00 left",
        "  key: environment OPENROUTER_API_KEY",
        "",
    ]
    assert [request.headers["authorization"] for request in gateway.requests] == [f"Bearer {KEY_A}"]


def test_a_report_says_once_who_would_tell_if_it_were_turned_on(home: Home) -> None:
    (home.data / "auth.json").write_text(
        json.dumps({name: stored(name, preset) for name, preset in ASKED if presets.load(preset).login})
    )
    told = " ".join(" ".join(lines(home)).split())
    assert told.endswith(
        "Not asked, as it isn't documented there: anthropic, github-copilot, openai. To ask all the same, "
        "set providers.<id>.undocumented: true in ~/.config/opencode/quota-sidecar.jsonc."
    )
    assert "!" not in told


def test_an_expired_login_is_told_and_is_no_fault_of_the_gateway(home: Home, gateway: Gateway) -> None:
    at_loopback(home.config / "quota-presets", "claude-plan", gateway.origin)
    home.write_gateways(providers={"anthropic": {"undocumented": True}})
    login = stored("anthropic", "claude-plan", expires=1_000)
    auth = home.data / "auth.json"
    auth.write_text(json.dumps({"anthropic": login}))
    assert lines(home) == [
        "anthropic",
        "  ! the login's token has expired; OpenCode renews it with its next",
        "    request there",
        "  key: OpenCode's login",
        "",
    ]
    assert gateway.requests == []
    gateway.quota({"five_hour": {"utilization": 37.0}}, "/api/oauth/usage")
    # As nobody was asked, it may be at once, in spite of the five minutes that the service wants.
    auth.write_text(json.dumps({"anthropic": login | {"expires": 0}}))
    assert lines(home)[1:] == [
        "  5h         ■■■■■■■·····  63%",
        "  key: OpenCode's login",
        "",
    ]
    assert json.loads(auth.read_text()) == {"anthropic": login | {"expires": 0}}
