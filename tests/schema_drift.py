"""The generated files: `python -m tests.schema_drift` fails when one is out of date, `--write` mends it."""

import subprocess
import sys
from pathlib import Path

from sidecar import __version__
from sidecar.protocol import MAX_LINE_BYTES, PROTOCOL_MAJOR, ROUTER, ErrorCode
from sidecar.schema import documents

ROOT = Path(__file__).parent.parent
JSON2TS = ROOT / "js-shim" / "node_modules" / ".bin" / "json2ts"
CURE = "make schema"

BANNER = (
    "/**\n"
    " * The wire as TypeScript. Generated from schema/protocol.json, which is generated from\n"
    " * sidecar/protocol.py: do not edit, run `make schema`.\n"
    " */\n"
)


def generated() -> dict[Path, str]:
    """Return what every generated file must hold."""
    texts = documents()
    return {
        ROOT / "schema" / "protocol.json": texts["protocol"],
        ROOT / "schema" / "config.json": texts["config"],
        ROOT / "js-shim" / "src" / "host.gen.json": texts["host"],
        ROOT / "js-shim" / "src" / "protocol.gen.ts": _typescript(texts["protocol"]),
    }


def drifted() -> list[str]:
    """Name the files that don't hold what they must."""
    return [
        str(path.relative_to(ROOT))
        for path, text in generated().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def _typescript(schema: str) -> str:
    command = [str(JSON2TS), "--no-additionalProperties", "--bannerComment", BANNER]
    types = subprocess.run(command, input=schema, capture_output=True, text=True, check=True).stdout
    codes = "".join(f"  {code.name}: {code.value},\n" for code in ErrorCode)
    return (
        f"{types}\nexport const PROTOCOL_MAJOR = {PROTOCOL_MAJOR}\n"
        f'export const VERSION = "{__version__}"\n'
        f"export const MAX_LINE_BYTES = {MAX_LINE_BYTES}\n"
        f'export const ROUTER = "{ROUTER}"\n'
        f"export const ErrorCode = {{\n{codes}}} as const\n"
    )


def main() -> int:
    """Check, or write."""
    if "--write" in sys.argv[1:]:
        for path, text in generated().items():
            path.write_text(text, "utf-8")
        return 0
    stale = drifted()
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run `{CURE}` and commit\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
