"""What an editor would mark in a quota-sidecar.jsonc, by the schema that we generate."""

import json
import re
from typing import Any, Final

from sidecar.plain import is_list, is_object
from sidecar.schema import documents

CONFIG: Final = json.loads(documents()["config"])


def faults(value: object, schema: Any, place: str = "$") -> list[str]:
    """Return the places where *value* breaks *schema*: the keywords that our schemas use, and no other."""
    if "$ref" in schema:
        return faults(value, CONFIG["$defs"][schema["$ref"].rpartition("/")[2]], place)
    if "anyOf" in schema:
        return [] if any(not faults(value, branch, place) for branch in schema["anyOf"]) else [place]
    if "enum" in schema:
        return [] if value in schema["enum"] else [place]
    kind = schema.get("type")
    if kind == "object":
        return _faults_of_object(value, schema, place) if is_object(value) else [place]
    if kind == "array" and is_list(value):
        rows = enumerate(value)
        return [fault for index, row in rows for fault in faults(row, schema["items"], f"{place}[{index}]")]
    return [] if kind is None or _fits(value, kind, schema) else [place]


def _fits(value: object, kind: str, schema: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        is_long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1000)
        return kind == "string" and is_long_enough and bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, int | float):
        is_in_range = schema.get("minimum", value) <= value <= schema.get("maximum", value)
        return is_in_range and (kind == "number" or (kind == "integer" and isinstance(value, int)))
    return False


def _faults_of_object(value: dict[str, Any], schema: Any, place: str) -> list[str]:
    known = schema.get("properties", {})
    other = schema.get("additionalProperties", True)
    found = [f"{place}.{name}" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in known:
            found += faults(item, known[name], f"{place}.{name}")
        elif other is False:
            found.append(f"{place}.{name}")
        elif isinstance(other, dict):
            found += faults(item, other, f"{place}.{name}")
    return found
