"""Whether somebody has told uv or pip where packages are."""

import os
from pathlib import Path

import pytest

from sidecar.preparation import sources


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a machine whose system says nothing."""
    monkeypatch.setattr(sources, "_SYSTEM", ())
    monkeypatch.setattr(sources.sys, "base_prefix", str(tmp_path))
    return tmp_path


def who(home: Path, **more: str) -> list[str]:
    environ = {"HOME": str(home), **more}
    return [tool for tool in ("uv", "pip") if sources.are_set(tool, environ)]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"UV_DEFAULT_INDEX": "x"}, ["uv"]),
        ({"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}, ["uv", "pip"]),
        ({"PIP_INDEX_URL": "x", "UV_INDEX": ""}, ["pip"]),
        ({"PIP_CONFIG_FILE": os.devnull, "UV_PYTHON": "3.13", "UV_INDEX_CORP_PASSWORD": "x"}, []),
    ],
)
def test_variables_that_say_from_where_count(
    told: Path, environ: dict[str, str], expected: list[str]
) -> None:
    assert who(told, **environ) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (".config/uv/uv.toml", '[[index]]\nurl = "x"\n', ["uv"]),
        (".config/uv/uv.toml", 'python-preference = "system"\n', []),
        (".config/pip/pip.conf", "[global]\nindex-url = x\n", ["pip"]),
        (".pip/pip.conf", "[install]\nfind-links = x\n", ["pip"]),
        (".pip/pip.conf", "[global]\ntimeout = 5\n", []),
        ("xdg/uv/uv.toml", "exclude-newer = 2020\n", ["uv"]),
    ],
)
def test_files_that_say_from_where_count(told: Path, path: str, text: str, expected: list[str]) -> None:
    file = told / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert who(told, XDG_CONFIG_HOME=str(told / "xdg")) == expected


def test_a_folder_or_a_pipe_in_place_of_a_file_says_nothing(told: Path) -> None:
    (told / ".pip" / "pip.conf").mkdir(parents=True)
    (told / ".config" / "uv").mkdir(parents=True)
    os.mkfifo(told / ".config" / "uv" / "uv.toml")
    assert who(told) == []
