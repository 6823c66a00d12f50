"""The catalogue that a host told last, as the terminal finds it: what is kept, when, and ruins."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.catalogue import NOTHING
from sidecar.adapters.catalogue_file import NAME, read_catalogue, write_catalogue
from sidecar.protocol import (
    CatalogueLimits,
    CatalogueModel,
    CataloguePrices,
    CatalogueProvider,
    Target,
)
from tests.bed.home import Home
from tests.bed.processes import wait_until
from tests.bed.sidecar import Sidecar

SONNET = CatalogueModel(
    "claude-sonnet-4-5",
    "Claude Sonnet 4.5",
    npm="@ai-sdk/anthropic",
    limits=CatalogueLimits(200_000, 64_000),
    input_modalities=["text", "image"],
    takes_tools=True,
    prices=CataloguePrices(3, 15),
)
PROVIDERS = [CatalogueProvider("anthropic", [SONNET], "Anthropic"), CatalogueProvider("lab", [])]


def test_what_was_put_there_is_found_again(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "state", PROVIDERS)
    found = read_catalogue(tmp_path / "state")
    assert list(found.providers()) == ["anthropic", "lab"]
    assert found.find(Target("anthropic", "claude-sonnet-4-5")) == SONNET
    assert found.name("anthropic") == "Anthropic"


def test_nobody_else_may_read_it_and_nothing_else_is_left_there(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "state", PROVIDERS)
    write_catalogue(tmp_path / "state", PROVIDERS[:1])
    (file,) = (tmp_path / "state").iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (NAME, 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_it_is_written_only_when_it_says_something_else(tmp_path: Path) -> None:
    write_catalogue(tmp_path, PROVIDERS)
    os.utime(tmp_path / NAME, (1, 1))
    write_catalogue(tmp_path, PROVIDERS)
    assert (tmp_path / NAME).stat().st_mtime == 1
    write_catalogue(tmp_path, PROVIDERS[:1])
    assert (tmp_path / NAME).stat().st_mtime > 1


@pytest.mark.parametrize(
    "ruin",
    [b"", b"{", b'{"providers": [{"id": "a"}]}', b'{"x":' * 100_000, b'{"providers": []}\xff', b"\xff\xfe"],
)
def test_a_ruin_is_nothing(tmp_path: Path, ruin: bytes) -> None:
    (tmp_path / NAME).write_bytes(ruin)
    assert read_catalogue(tmp_path) is NOTHING


def test_where_there_is_none_there_is_nothing(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path) is NOTHING
    (tmp_path / NAME).mkdir()
    assert read_catalogue(tmp_path) is NOTHING


def test_a_file_that_can_not_be_replaced_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OSError, match=NAME):
        write_catalogue(tmp_path, PROVIDERS)
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


def test_a_sidecar_keeps_what_its_host_tells(child: Sidecar, home: Home, tmp_path: Path) -> None:
    child.initialize()
    offered: dict[str, Any] = {"id": "campus", "name": "Campus", "models": [{"id": "m1"}]}
    child.ask("workspace/open", directory=str(tmp_path))
    child.ask("workspace/open", directory=str(tmp_path), providers=[offered])
    wait_until(lambda: (home.state / NAME).exists(), "a catalogue that is kept")
    assert (home.state / NAME).read_text("utf-8") == (
        '{"providers":[{"id":"campus","models":[{"id":"m1"}],"name":"Campus"}]}'
    )
