"""Refuses mappings that can't work, each with its place, the reason, and what to write instead."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sidecar.nearest import nearest
from sidecar.plain import is_list, is_object
from sidecar.quota.exchange import PARAMETER
from sidecar.quota.expressions import ExpressionError, check, fields_of, inserts, uses
from sidecar.quota.mapping import NO_AUTH, Mapping, RequestMapping, WindowMapping
from sidecar.quota.periods import as_calendar_rule, as_period

SCOPE: Final = ("body", "headers", "captured", "config")
FIGURES: Final = (
    "limit", "used", "remaining", "percent_remaining", "percent_used", "fraction_remaining", "fraction_used",
    "unlimited", "blocked",
)  # fmt: skip
EXPRESSIONS: Final = ("when", *FIGURES, "resets_at", "resets_in", "started_at")
TEMPLATES: Final = ("name", "calendar", "period", "currency")

RESERVED_HEADERS: Final = frozenset(
    {"host", "user-agent", "connection", "content-length", "transfer-encoding"}
)
"""Ours to set: we never pose as another client."""

_AT: Final = re.compile(r" - at `\$?\.?(.*)`$")
_AUTH: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+: ?[\x20-\x7e]*\{key\}[\x20-\x7e]*")


class MappingError(ValueError):
    """A mapping that can't work: where in it, and why."""

    def __init__(self, place: str, reason: str, line: int | None = None) -> None:
        """Take the *place*, like `windows[0].limit`, empty for the whole mapping; and the line, if known."""
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place = place
        self.reason = reason
        self.line = line


def from_data(data: Any) -> Mapping:
    """Return the mapping that *data* (from TOML or JSON) describes; raise `MappingError`."""
    try:
        mapping = msgspec.convert(data, Mapping)
    except msgspec.ValidationError as error:
        raise _why_not(str(error)) from error
    _check(mapping)
    return mapping


def with_path(mapping: Mapping, path: str) -> Mapping:
    """Return *mapping* with its one request at *path*; raise `MappingError` if that can't work."""
    request = msgspec.structs.replace(mapping.requests[0], path=path)
    moved = msgspec.structs.replace(mapping, requests=[request])
    _check(moved)
    return moved


def _check(mapping: Mapping) -> None:
    _check_windows(mapping)
    _check_requests(mapping)
    _check_service(mapping)


def headers_read(mapping: Mapping) -> set[str]:
    """Return the names of all response headers that *mapping* looks at."""
    return {name for _, expression in _expressions(mapping) for name in fields_of(expression, "headers")}


def config_used(mapping: Mapping) -> set[str]:
    """Return the names of all `{config.NAME}` that *mapping* uses."""
    return {name for _, expression in _expressions(mapping) for name in fields_of(expression, "config")}


def _why_not(message: str) -> MappingError:
    at = _AT.search(message)
    place, reason = (at[1].partition("[...]")[0] if at else ""), _AT.sub("", message)
    if (place in ("windows", "requests")) and reason.endswith("got `object`"):
        return MappingError(place, f"each stands under [[{place}]], with two brackets")
    if "`str" in reason and re.search(r"got `(int|float|bool)`", reason):
        return MappingError(place, "it stands in quotes, and a number in an expression in backticks: `100`")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason)
    if unknown is None:
        return MappingError(place, reason)
    owner = WindowMapping if place.startswith("windows") else RequestMapping if place else Mapping
    near = nearest(unknown[1], owner.__struct_fields__)
    cure = f"did you mean {near!r}?" if near else f"there are {', '.join(owner.__struct_fields__)}"
    if owner is not Mapping and unknown[1] in Mapping.__struct_fields__:
        cure = "it stands before the first [[...]]"
    return MappingError(f"{place}.{unknown[1]}".lstrip("."), f"unknown key; {cure}")


def _check_windows(mapping: Mapping) -> None:
    for index, row in enumerate(mapping.windows):
        place = f"windows[{index}]"
        if not any(getattr(row, figure) for figure in FIGURES):
            raise MappingError(place, f"it reads no figure; give one of {', '.join(FIGURES)}")
        if row.started_at and not row.period:
            raise MappingError(f"{place}.started_at", "it needs `period`: the reset is one period later")
        for field in TEMPLATES:
            _check_template(f"{place}.{field}", getattr(row, field))
        _check_literal(f"{place}.period", row.period, as_period, "5h, 1 week, monthly, 3600")
        _check_literal(f"{place}.calendar", row.calendar, as_calendar_rule, "day, week, month, year")
    declared = {name for request in mapping.requests for name in request.capture}
    for place, expression in _expressions(mapping):
        _check_expression(place, expression, _scope_at(mapping, place))
        _check_declared(place, expression, "config", set(mapping.config))
        if not place.startswith("requests"):
            _check_declared(place, expression, "captured", declared)


def _check_requests(mapping: Mapping) -> None:
    names = [request.name for request in mapping.requests if request.name]
    if names and len(set(names)) < len(mapping.requests):
        raise MappingError("requests", "give every request a name of its own, or none")
    if mapping.is_passive and any(uses(expression, "body") for _, expression in _expressions(mapping)):
        raise MappingError("requests", "without requests only headers can be read, no body")
    known: set[str] = set()
    for index, request in enumerate(mapping.requests):
        _check_request(f"requests[{index}]", request)
        for place, expression in _of_request(index, request):
            if ".capture." not in place:
                _check_declared(place, expression, "captured", known)
        known.update(request.capture)


