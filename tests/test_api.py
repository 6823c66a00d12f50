"""The Python API: what other programs get, what it leaves alone, and the README's example."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import anyio
import pytest
import structlog
from msgspec.structs import replace

from sidecar import api
from sidecar.quota.windows import Window
from tests.bed.gateways import Gateway
from tests.bed.home import Home
from tests.test_cli_route import Two

README: Final = (Path(__file__).parents[1] / "README.md").read_text("utf-8")

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def unlogged() -> Iterator[None]:
    """Let the tests after these log as if nobody had called the API, which sets that up where nobody has."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def two(home: Home, new_gateway: Callable[[], Gateway]) -> Two:
    return Two(home, new_gateway)


async def test_usage_tells_of_each_account(two: Two) -> None:
    first, second = await api.usage(environ=two.home.env)
    assert first.read_at is not None
    assert replace(first, read_at=None) == api.ProviderUsage(
        "campus",
        "Campus",
        headroom_percent=25.0,
        window="tokens",
        source="asked",
        windows=(Window("tokens", "tokens", 1000, 750, 250, 25.0),),
    )
    assert (second.label, second.headroom_percent) == ("Lab", 90.0)
    assert [row.provider_id for row in await api.usage("Lab", environ=two.home.env)] == ["lab"]
    assert [len(gateway.requests) for gateway in two.gateways.values()] == [1, 1]


async def test_an_unknown_provider_raises(two: Two) -> None:
    with pytest.raises(
        api.UnknownGatewayError, match=r"^There is no gateway 'x'\. Configured: campus, lab\.$"
    ):
        await api.usage("x", environ=two.home.env)


async def test_choose_names_who_has_the_most_left(two: Two) -> None:
    choice = await api.choose("qwen3-coder", environ=two.home.env)
    assert replace(choice, at=0.0) == api.ChoiceReport(
        at=0.0,
        model="limit-router/qwen3-coder",
        reason="routed",
        strategy="headroom",
        taken="lab/qwen/qwen3.coder",
        label="Lab",
        candidates=(
            api.CandidateReport("lab/qwen/qwen3.coder", "healthy", headroom_percent=90.0, place=1, price=2.0),
            api.CandidateReport("campus/qwen3-coder", "healthy", headroom_percent=25.0, price=1.0),
        ),
    )
    assert (await api.choose("qwen3-coder", "cost", environ=two.home.env)).taken == "campus/qwen3-coder"


async def test_without_asking_only_what_is_known_counts(two: Two) -> None:
    choice = await api.choose("qwen3-coder", ask=False, environ=two.home.env)
    assert (choice.taken, choice.candidates[0].tier) == ("campus/qwen3-coder", "unknown")
    assert [len(gateway.requests) for gateway in two.gateways.values()] == [0, 0]


async def test_an_unknown_model_raises(two: Two) -> None:
    with pytest.raises(
        api.UnknownModelError, match=r"^There is no model 'qwen-coder'\. Did you mean \'qwen3-coder\'"
    ):
        await api.choose("qwen-coder", environ=two.home.env)


async def test_the_settings_of_a_project_count_where_it_is_named(two: Two) -> None:
    folder = two.home.project / ".opencode"
    folder.mkdir()
    (folder / "quota-sidecar.jsonc").write_text('{ "providers": { "lab": { "enabled": false } } }', "utf-8")
    directory = two.home.project
    assert [row.provider_id for row in await api.usage(directory=directory, environ=two.home.env)] == [
        "campus"
    ]
    choice = await api.choose("qwen3-coder", directory=directory, environ=two.home.env)
    assert choice.taken == "campus/qwen3-coder"


async def test_without_await_it_is_the_same(two: Two) -> None:
    told = await anyio.to_thread.run_sync(lambda: api.choose_now("qwen3-coder", environ=two.home.env))
    assert told.taken == "lab/qwen/qwen3.coder"
    rows = await anyio.to_thread.run_sync(lambda: api.usage_now(environ=two.home.env))
    assert [row.headroom_percent for row in rows] == [25.0, 90.0]


def test_the_readmes_example_prints_what_it_says(two: Two) -> None:
    (example,) = [
        part.split("```")[0] for part in README.split("```python\n")[1:] if "sidecar import api" in part
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", example.replace("claude-sonnet-4-5", "qwen3-coder")],
        env=two.home.env, cwd=two.home.project, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "Campus 25.0 None\nLab 90.0 None\nlab/qwen/qwen3.coder\n"
    assert done.stderr == ""
