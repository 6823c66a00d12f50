"""What happens between a mapping's requests and its windows, for somebody who writes one."""

import json
from typing import Any

from sidecar.quota.explain import Explanation, Step

MAX_VALUE = 60


def render(explanation: Explanation) -> str:
    """Return a line for each request and each expression with what it finds."""
    width = max((len(step.place) for step in explanation.steps), default=0)
    lines = [f"asks  {request}\n" for request in explanation.requests]
    return "".join([*lines, *(_line(step, width) for step in explanation.steps)])


def remarks(explanation: Explanation) -> str:
    """Return a line for each thing that is most likely a mistake."""
    return "".join(f"quota-sidecar: {text}\n" for text in explanation.remarks)


def _line(step: Step, width: int) -> str:
    fault = f"  ! not {step.fault}" if step.fault else ""
    return f"{step.place:{width}}  {step.expression}  ->  {_shown(step.value)}{fault}\n"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
