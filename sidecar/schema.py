"""JSON Schemas of the wire and of the configuration, built from the structs that decode them."""

import json
from inspect import cleandoc
from typing import Any, Final

import msgspec

from sidecar.adapters.settings import Settings
from sidecar.host_json import HostFile
from sidecar.plain import is_list, is_object
from sidecar.protocol import METHODS, ErrorCode, Wire
from sidecar.quota.mapping import Mapping
from sidecar.texts.host import HOST_FILE

_REF: Final = "#/$defs/{name}"

Schema = dict[str, Any]


def documents() -> dict[str, str]:
    """Return every generated file by its name, ready to be written."""
    host: Schema = msgspec.to_builtins(HOST_FILE)
    return {
        name: json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in {"config": config_schema(), "protocol": protocol_schema(), "host": host}.items()
    }


def config_schema() -> Schema:
    """Return the schema of `quota-sidecar.jsonc`, which editors check against."""
    _, defs = msgspec.json.schema_components([Settings, Mapping], ref_template=_REF)
    root = defs.pop("Settings")
    # Loading converts an inline mapping by itself, to name what is wrong in it.
    branches = defs["GatewayEntry"]["properties"]["mapping"]["anyOf"]
    branches[branches.index({"type": "object"})] = {"$ref": _REF.format(name="Mapping")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_closed(_without_null(root)),
        "$defs": {name: _closed(_without_null(schema)) for name, schema in defs.items()},
    }


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
    return {
        "title": "Methods",
        "description": "Params and result of each method; without a result it is a notification.",
    } | _closed_object(rows)


def _closed_object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _document(title: str, description: str, defs: Schema, properties: Schema) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **_closed_object(properties),
        "$defs": dict(sorted(defs.items())),
    }


def _without_null(schema: Any) -> Any:
    """Drop null from a schema: absent is how the wire says unknown, though a decoder forgives a null.

    And the indentation of docstrings, which Python itself drops from 3.13 on.
    """
    if is_list(schema):
        return [_without_null(item) for item in schema]
    if not is_object(schema):
        return schema
    if isinstance(text := schema.get("description"), str):
        schema = schema | {"description": cleandoc(text)}
    plain = {
        key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)
    }
    branches = [branch for branch in plain.pop("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        return branches[0] | plain
    return plain | ({"anyOf": branches} if branches else {})


def _closed(schema: Schema) -> Schema:
    """Let an editor mark unknown keys; loading only reports them."""
    return schema | {"additionalProperties": False} if "properties" in schema else schema
