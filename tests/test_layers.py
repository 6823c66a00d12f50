"""Who may import whom: the layers of the package, enforced over every file."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sidecar"

LAYERS = ("protocol", "core", "quota", "texts", "adapters", "preparation", "services", "top")
"""Downwards only: each may import the ones before it, and itself."""

TOP = {"api", "cli", "server", "application", "__main__"}
ANYWHERE = {"", "plain", "bounded", "nearest", "host_json"}
"""The package itself (its version), what all may use, and host.json as data: they import nothing of ours."""
APART = {
    "rpc": {"protocol"},
    "plain": set[str](),
    "bounded": set[str](),
    "nearest": set[str](),
    "host_json": set[str](),
    "logs": set[str](),
    "schema": {*LAYERS[:5]},
}
"""What stands beside the layers, and all that each may import."""

FILES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    """Return the layer, or the part beside the layers, of the module `sidecar.<module>`."""
    name = module.removeprefix("sidecar").lstrip(".").partition(".")[0]
    return "top" if name in TOP else name


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module of ours that is imported anywhere in *tree*, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "sidecar")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            if node.module == "sidecar":
                yield from (f"sidecar.{alias.name}" for alias in node.names if alias.name != "__version__")
            elif (node.module or "").startswith("sidecar."):
                yield node.module or ""


def allowed(own: str) -> set[str]:
    """Return what *own* may import."""
    if own in APART:
        return APART[own] | ANYWHERE | {own}
    if own == "top":
        return {*LAYERS, *APART, *ANYWHERE}
    return {*LAYERS[: LAYERS.index(own) + 1], *ANYWHERE}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_downwards_only(file: Path) -> None:
    own = part(".".join(file.relative_to(PACKAGE).with_suffix("").parts))
    if own == "__init__":
        own = "plain"
    found = {part(module) for module in imports(ast.parse(file.read_text("utf-8")))}
    assert found - allowed(own) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_opens_with_what_it_owns(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text("utf-8")))


@pytest.mark.parametrize("module", ["sidecar.protocol", "sidecar.rpc.dispatcher", "sidecar.core.freshness"])
def test_it_imports_without_the_layers_above_it(module: str) -> None:
    code = (
        f"import sys, {module}; print(*sorted(name for name in sys.modules if name.startswith('sidecar.')))"
    )
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    assert {part(name) for name in loaded} <= allowed(part(module))


def test_the_protocol_imports_alone() -> None:
    code = (
        "import sys, sidecar.protocol; print(*(n for n in sys.modules if n.partition('.')[0] == 'sidecar'))"
    )
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    assert sorted(loaded) == ["sidecar", "sidecar.protocol"]
