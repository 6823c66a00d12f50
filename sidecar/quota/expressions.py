"""Expressions and templates of the mapping language: checked at load, compiled once, never raising.

An expression is JMESPath over a scope; a template is text in which the value replaces each `{expression}`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import jmespath
import jmespath.exceptions
from jmespath.parser import ParsedResult

from sidecar.plain import is_list, is_object
from sidecar.quota.functions import MappingFunctions
from sidecar.quota.windows import as_number

Scope = Mapping[str, Any]
Node = dict[str, Any]

_OPTIONS: Final = jmespath.Options(custom_functions=MappingFunctions())
_INSERT: Final = re.compile(r"\{([^{}]*)\}")
_LITERALS: Final = ("true", "false", "null")


class ExpressionError(ValueError):
    """An expression that can't work; the message says why, and what to write instead."""


def value_of(expression: str | None, scope: Scope) -> Any:
    """Return what *expression* finds in *scope*; None for nothing, and for what can't be computed."""
    if expression is None:
        return None
    try:
        return _compile(expression).search(scope, options=_OPTIONS)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError,
            AttributeError, KeyError):  # fmt: skip
        return None


def is_true(value: Any) -> bool:
    """Judge a flag: empty, zero, "false" and "no" are not set."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "no", "none", "null")
    return bool(value)


def fill(template: str, scope: Scope) -> str | None:
    """Return *template* with its expressions replaced; None where one finds neither text nor number."""
    parts: list[str] = []
    for literal, expression in _pieces(template):
        parts.append(literal)
        if expression is not None:
            text = _as_part(value_of(expression, scope))
            if text is None:
                return None
            parts.append(text)
    return "".join(parts)


def fill_list(template: str, scope: Scope) -> list[str]:
    """Return *template* filled; one that is nothing but an expression may find a list of texts."""
    whole = _INSERT.fullmatch(template)
    value = value_of(whole[1], scope) if whole else None
    if is_list(value):
        return [item for item in value if isinstance(item, str) and item]
    text = fill(template, scope)
    return [text] if text else []


def inserts(template: str) -> list[str]:
    """Return the expressions of *template*; raise `ExpressionError` for a brace without its other half."""
    if re.search(r"[{}]", _INSERT.sub("", template)):
        raise ExpressionError("a { or } has no other half; an insertion is written {expression}")
    return _INSERT.findall(template)


def check(expression: str, names: tuple[str, ...]) -> None:
    """Raise `ExpressionError` unless *expression* can be evaluated in a scope that has *names*."""
    parsed = _parse(expression)
    for node in _nodes(parsed):
        _check_function(node)
        _check_not(node)
    for root in _roots(parsed):
        if root not in names:
            raise ExpressionError(_foreign_root(root, names))
    for name in fields_of(expression, "headers"):
        if name != name.lower():
            raise ExpressionError(f'header names are in lower case here: headers."{name.lower()}"')


def fields_of(expression: str, root: str) -> list[str]:
    """Return the names that *expression* looks up directly in *root*, like the headers that it reads."""
    found: list[str] = []
    for node in _nodes(_parse(expression)):
        if node["type"] == "subexpression":
            left, right = node["children"][:2]  # `a.b.c` is one node
            if left["type"] == "field" and left["value"] == root and right["type"] == "field":
                found.append(right["value"])
    return found


def uses(expression: str, root: str) -> bool:
    """Say whether *expression* looks at *root* at all."""
    return root in _roots(_parse(expression))


@lru_cache(maxsize=4096)
def _compile(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def _parse(expression: str) -> Node:
    try:
        return cast("Node", _compile(expression).parsed)
    except RecursionError as error:
        raise ExpressionError("it is nested too deeply") from error
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(_why_not(expression, str(error))) from error


def _why_not(expression: str, message: str) -> str:
    reason = message.splitlines()[0].rstrip(":").removeprefix("Bad jmespath expression: ")
    text = f"{_shown(expression)} is not JMESPath: {reason}"
    if "(NUMBER)" in message:
        return f"{text}; a number stands in backticks: `0`"
    if "Unknown token '-'" in message:
        return f'{text}; a name with a - stands in double quotes: headers."x-name"'
    if "Unknown token '='" in message:
        return f"{text}; equal is written =="
    if expression.startswith("{"):
        return f"{text}; this is an expression, which needs no braces"
    return text


def _shown(expression: str) -> str:
    return repr(expression if len(expression) <= 80 else f"{expression[:79]}…")


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: Node) -> list[Node]:
    return [child for child in node["children"] if is_object(child)]  # a slice's are numbers


def _roots(node: Node) -> Iterator[str]:
    """Yield the names that are looked up in the scope itself, not in something that was found there."""
    kind, children = node["type"], _children(node)
    if kind == "field":
        yield node["value"]
    elif kind in _FROM_LEFT:
        yield from _roots(children[0])
    elif kind != "expref":
        for child in children:
            yield from _roots(child)


_FROM_LEFT: Final = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "pipe"}
)
"""What stands to the right of these is looked up in what the left has found."""


def _foreign_root(root: str, names: tuple[str, ...]) -> str:
    if root in _LITERALS:
        return f"{root} stands in backticks: `{root}`"
    if root == "row":
        return "there is no `row` here: only a window that has `rows` sees one"
    owner = "row" if "row" in names else "body"
    return (
        f"there is no {_shown(root)} here, only {', '.join(names)}; a field of the reply is written "
        f"{owner}.{root}, a text stands in single quotes: '{root}'"
    )


def _check_function(node: Node) -> None:
    if node["type"] != "function_expression":
        return
    table: dict[str, Any] = MappingFunctions.FUNCTION_TABLE
    row = table.get(node["value"])
    if row is None:
        raise ExpressionError(f"there is no function {_shown(node['value'])}")
    wanted, given = len(row["signature"]), len(node["children"])
    is_variadic = bool(wanted) and row["signature"][-1].get("variadic")
    if given < wanted or (given > wanted and not is_variadic):
        raise ExpressionError(f"{node['value']}() takes {wanted} arguments, not {given}")


def _check_not(node: Node) -> None:
    if node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
        raise ExpressionError("`!a.b` negates only `a`; write !(a.b)")


def _pieces(template: str) -> Iterator[tuple[str, str | None]]:
    end = 0
    for match in _INSERT.finditer(template):
        yield template[end : match.start()], match[1]
        end = match.end()
    yield template[end:], None


def _as_part(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    number = as_number(value)
    if number is None:
        return None
    return str(int(number)) if float(number).is_integer() else str(number)
