"""The mapping language: JMESPath expressions that turn a reply into windows.

An expression sees `{body, headers}`. Here are only the struct that a mapping is written in, its checks
at load, and its evaluation; what the figures mean is the business of `windows.py`.
"""

from collections.abc import Mapping as AbcMapping
from typing import Annotated, Any, Final, Literal

import jmespath
import jmespath.exceptions
from msgspec import Meta, Struct

from sidecar.quota.instants import as_instant
from sidecar.quota.windows import Window, as_number, as_text, complete, says_something

MAX_WINDOWS: Final = 50
DEFAULT_PATH: Final = "/quota"

Expression = Annotated[str, Meta(min_length=1, max_length=1000)]


class WindowMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How one window is read; every field but `name` and `unit` is a JMESPath expression."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    unit: Literal["tokens", "requests", "cost", "credits", "percent"]
    when: Expression | None = None
    """The window exists where this is true; without it, wherever it yields a figure."""
    limit: Expression | None = None
    used: Expression | None = None
    remaining: Expression | None = None
    resets_at: Expression | None = None
    currency: Expression | None = None
    unlimited: Expression | None = None
    blocked: Expression | None = None


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How a gateway's reply is asked for and read."""

    windows: Annotated[list[WindowMapping], Meta(min_length=1, max_length=MAX_WINDOWS)]
    summary: str = ""
    path: str = DEFAULT_PATH
    """Where the reply is: appended to the base URL's path, or after `//` to its origin."""
    account: Expression | None = None
    """What the gateway calls the key or its owner."""


class Reply(Struct, frozen=True):
    """A decoded reply: headers have lower-case names."""

    body: Any
    headers: AbcMapping[str, str]


class Reading(Struct, frozen=True):
    """What a reply says."""

    windows: list[Window]
    account: str | None = None


class MappingError(ValueError):
    """A mapping that can't work; the message names the place and the reason."""


def check(mapping: Mapping) -> None:
    """Raise `MappingError` for the first expression that is not JMESPath."""
    for index, row in enumerate(mapping.windows):
        for field in _EXPRESSIONS:
            _check_expression(f"windows[{index}].{field}", getattr(row, field))
    _check_expression("account", mapping.account)


def read(mapping: Mapping, reply: Reply) -> Reading:
    """Return what *reply* says by *mapping*. Never raises: what can't be read is left out."""
    scope = {"body": reply.body, "headers": dict(reply.headers)}
    windows = [window for row in mapping.windows if (window := _window(row, scope))]
    return Reading(windows, as_text(_value(mapping.account, scope)))


_EXPRESSIONS: Final = (
    "when", "limit", "used", "remaining", "resets_at", "currency", "unlimited", "blocked",
)  # fmt: skip


def _window(row: WindowMapping, scope: dict[str, Any]) -> Window | None:
    if row.when is not None and not _is_true(_value(row.when, scope)):
        return None
    window = complete(
        Window(
            name=row.name,
            unit=row.unit,
            limit=as_number(_value(row.limit, scope)),
            used=as_number(_value(row.used, scope)),
            remaining=as_number(_value(row.remaining, scope)),
            resets_at=as_instant(_value(row.resets_at, scope)),
            currency=as_text(_value(row.currency, scope)),
            unlimited=_is_true(_value(row.unlimited, scope)),
            blocked=_is_true(_value(row.blocked, scope)),
        )
    )
    return window if says_something(window) else None


def _value(expression: str | None, scope: dict[str, Any]) -> Any:
    if expression is None:
        return None
    try:
        return jmespath.search(expression, scope)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None


def _is_true(value: Any) -> bool:
    """Judge a flag: empty, zero, "false" and "no" are not set."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "no", "none", "null")
    return bool(value)


def _check_expression(place: str, expression: str | None) -> None:
    if expression is None:
        return
    try:
        jmespath.compile(expression)
    except RecursionError as error:
        raise MappingError(f"{place}: it is nested too deeply") from error
    except jmespath.exceptions.JMESPathError as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise MappingError(f"{place}: {expression!r} is not JMESPath: {reason}") from error