def _check_service(mapping: Mapping) -> None:
    """Refuse what is said of a service that can't be."""
    own = ("login", "serves", *(() if mapping.is_passive else ("providers",)))
    if field := next((name for name in own if getattr(mapping, name) and not mapping.base_url), None):
        raise MappingError(field, "it needs `base_url`: keys and logins go there and nowhere else")
    globs = [] if mapping.is_passive else [name for name in mapping.providers if re.search(r"[*?!\[]", name)]
    if globs:
        raise MappingError("providers", f"who is asked is named by its id; {globs[0]!r} is none")
    if unknown := next((name for name in mapping.from_login if name not in mapping.config), None):
        raise MappingError("from_login", f"{unknown!r} is not declared; name it in `config`")
    for field in ("every", "backoff"):
        text = getattr(mapping, field)
        if text is not None and as_period(text) is None:
            raise MappingError(field, f"{text!r} can't be read; write it like 5m, 90s, 1 hour")


def _check_request(place: str, request: RequestMapping) -> None:
    if not request.path.startswith("/"):
        raise MappingError(
            f"{place}.path", "it starts with / (appended to the base URL) or // (joined to its origin)"
        )
    if request.auth != NO_AUTH and not _AUTH.fullmatch(request.auth):
        raise MappingError(
            f"{place}.auth",
            "it is the header that carries the key, like `Authorization: Bearer {key}` or "
            "`x-api-key: {key}`; or `none`",
        )
    for name in (*request.headers, *([] if request.auth == NO_AUTH else [request.auth.partition(":")[0]])):
        if name.lower() in RESERVED_HEADERS:
            at = f"{place}.headers.{name}" if name in request.headers else f"{place}.auth"
            raise MappingError(at, f"the header {name!r} is not yours to set")
    if request.json is not None and request.method != "POST":
        raise MappingError(f"{place}.json", 'only a POST has a body; set method = "POST"')


def _check_template(place: str, template: str | None) -> None:
    """Refuse what was meant as an expression: in a template that stands in braces."""
    if template and re.match(r"(body|row|headers|captured|config)\.\w", template):
        raise MappingError(place, f"this is a text; an expression in it stands in braces: {{{template}}}")
    if template and re.fullmatch(r"'.*'", template):
        raise MappingError(place, f"this is a text and needs no quotes of its own: {template[1:-1]}")


def _check_literal(place: str, template: str | None, parse: Any, examples: str) -> None:
    if template and "{" not in template and parse(template) is None:
        raise MappingError(place, f"{template!r} can't be read; write it like {examples}")


def _check_expression(place: str, expression: str, scope: tuple[str, ...]) -> None:
    try:
        check(expression, scope)
    except ExpressionError as error:
        raise MappingError(place, str(error)) from error


def _check_declared(place: str, expression: str, root: str, declared: set[str]) -> None:
    for name in fields_of(expression, root):
        if name not in declared:
            where = "an earlier request's `capture`" if root == "captured" else "`config`, with a description"
            raise MappingError(place, f"{root}.{name} is not declared; name it in {where}")


def _scope_at(mapping: Mapping, place: str) -> tuple[str, ...]:
    """Return what the expression at *place* sees."""
    if place.startswith("requests") and ".capture." not in place:
        return ("captured", "config")
    index = re.match(r"windows\[(\d+)\]\.(\w+)", place)
    if index is None or index[2] == "rows":
        return SCOPE
    has_rows = mapping.windows[int(index[1])].rows is not None
    extra = (("period",) if index[2] == "name" else ()) + (("model",) if mapping.is_passive else ())
    return (*(("row",) if has_rows else ()), *SCOPE, *extra)


def _expressions(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Yield every expression with its place, those inside templates too."""
    for index, row in enumerate(mapping.windows):
        yield from _of_window(f"windows[{index}]", row)
    for index, request in enumerate(mapping.requests):
        yield from _of_request(index, request)
    for field in ("account", "ok"):
        if expression := getattr(mapping, field):
            yield field, expression


def _of_window(place: str, row: WindowMapping) -> Iterator[tuple[str, str]]:
    for field in ("rows", *EXPRESSIONS):
        if expression := getattr(row, field):
            yield f"{place}.{field}", expression
    for field in TEMPLATES:
        yield from _inserted(f"{place}.{field}", getattr(row, field))
    for number, model in enumerate(row.models or ()):
        yield from _inserted(f"{place}.models[{number}]", model)


def _of_request(index: int, request: RequestMapping) -> Iterator[tuple[str, str]]:
    place = f"requests[{index}]"
    yield from _inserted(f"{place}.path", request.path)
    for name, value in request.headers.items():
        yield from _inserted(f"{place}.headers.{name}", value)
    for path, text in _texts_of(request.json, f"{place}.json"):
        for insert in PARAMETER.finditer(text):
            yield path, insert[0].strip("{}")
    for name, expression in request.capture.items():
        yield f"{place}.capture.{name}", expression


def _texts_of(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    for key, item in value.items() if is_object(value) else enumerate(value) if is_list(value) else ():
        yield from _texts_of(item, f"{path}.{key}")


def _inserted(place: str, template: str | None) -> Iterator[tuple[str, str]]:
    try:
        for expression in inserts(template or ""):
            yield place, expression
    except ExpressionError as error:
        raise MappingError(place, str(error)) from error
