"""Type guards for plain data: what JSON, JSONC and TOML decode to."""

from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether *value* is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Say whether *value* is a JSON array."""
    return isinstance(value, list)
