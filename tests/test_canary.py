"""Keys are canaries: after everything that can go wrong, no file, log, output or frame shares six characters.

Only the files that a user wrote the keys into may hold them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.program import patched, run
from tests.bed.replies import Fault, Received, Reply, json_reply
from tests.bed.sidecar import Sidecar

RUN = 6
KEYS = {
    "environment": "sk-Xq7vB2mK9wZr4TnH6cYd",
    "config": "gsk_Lp3FjU8aEoW5iRtG1sQx",
    "auth": "tok-Vh9NyCzM4bDkJ2uS7eAf",
    "header": "hdr~Ow6PgI1xTlKq8ZcRm3Bv",
    "placeholder": "env~Fd5HsYj0UnXa2QwEr9Gt",
    "file": "fil~Mz8KbLv4CpJo7TiWq1Ns",
    "parameter": "par~Rb3EgYx6NdUs9HkQv2Wm",
    "short": "p4Ssw0rd",
}


def echo(request: Received) -> str:
    """All that a gateway knows of the caller."""
    return " ".join([*request.headers.values(), request.query])


def echoing(status: int) -> Callable[[Received], Reply]:
    """Answer with the caller's secrets in the status's body, in every header, and in every text."""

    def answer(request: Received) -> Reply:
        said, key = echo(request), request.headers.get("authorization", "").removeprefix("Bearer ")
        body = {
            "key": key,
            "tokens": {"limit": 100, "used": 1, "resets_at": said},
            "cost": {"limit": 2, "used": 1, "currency": key},
            "data": {"label": key, "limit": 3, "limit_remaining": 1, "usage": 2},
            "info": {"key_name": key, "key_alias": key[-8:], "spend": 1, "max_budget": 2},
            "error": {"message": said},
        }
        headers: dict[str, str] = {"x_echo": said, "set_cookie": f"a={key}", "www_authenticate": said}
        return json_reply(body, status, **(headers | ({"retry_after": said} if status == 429 else {})))

    return answer


def redirecting(request: Received) -> Reply:
    return Reply(302, headers={"location": f"http://127.0.0.1:9/?{echo(request)}".replace(" ", "+")})


def garbled(request: Received) -> Reply:
    return Reply(200, echo(request).encode())


def cut(_: Received) -> Reply:
    return Reply(200, [b'{"key": "', Fault.CUT], {"content-length": "99"})


FAULTS: tuple[Callable[[Received], Reply], ...] = (
    echoing(200), echoing(400), echoing(401), echoing(403), echoing(429), echoing(500), redirecting, garbled,
    cut,
)  # fmt: skip


def configure(home: Home, gateway: Gateway) -> None:
    """Configure every source of a key at each fault, and every preset."""
    for number, fault in enumerate(FAULTS):
        gateway.script(f"/v1/quota{number}", fault)
    gateway.script("/v1/key", echoing(200)).script("/key/info", echoing(200))
    secret = home.path / "secret-of-the-user"
    secret.write_text(KEYS["file"] + "\n")
    home.env |= {
        "ENVIRONMENT_API_KEY": KEYS["environment"],
        "SHORT_API_KEY": KEYS["short"],
        "HEADER_VALUE": KEYS["placeholder"],
        "PARAMETER": KEYS["parameter"],
    }
    home.write_auth(auth=KEYS["auth"], environment=KEYS["auth"])
    home.write_opencode(
        {
            "config": provider(gateway.base_url, key=KEYS["config"]),
            "filed": provider(gateway.base_url, key=f"{{file:{secret}}}"),
            "missing": provider(gateway.base_url, key="${CONFIG_KEY} {env:NO_SUCH_NAME}"),
        },
        plugin=False,
    )
    headers = {"X-Header": KEYS["header"], "X-Placeholder": "Key {env:HEADER_VALUE}"}
    entries: list[dict[str, Any]] = [
        {"providerId": name, "baseURL": gateway.base_url, "quotaPath": f"/quota{number}", "headers": headers}
        for name in ("environment", "config", "auth", "filed", "short", "missing")
        for number in range(len(FAULTS))
    ]
    entries += [
        {"providerId": "environment", "baseURL": gateway.base_url, "preset": name}
        for name in ("openrouter", "litellm")
    ]
    mapping: dict[str, Any] = {
        "config": {"token": "a token"},
        "requests": [{"path": "/quota0", "headers": {"X-Token": "{config.token}"}}],
        "account": "split(body.error.message, 'par~')[1]",
        "windows": [{"name": "{split(body.error.message, 'par~')[1]}", "unit": "x", "used": "`1`"}],
    }
    entries.append(
        {"providerId": "parameter", "baseURL": gateway.base_url, "mapping": mapping,
         "config": {"token": "{env:PARAMETER}"}}
    )  # fmt: skip
    bad = {"providerId": "config", "baseURL": gateway.base_url, "headers": {"Host": KEYS["header"]}}
    home.write_gateways(*entries, bad)


def runs(key: str) -> Iterable[str]:
    return (key[start : start + RUN] for start in range(len(key) - RUN + 1))


def found_in(data: bytes) -> list[tuple[str, str]]:
    """Name every key of which a part stands in the data, in any case, and the part."""
    text = data.lower()
    return [(name, run) for name, key in KEYS.items() for run in runs(key) if run.lower().encode() in text]


def written_under(home: Home) -> dict[str, list[tuple[str, str]]]:
    users_own = {home.config / "opencode.json", home.config / "quota-sidecar.jsonc", home.data / "auth.json"}
    users_own.add(home.path / "secret-of-the-user")
    files = [path for path in home.path.rglob("*") if path.is_file() and path not in users_own]
    assert {"state.db", "host.json"} <= {path.name for path in files}
    return {str(path): found for path in files if (found := found_in(path.read_bytes()))}


def status(home: Home, *arguments: str) -> bytes:
    done = run(home, "status", *arguments)
    assert done.returncode == 0
    return (done.stdout + done.stderr).encode()


def doctor(home: Home, *arguments: str) -> bytes:
    """Let the doctor look, also into a log that a mistake has left with every key in it."""
    logs = home.state / "logs"
    logs.mkdir(exist_ok=True)
    log = logs / "1.log"
    log.write_text("".join(f"ValueError: {key}\n{{}}\n" for key in KEYS.values()))
    done = run(home, "doctor", *arguments)
    log.unlink()
    assert done.returncode == 1
    assert "HTTP 401" in done.stdout
    assert "not shown" in done.stdout
    return (done.stdout + done.stderr).encode()


def test_no_part_of_a_key_is_ever_written_logged_printed_or_sent_to_the_host(
    home: Home, gateway: Gateway
) -> None:
    configure(home, gateway)
    with Sidecar(home.env, home.path) as child:
        child.open(home.project)
        first = child.command(home.project)["text"]
        child.command(home.project, "refresh")
        child.command(home.project, "environment refresh")
        assert child.process.poll() is None
        assert written_under(home) == {}, "while the database is open, with its log beside it"
        child.end()
    outputs = [child.received, child.log.encode(), status(home), status(home, "--json", "--refresh")]
    outputs += [doctor(home), doctor(home, "--json")]
    assert [found_in(output) for output in outputs] == [[]] * len(outputs)
    assert written_under(home) == {}
    assert_the_trap_was_set(gateway, first)


def assert_the_trap_was_set(gateway: Gateway, report: str) -> None:
    """Fail when nothing could have been found: every key was sent, every kind of failure was shown."""
    sent = " ".join(" ".join(request.headers.values()) for request in gateway.requests)
    assert {name for name, key in KEYS.items() if key in sent} == set(KEYS)
    for words in (
        "HTTP 400",
        "HTTP 401",
        "HTTP 403",
        "HTTP 429",
        "HTTP 500",
        "HTTP 302",
        "not JSON",
        "broke",
    ):
        assert words in report


def test_a_traceback_in_the_log_shows_no_value_of_a_variable(home: Home, gateway: Gateway) -> None:
    configure(home, gateway)
    broken = (
        "import sidecar.adapters.quota_http as module\n"
        "def broken(request):\n"
        "    keys = [value.reveal() for value in request.headers.values()]\n"
        "    raise RuntimeError('a mistake of ours')\n"
        "module._headers = broken"
    )
    with Sidecar(home.env, home.path, patched(broken, "serve")) as child:
        child.open(home.project)
        answer = child.command(home.project)
        child.end()
    assert answer == {"code": -32603, "message": "the sidecar made a mistake; its log says which"}
    assert "a mistake of ours" in child.log
    assert found_in(child.log.encode()) == []


def test_the_search_finds_what_it_looks_for() -> None:
    parts = [f"...{KEYS['header'][5:11]}...".upper().encode(), KEYS["short"].encode(), b"nothing"]
    assert [{name for name, _ in found_in(part)} for part in parts] == [{"header"}, {"short"}, set()]
