"""What a user of any OpenCode gets, a test for each column of the table that `make test-hosts` prints."""

import pytest

from sidecar.protocol import ROUTER
from tests.bed.home import MODEL
from tests.bed.opencode import START_S, text_of
from tests.bed.processes import opencode_binary
from tests.bed.refusals import REFUSALS
from tests.bed.tui import Tui
from tests.failover import ALPHA, ANSWERS, BETA, GAMMA, Scene, Turn, entries
from tests.hosts.expected import version_of
from tests.routed import start_once

REPLY = {"tokens": {"limit": 1000, "used": 360, "remaining": 640}}


def write(one: Scene) -> None:
    """Ask the first of three gateways for its quota; the common model is a virtual one too."""
    providers = entries(one.gateways)
    one.home.write_opencode(providers, enabled_providers=[*providers, ROUTER])
    one.home.write_gateways({"providerId": ALPHA, "quotaPath": "/quota", "preset": "neutral"})
    one.alpha.quota(REPLY)
    start_once(one)


@pytest.fixture
def host(three: Scene) -> Scene:
    three.alpha.quota(REPLY)
    return three


def test_load(host: Scene) -> None:
    ours = {"quota_status", "rate_limit_status", "route", "rate_limit_reset"}
    offered = {row["name"] for row in host.serve.client.get("/command").json()}
    assert offered >= ours
    assert len(host.sidecars()) == 1
    noted = "".join(path.read_text("utf-8") for path in (host.home.state / "logs").glob("*.log"))
    assert f'"version": "{version_of(opencode_binary())}"' in noted
    assert "hook_failed" not in noted


def test_quota_status(host: Scene) -> None:
    session = host.new_session()
    answer = host.serve.command(session, "quota_status", provider=ALPHA)
    assert "64%  640 of 1,000 left" in text_of(answer)
    assert host.calls() == [0, 0, 0]
    assert host.turn(session=session).said == ANSWERS[ALPHA]
    [sent] = host.alpha.turn_calls
    assert "quota_status" not in sent.text
    assert "1,000 left" not in sent.text


def test_failover(host: Scene) -> None:
    host.alpha.turns(REFUSALS["429 for an hour"])
    assert host.turn() == Turn(ANSWERS[BETA])
    assert host.calls() == [1, 1, 0]


def test_toast(host: Scene) -> None:
    host.alpha.turns(REFUSALS["429 for an hour"])
    with Tui(host.home, columns=100) as tui:
        tui.write("hello")
        tui.press("enter")
        tui.wait_for("Alpha refuses (quota used up)", START_S)
        tui.wait_for_turns()


def test_limit_router(host: Scene) -> None:
    host.alpha.turns(REFUSALS["429 for an hour"])
    virtual = {"providerID": ROUTER, "modelID": MODEL}
    turn = host.turn(model=virtual)
    assert turn.said in (ANSWERS[BETA], ANSWERS[GAMMA])
    assert turn.error == ""
