"""What differs between operating systems, as Linux has it and as Windows would."""

from pathlib import Path

import pytest

from sidecar.adapters import files
from sidecar.adapters.systems import ending_of_tree, find_program, home_folder, path_of_url


def program(folder: Path, name: str, mode: int = 0o755) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.touch()
    file.chmod(mode)
    return str(file)


def test_home_is_what_the_system_calls_so() -> None:
    both = {"HOME": "/c/me", "USERPROFILE": "/users/me"}
    assert home_folder(both, on_windows=False) == Path("/c/me")
    assert home_folder(both, on_windows=True) == Path("/users/me")
    assert home_folder({"HOME": ""}, on_windows=False) == Path.home()


def test_the_first_program_on_the_path_that_can_run_is_found(tmp_path: Path) -> None:
    program(tmp_path / "data", "uv", 0o644)
    (tmp_path / "folder" / "uv").mkdir(parents=True)
    first = program(tmp_path / "first", "uv")
    program(tmp_path / "second", "uv")
    path = ":".join(str(tmp_path / name) for name in ("gone", "data", "folder", "first", "second"))
    assert find_program("uv", {"PATH": path}, on_windows=False) == first
    assert find_program("uvx", {"PATH": path}, on_windows=False) is None
    assert Path(find_program("sh", {}, on_windows=False) or "").is_absolute()


@pytest.mark.parametrize("path", [".", "", "bin", "./bin", ":"])
@pytest.mark.parametrize("on_windows", [False, True])
def test_nothing_is_found_in_the_folder_where_we_are(
    path: str, on_windows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "bin"):
        program(folder, "uv.EXE" if on_windows else "uv")
    monkeypatch.chdir(tmp_path)
    assert find_program("uv", {"PATH": path}, on_windows=on_windows) is None


def test_on_windows_a_program_has_one_of_the_endings(tmp_path: Path) -> None:
    program(tmp_path / "a b", "opencode")  # npm puts one for other shells beside it
    command = program(tmp_path / "a b", "opencode.CMD")
    path = {"PATH": f'"{tmp_path / "a b"}";{tmp_path}'}
    assert find_program("opencode", path, on_windows=True) == command
    assert find_program("opencode", {**path, "PATHEXT": ".EXE;.PY"}, on_windows=True) is None


def test_windows_ends_a_process_with_all_that_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMROOT", "/windows")
    assert ending_of_tree(7) == ["/windows/System32/taskkill.exe", "/T", "/F", "/PID", "7"]


@pytest.mark.parametrize(
    ("url", "linux", "windows"),
    [
        ("file:///srv/a%20b/js-shim", "/srv/a b/js-shim", "/srv/a b/js-shim"),
        ("file:///C:/a%20b/js-shim", "/C:/a b/js-shim", "C:/a b/js-shim"),
        ("file:///d%3A/x", "/d:/x", "d:/x"),
        ("file://", "", ""),
        ("file://%", "%", "%"),
    ],
)
def test_a_file_url_names_a_path(url: str, linux: str, windows: str) -> None:
    assert (path_of_url(url, on_windows=False), path_of_url(url, on_windows=True)) == (linux, windows)


@pytest.mark.parametrize("refusals", [0, 1, 5])
def test_a_file_that_somebody_reads_on_windows_is_replaced_once_he_has_read_it(
    refusals: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, left = Path.replace, [PermissionError("in use")] * refusals

    def refuse(self: Path, target: Path) -> Path:
        if left:
            raise left.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    files.put(tmp_path / "host.json", b"old")
    left += [PermissionError("in use")] * refusals
    files.put(tmp_path / "host.json", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"host.json": b"new"}


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host.json").write_bytes(b"old")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError("in use")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        files.put(tmp_path / "host.json", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"host.json": b"old"}
