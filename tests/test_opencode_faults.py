"""Fail open, in the real OpenCode: whatever the sidecar does, chats are answered, and a command says why."""

import json
import os
import signal
from typing import Final

import pytest

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.opencode import Serve, no_session_error, text_of
from tests.bed.processes import REPOSITORY, living_under, wait_until

PROVIDER: Final = "campus"

FAULTS: Final = {
    "absent": (["a-command-that-is-nowhere"], "notStarted"),
    "dying": (["sh", "-c", "exit 3"], "exited"),
    "silent": (["sh", "-c", "cat > /dev/null"], "starting"),
    "babbling": (["sh", "-c", "head -c 9000000 /dev/zero; while echo '{]'; do :; done"], "noAnswer"),
}
"""What is started in the sidecar's place, and what the shim should then name as the problem."""


@pytest.fixture
def configured(home: Home, gateway: Gateway) -> Home:
    gateway.quota({"tokens": {"limit": 10, "used": 4}}).models("A fine answer.")
    home.write_opencode({PROVIDER: provider(gateway.base_url)})
    home.write_gateways({"providerId": PROVIDER, "label": "Campus gateway", "preset": "neutral"})
    return home


def chat(serve: Serve) -> str:
    return text_of(serve.send(serve.create_session(), "Say something fine.", PROVIDER))


def status(serve: Serve) -> str:
    return text_of(serve.command(serve.create_session(), "quota_status", provider=PROVIDER))


def says_problem(text: str, problem: str) -> bool:
    """Tell whether the text is the shim's own, with the reason and the cure of this problem."""
    texts = json.loads((REPOSITORY / "js-shim" / "src" / "host.gen.json").read_text())["texts"]
    opening = texts["down"].split("{")[0]
    fixed = [part for words in texts["problems"][problem].values() for part in words.split("{detail}")]
    return text.startswith(opening) and all(part in text for part in fixed)


def sidecars(home: Home) -> list[int]:
    return [pid for pid, command in living_under(home.path).items() if "-m sidecar serve" in command]


@pytest.mark.parametrize("fault", FAULTS)
def test_chats_are_answered_and_the_command_says_what_is_wrong(
    configured: Home, gateway: Gateway, fault: str
) -> None:
    command, problem = FAULTS[fault]
    configured.env["QUOTA_SIDECAR_COMMAND"] = json.dumps(command)
    with Serve(configured) as serve, no_session_error(serve):
        assert [chat(serve) for _ in range(3)] == ["A fine answer."] * 3
        wait_until(lambda: len(gateway.model_calls) == 6, "each chat has its title")
        assert says_problem(status(serve), problem)
        assert len(gateway.model_calls) == 6


def test_a_sidecar_that_hangs_delays_no_chat_for_long_and_is_replaced(configured: Home) -> None:
    with Serve(configured) as serve, no_session_error(serve):
        assert "Campus gateway" in status(serve)
        hung = sidecars(configured)
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        assert [chat(serve) for _ in range(3)] == ["A fine answer."] * 3
        wait_until(lambda: not set(hung) & set(sidecars(configured)), "the hung sidecar is gone")
        assert "Campus gateway" in status(serve)


def test_a_sidecar_that_is_killed_is_replaced(configured: Home) -> None:
    with Serve(configured) as serve, no_session_error(serve):
        assert "Campus gateway" in status(serve)
        killed = sidecars(configured)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert chat(serve) == "A fine answer."
        wait_until(lambda: bool(set(sidecars(configured)) - set(killed)), "a new sidecar")
        assert "Campus gateway" in status(serve)


@pytest.mark.parametrize("fate", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("state", [signal.SIGCONT, signal.SIGSTOP])
def test_no_sidecar_outlives_its_opencode_not_even_a_stopped_one(
    configured: Home, fate: signal.Signals, state: signal.Signals
) -> None:
    with Serve(configured) as serve:
        assert "Campus gateway" in status(serve)
        assert sidecars(configured) != []
        for pid in sidecars(configured):
            os.kill(pid, state)
        serve.process.send_signal(fate)
        wait_until(lambda: living_under(configured.path) == {}, "every process has ended")
