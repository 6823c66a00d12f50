"""Whatever is configured, a key goes to the place of its own provider and to no other."""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.wires import wires
from sidecar.core.account import account_of
from tests.machine import Machine
from tests.offers import CHAT, MESSAGES, RESPONSES, catalogue, model, target

IDS = ["groq", "openai", "anthropic", "opencode", "gw-a", "gw-b", "mistral"]
NPM = [CHAT, MESSAGES, RESPONSES, "@ai-sdk/groq", "@ai-sdk/google", "evil-package", None]
BASES = [
    None, "https://a.example/v1", "https://b.example", "http://127.0.0.1:9/v1", "http://8.8.8.8/v1",
    "https://key@c.example", "https://a.example\\@c.example", "{env:UNSET}", "https://api.groq.com/x?y=//c.example",
]  # fmt: skip


def key(provider_id: str, source: str) -> str:
    return f"key-of-{provider_id}-in-{source}-{'x' * 20}"


@st.composite
def hosts(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for provider_id in draw(st.lists(st.sampled_from(IDS), unique=True)):
        base, npm = draw(st.sampled_from(BASES)), draw(st.sampled_from(NPM))
        options = {"baseURL": base} if base else {}
        if draw(st.booleans()):
            options["apiKey"] = key(provider_id, "config")
        rows[provider_id] = {"options": options} | ({"npm": npm} if npm else {})
    return rows


def own_places(provider_id: str, row: dict[str, Any]) -> set[str]:
    """Return the origins that a provider's key belongs to."""
    if base := row.get("options", {}).get("baseURL"):
        return {origin_of(str(base))}
    known = {rows[provider_id] for rows in wires().bases.values() if provider_id in rows}
    named = known or {wires().defaults.get(row.get("npm", ""), "")}
    return {origin_of(url) for url in named}


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@given(
    host=hosts(),
    project=hosts(),
    auth=st.sets(st.sampled_from(IDS)),
    logins=st.sets(st.sampled_from(IDS)),
    environ=st.sets(st.sampled_from(IDS)),
    offered=st.dictionaries(st.sampled_from(IDS), st.sampled_from(NPM), min_size=1),
    listed=st.lists(st.sampled_from(IDS), unique=True),
)
def test_no_key_goes_to_another_origin_than_its_own(
    host: dict[str, dict[str, Any]],
    project: dict[str, dict[str, Any]],
    auth: set[str],
    logins: set[str],
    environ: set[str],
    offered: dict[str, str | None],
    listed: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder))
        machine.write(machine.host, {"provider": host})
        for place in (machine.project / "opencode.json", machine.project / ".opencode" / "opencode.json"):
            machine.write(place, {"provider": project})
        stored: dict[str, Any] = {name: {"type": "api", "key": key(name, "auth")} for name in auth}
        stored |= {name: {"type": "oauth", "refresh": key(name, "login")} for name in logins}
        machine.write(machine.auth, stored)
        machine.environ |= {
            f"{name.upper().replace('-', '_')}_API_KEY": key(name, "environment") for name in environ
        }
        machine.write(machine.ours, {"routes": [{"targets": [f"{name}/m1" for name in listed]}]})
        models = {name.replace("-", "_"): [model("m1", npm)] for name, npm in offered.items()}
        known = catalogue(**models)
        targets = machine.loader.load(machine.project, (), known).targets
        found = [spec for name in IDS for spec in targets.route(target(f"{name}/m1"), known).targets]
    for spec in found:
        provider_id, said = spec.target.provider_id, [text.reveal() for text in spec.headers.values()]
        assert "key-of" not in (spec.url or "")
        assert spec.url is not None or said == []
        for text in [text for text in said if "key-of" in text]:
            assert f"key-of-{provider_id}-in" in text
            assert "in-login" not in text
            assert spec.account == account_of(provider_id, spec.account.origin, text.removeprefix("Bearer "))
            places = own_places(provider_id, host.get(provider_id, {}))
            assert spec.url is not None
            assert {spec.account.origin, origin_of(spec.url)} <= places
