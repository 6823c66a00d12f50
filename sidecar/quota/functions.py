"""The functions that the mapping language adds to JMESPath: figures, maps as rows, null keys, split texts."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from jmespath import functions

from sidecar.plain import is_object
from sidecar.quota.windows import Number, as_number, leading_number


class MappingFunctions(functions.Functions):
    """JMESPath's own functions and ours, which take figures as replies write them; null for others."""

    @functions.signature({"types": []}, {"types": []})
    def _func_add(self, left: Any, right: Any) -> Number | None:
        return _figure(left, right, operator.add)

    @functions.signature({"types": []}, {"types": []})
    def _func_subtract(self, left: Any, right: Any) -> Number | None:
        return _figure(left, right, operator.sub)

    @functions.signature({"types": []}, {"types": []})
    def _func_multiply(self, left: Any, right: Any) -> Number | None:
        return _figure(left, right, operator.mul)

    @functions.signature({"types": []}, {"types": []})
    def _func_divide(self, left: Any, right: Any) -> Number | None:
        return _figure(left, right, _ratio)

    @functions.signature({"types": ["array"]})
    def _func_sum(self, items: list[Any]) -> Number | None:
        """Add up figures, as `add` takes them; what is no figure would make the sum a wrong one."""
        return reduce(lambda left, right: _figure(left, right, operator.add), items, 0)

    @functions.signature({"types": ["array"]})
    def _func_max(self, items: list[Any]) -> Any:
        return _extreme(items, max)

    @functions.signature({"types": ["array"]})
    def _func_min(self, items: list[Any]) -> Any:
        return _extreme(items, min)

    @functions.signature({"types": []})
    def _func_entries(self, value: Any) -> list[dict[str, Any]] | None:
        """Turn a map into rows: `{"a": 1}` is `[{"key": "a", "value": 1}]`."""
        return [{"key": key, "value": item} for key, item in value.items()] if is_object(value) else None

    @functions.signature({"types": []}, {"types": []})
    def _func_get(self, value: Any, key: Any) -> Any:
        """Return what *value* holds under a computed *key*."""
        return value.get(key) if is_object(value) and isinstance(key, str) else None

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_is_null(self, value: Any, key: str) -> bool:
        """Say whether *key* is there and null: a missing one says nothing."""
        return is_object(value) and key in value and value[key] is None

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_number_after(self, text: Any, marker: str) -> Number | None:
        """Return the number that follows *marker*: 50 in `"default";r=50;t=30` after `r=`."""
        if not isinstance(text, str):
            return None
        start = text.find(marker)
        return None if start < 0 else leading_number(text[start + len(marker) :])

    @functions.signature({"types": []}, {"types": ["string"]})
    def _func_split(self, text: Any, separator: str) -> list[str] | None:
        """Return the parts of *text* between *separator*, trimmed: of `a=1&b=2` by `&` they are two."""
        return [part.strip() for part in text.split(separator)] if isinstance(text, str) else None


def _ratio(left: Number, right: Number) -> Number:
    return left / right


def _extreme(items: list[Any], choose: Callable[..., Any]) -> Any:
    """Choose among figures, also those in texts; among texts without figures, like dates, by letters."""
    figures = [as_number(item) for item in items]
    if all(figure is not None for figure in figures):
        return choose(figures, default=None)
    return choose(items) if all(isinstance(item, str) for item in items) else None


def _figure(left: Any, right: Any, operation: Callable[[Number, Number], Number]) -> Number | None:
    a, b = as_number(left), as_number(right)
    if a is None or b is None:
        return None
    try:
        result = operation(a, b)
    except ArithmeticError:
        return None
    # The dust of floats: 250 * 0.01 is 2.5, 0.1 + 0.2 is 0.3, and 0 / -100 is 0, not -0.
    return as_number(float(f"{result:.15g}") + 0.0 if isinstance(result, float) else result)
