"""Expressions and templates of the mapping language: checked at load, compiled once, never raising.

An expression is JMESPath over a scope; a template is text in which the value replaces each `{expression}`.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import jmespath
import jmespath.exceptions
from jmespath.parser import ParsedResult

from sidecar.plain import is_list, is_object
from sidecar.quota.functions import MappingFunctions
from sidecar.quota.interpreter import Interpreter
from sidecar.quota.windows import as_number

Node = dict[str, Any]

_INSERT: Final = re.compile(r"\{([^{}]*)\}")
_LITERALS: Final = ("true", "false", "null")
_NOT_SET: Final = ("", "0", "false", "f", "no", "n", "off", "none", "null")


class ExpressionError(ValueError):
    """An expression that can't work; the message says why, and what to write instead."""


class Scope(dict[str, Any]):
    """What expressions see by name, and the work that they may make together."""

    def __init__(self, names: Mapping[str, Any], interpreter: Interpreter | None = None) -> None:
        """Hold *names*; without an *interpreter* that others use too, all work is still to be done."""
        super().__init__(names)
        self._interpreter = interpreter or Interpreter()

    @property
    def is_exhausted(self) -> bool:
        """Say whether expressions made too much work: what they found is not the whole."""
        return self._interpreter.is_exhausted

    def also(self, **names: Any) -> "Scope":
        """Return a scope that has *names* too, and makes its work together with this one."""
        return Scope({**self, **names}, self._interpreter)

    def search(self, expression: ParsedResult) -> Any:
        """Return what *expression* finds; raise what its functions raise."""
        return self._interpreter.visit(expression.parsed, self)


def value_of(expression: str | None, scope: Scope) -> Any:
    """Return what *expression* finds in *scope*; None for nothing, and for what can't be computed."""
    if expression is None:
        return None
    try:
        return scope.search(_compile(expression))
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError,
            AttributeError, KeyError):  # fmt: skip
        return None


def is_true(value: Any) -> bool:
    """Judge a flag: empty, zero, "false", "no" and the like are not set."""
    if isinstance(value, str):
        return value.strip().lower() not in _NOT_SET
    return bool(value)


def _as_it_is(text: str) -> str | None:
    return text


def fill(template: str, scope: Scope, fit: Callable[[str], str | None] = _as_it_is) -> str | None:
    """Return *template* with its expressions replaced; None where one finds neither text nor number.

    *fit* makes of each text what may stand there; None if it may not.
    """
    parts: list[str] = []
    for literal, expression in _pieces(template):
        parts.append(literal)
        if expression is not None:
            text = _as_part(value_of(expression, scope))
            fitting = None if text is None else fit(text)
            if fitting is None:
                return None
            parts.append(fitting)
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


@lru_cache(maxsize=4096)
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


@lru_cache(maxsize=4096)
def fields_of(expression: str, root: str) -> tuple[str, ...]:
    """Return the names that *expression* looks up directly in *root*, like the headers that it reads."""
    found: list[str] = []
    for node in _nodes(_parse(expression)):
        if node["type"] == "subexpression":
            left, right = node["children"][:2]  # `a.b.c` is one node
            if left["type"] == "field" and left["value"] == root and right["type"] == "field":
                found.append(right["value"])
    return tuple(found)


def uses(expression: str, root: str) -> bool:
    """Say whether *expression* looks at *root* at all."""
    return root in _roots(_parse(expression))


@lru_cache(maxsize=4096)
def _compile(expression: str) -> ParsedResult:
    with warnings.catch_warnings():
        # A text between backticks without quotes of its own: JMESPath still reads it, and warns.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return jmespath.compile(expression)


def _parse(expression: str) -> Node:
    try:
        return cast("Node", _compile(expression).parsed)
    except RecursionError as error:
        raise ExpressionError("it is nested too deeply") from error
    except jmespath.exceptions.JMESPathError as error:
        raise ExpressionError(_why_not(expression, getattr(error, "lex_position", None))) from error


def _why_not(expression: str, at: int | None) -> str:
    """Say where JMESPath stops to understand, and what most people meant there."""
    before, rest = expression[:at], expression[at:] if at is not None else ""
    where = f"at {_shown(rest)}" if rest.strip() else "it ends too early"
    cure = next((cure for pattern, cure in _CURES if re.search(pattern, f"{before}\0{rest}")), "")
    number = re.match(r"-?[\d.]+", rest)
    cure = cure.replace("{number}", number[0] if number else "")
    return f"{_shown(expression)} is not JMESPath, {where}" + (f"; {cure}" if cure else "")


_CURES: Final = (
    (r"^\{", "this is an expression, which needs no braces"),
    (r"^(\$|\0\.|\0\$)", "a field of the reply is written body.name"),
    (r"^not ", "not is written !(...)"),
    (r"\0/", "to divide, write divide(a, b)"),
    (r"\0\+", "to add, write add(a, b)"),
    (r"\0\*", "to multiply, write multiply(a, b)"),
    (r"\s\0-\s", "to subtract, write subtract(a, b)"),
    (r"[=<>(,]\s*\0-?\d", "a number stands in backticks: `{number}`"),
    (r"\w\0-", 'a name with a - stands in double quotes: "x-name"'),
    (r"\0=", "equal is written =="),
    (r"\0\?", "there is no ? : here; use `when`, && and ||"),
    (r"[\[.]\0?'", 'a field is written .name, or ."x-name" in double quotes'),
)
"""What most people mean, by the text with a NUL where it stops to be JMESPath."""


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
    if root in ("body", "key", "headers"):
        cure = (
            "`auth` carries the key"
            if root == "key"
            else "an earlier request's `capture` keeps what it finds"
        )
        return f"there is no {_shown(root)} here, only {', '.join(names)}; {cure}"
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
        raise ExpressionError(
            f"there is no function {_shown(node['value'])}; there are {', '.join(sorted(table))}"
        )
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
