"""What each expression of a mapping found in a reply, for somebody who writes one."""

import json
from collections.abc import Iterable
from typing import Any

MAX_VALUE = 60


def render(found: Iterable[tuple[str, str, Any]]) -> str:
    """Return one line for each place, expression and value."""
    rows = [(place, expression, _shown(value)) for place, expression, value in found]
    width = max((len(place) for place, _, _ in rows), default=0)
    return "".join(f"{place:{width}}  {expression}  ->  {value}\n" for place, expression, value in rows)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
