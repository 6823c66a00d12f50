"""JSON Schemas of the wire and of the configuration, built from the structs that decode them."""

from typing import Any, Final

import msgspec

from sidecar.protocol import METHODS, ErrorCode, HostFile, Wire

_REF: Final = "#/$defs/{name}"

Schema = dict[str, Any]


def protocol_schema() -> Schema:
    """Return one schema that holds every struct of the wire, the methods, and the error codes."""
    structs = {struct for row in METHODS.values() for struct in (row.params, row.result) if struct}
    _, defs = msgspec.json.schema_components([*structs, HostFile, Wire, ErrorCode], ref_template=_REF)
    defs = {name: _without_null(schema) for name, schema in defs.items()}
    return _document(
        "Protocol",
        "The wire between the shim and the sidecar.",
        defs | {"Methods": _methods()},
        {name: {"$ref": _REF.format(name=name)} for name in ("Methods", "ErrorCode", "HostFile")},
    )


def _methods() -> Schema:
    rows: Schema = {}
    for name, method in METHODS.items():
        parts = {"params": {"$ref": _REF.format(name=method.params.__name__)}}
        if method.result:
            parts["result"] = {"$ref": _REF.format(name=method.result.__name__)}
        rows[name] = _closed_object(parts)
    return {"title": "Methods", "description": "Params and result of each method; without a result it is a "
            "notification."} | _closed_object(rows)


def _closed_object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties),
            "additionalProperties": False}


def _document(title: str, description: str, defs: Schema, properties: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **_closed_object(properties),
        "$defs": dict(sorted(defs.items())),
    }


def _without_null(schema: Any) -> Any:
    """Drop null from a schema: absent is how the wire says unknown, though a decoder forgives a null."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)}
    branches = [branch for branch in plain.pop("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        return branches[0] | plain
    return plain | ({"anyOf": branches} if branches else {})
