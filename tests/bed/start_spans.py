"""How long OpenCode's start takes, and how much of it is spent waiting for our plugin."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.bed.home import Home
from tests.bed.opencode import Serve

STOPWATCH: Final = """
import { appendFileSync } from "node:fs"
const server = async (input, options) => {
  let from = performance.now()
  const ours = (await import(PLUGIN)).default
  const hooks = await ours(input, options)
  let took = performance.now() - from
  const config = async (cfg) => {
    from = performance.now()
    await hooks.config(cfg)
    took += performance.now() - from
    appendFileSync(SPANS, took + "\\n")
  }
  return { ...hooks, config }
}
export default Object.assign(server, { id: "stopwatch", server })
"""


def awaited(home: Home, providers: Mapping[str, Any], module: Path, starts: int) -> list[float]:
    """Return the milliseconds of several starts that OpenCode spends waiting for our module and hooks."""
    spans, stopwatch = home.path / "spans", home.path / "stopwatch.ts"
    stopwatch.write_text(
        STOPWATCH.replace("PLUGIN", json.dumps(str(module))).replace("SPANS", json.dumps(str(spans)))
    )
    home.write_opencode(providers, plugin=f"file://{stopwatch}")
    for _ in range(starts):
        start(home)
    return [float(line) for line in spans.read_text().splitlines()]


def start(home: Home) -> float:
    """Return the milliseconds until the first session is there."""
    began = time.perf_counter()
    with Serve(home) as serve:
        serve.create_session()
        return (time.perf_counter() - began) * 1000
