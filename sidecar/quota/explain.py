"""What a mapping makes of a recorded reply, step by step, for somebody who writes one."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Struct

from sidecar.plain import is_list, is_object
from sidecar.quota.exchange import CaptureError, fill_request
from sidecar.quota.expressions import Scope, fill, inserts, value_of
from sidecar.quota.instants import as_instant
from sidecar.quota.mapping import Context, Mapping, Reply, RequestMapping, WindowMapping, read, rows_of
from sidecar.quota.mapping_checks import EXPRESSIONS, FIGURES, TEMPLATES
from sidecar.quota.periods import as_calendar_rule, as_period, name_of
from sidecar.quota.windows import Window, as_number

Reader = Callable[[Any], object]

_SHARES: Final = ("unlimited", "blocked")
READERS: Final[dict[str, tuple[Reader, str]]] = {
    **{field: (as_number, "a figure") for field in FIGURES if field not in _SHARES},
    "resets_at": (as_instant, "a time"),
    "started_at": (as_instant, "a time"),
    "resets_in": (as_period, "a length of time"),
    "period": (as_period, "a length of time"),
    "calendar": (as_calendar_rule, "an edge of the calendar"),
}
"""What each field has to be, and how that is called."""


class Step(Struct, frozen=True):
    """One expression: what it finds, in the first row where it finds anything."""

    place: str
    expression: str
    value: Any
    fault: str | None = None
    """What the value should be, where it can't be read as that."""


class Explanation(Struct, frozen=True):
    """Everything that happens between the requests and the windows."""

    requests: list[str]
    steps: list[Step]
    remarks: list[str]
    """What is most likely a mistake."""


def explain(mapping: Mapping, reply: Reply, context: Context) -> Explanation:
    """Return what *mapping* asks, what each expression finds in *reply*, and what looks wrong."""
    scope = context.scope(reply)
    steps: list[Step] = []
    steps.extend(
        Step(f"requests[{index}].capture.{name}", expression, context.captured.get(name))
        for index, request in enumerate(mapping.requests)
        for name, expression in request.capture.items()
    )
    remarks: list[str] = []
    requests = [_request(row, context) for row in mapping.requests]
    steps.extend(
        Step(field, expression, value_of(expression, scope))
        for field in ("account", "ok")
        if (expression := getattr(mapping, field))
    )
    for index, row in enumerate(mapping.windows):
        steps.extend(_window(f"windows[{index}]", row, context.scope(reply)))
    remarks += [_complaint(step) for step in steps if step.fault]
    remarks += [text for window in read(mapping, reply, context).windows for text in _doubts(window)]
    return Explanation(requests, steps, remarks)


def _complaint(step: Step) -> str:
    return (
        f"{step.place} finds {step.value!r}, which is not {step.fault}; split() and number_after() cut texts"
    )


def _request(row: RequestMapping, context: Context) -> str:
    try:
        request = fill_request(row, Scope({"captured": context.captured, "config": context.config}))
    except CaptureError as error:
        return f"{row.method} {row.path}: not made, because {error} has no value"
    parts = [f"{request.method} {request.path}"]
    parts += [f"{name}: {value}" for name, value in ([request.auth] if request.auth else [])]
    parts += [f"{name}: {value}" for name, value in request.headers.items()]
    return ", ".join(parts)


def _window(place: str, mapping: WindowMapping, scope: Scope) -> Iterator[Step]:
    rows = rows_of(mapping.rows, scope)
    if mapping.rows:
        found = value_of(mapping.rows, scope)
        fault = None if found is None or is_list(found) or is_object(found) else "a list; see entries()"
        yield Step(f"{place}.rows", mapping.rows, found, fault)
    scopes = [_of_row(mapping, scope.also(row=row)) for row in rows]
    for field in EXPRESSIONS:
        if expression := getattr(mapping, field):
            yield _step(f"{place}.{field}", expression, [value_of(expression, one) for one in scopes], field)
    for field in TEMPLATES:
        if template := getattr(mapping, field):
            yield _step(f"{place}.{field}", template, [fill(template, one) for one in scopes], field)
    for number, template in enumerate(mapping.models or ()):
        found = [value_of(inner, one) for inner in inserts(template) for one in scopes]
        yield _step(f"{place}.models[{number}]", template, found or [template], "models")


def _of_row(mapping: WindowMapping, scope: Scope) -> Scope:
    """Return what a name sees: the period too."""
    period = as_period(fill(mapping.period, scope)) if mapping.period else None
    return scope.also(period=name_of(period.length_s(None)) if period else None)


def _step(place: str, expression: str, values: list[Any], field: str) -> Step:
    """Prefer to show a value that can't be read: it is the one to mend."""
    reader, kind = READERS.get(field, (lambda value: value, ""))
    found = [value for value in values if value is not None]
    unreadable = [value for value in found if kind and reader(value) is None]
    return Step(place, expression, next(iter(unreadable or found), None), kind if unreadable else None)


def _doubts(window: Window) -> Iterator[str]:
    share = window.percent_remaining
    if share is not None and share > 100:
        yield (
            f"{window.name}: {share:g}% left is more than all; percent_ is 0 to 100 and fraction_ 0 to 1; "
            "or are limit, used and remaining swapped?"
        )
    if share is not None and share < 0:
        yield f"{window.name}: more used than the limit allows; are limit and used swapped?"
