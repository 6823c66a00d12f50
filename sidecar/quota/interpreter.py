"""Walks through JMESPath expressions: comparing figures as replies write them, and never for long.

Readings happen between the messages of a chat, and a reply may have a hundred thousand rows.
"""

from typing import Any, Final

from jmespath import visitor

from sidecar.plain import is_list, is_object
from sidecar.quota.functions import MappingFunctions
from sidecar.quota.windows import as_number

MAX_STEPS: Final = 20_000
"""How much work the expressions of one reading may make together: tens of milliseconds."""

_FUNCTIONS: Final = MappingFunctions()
_EQUALITY: Final = ("eq", "ne")


class TooMuchWorkError(ValueError):
    """An expression goes through more than may be gone through."""


class Interpreter(visitor.TreeInterpreter):
    """Evaluates expressions, all of one reading together at most `MAX_STEPS` steps."""

    def __init__(self) -> None:
        """Start with all steps left."""
        super().__init__()
        self._steps = MAX_STEPS

    @property
    def is_exhausted(self) -> bool:
        """Say whether there was too much to do: what was found since is not the whole."""
        return self._steps < 0

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate *node*; raise `TooMuchWorkError` once all steps are done."""
        self._spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Any, value: Any) -> bool | None:
        """Compare texts that hold figures as figures: "100" is more than 20, and "-1" is -1."""
        kind, compare = node["value"], self.COMPARATOR_FUNC[node["value"]]
        left, right = (self.visit(child, value) for child in node["children"])
        both_texts = isinstance(left, str) and isinstance(right, str)
        if not (both_texts and kind in _EQUALITY):
            figures = _figure(left), _figure(right)
            if None not in figures:
                return compare(*figures)
        return compare(left, right) if both_texts or kind in _EQUALITY else None

    def visit_flatten(self, node: Any, value: Any) -> Any:
        """Flatten a list; long ones cost steps too."""
        merged = super().visit_flatten(node, value)
        self._spend_on(merged)
        return merged

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        """Call a function; long arguments and results cost steps too."""
        arguments = [self.visit(child, value) for child in node["children"]]
        for argument in arguments:
            self._spend_on(argument)
        found = _FUNCTIONS.call_function(node["value"], arguments)
        self._spend_on(found)
        return found

    def _spend_on(self, value: Any) -> None:
        if is_list(value) or is_object(value):
            self._spend(len(value) // 8)

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TooMuchWorkError


def _figure(value: Any) -> Any:
    if isinstance(value, str):
        return as_number(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
