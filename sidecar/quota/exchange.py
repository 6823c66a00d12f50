"""The requests of a mapping, in their order: what to ask next, and what all replies together say. No I/O.

This is a walk:

    exchange = Exchange(mapping, config)
    while request := exchange.next():
        exchange.answer(reply, now)
    reading = exchange.reading(now)
"""

import re
from collections.abc import Mapping as AbcMapping
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from sidecar.plain import is_list, is_object
from sidecar.quota.expressions import Scope, fill, value_of
from sidecar.quota.mapping import NO_AUTH, Context, Mapping, Reading, Reply, RequestMapping, read

NOTHING: Final = Reply(None, {})

PARAMETER: Final = re.compile(r"\{(config|captured)\.\w+\}")
"""All that is replaced in the texts of a JSON body: braces mean much else there, as in GraphQL."""


class Request(Struct, frozen=True):
    """A request that is ready to be sent to the gateway."""

    path: str
    method: str
    auth: tuple[str, str] | None
    """A header's name and its value, in which `{key}` stands for the key."""
    headers: dict[str, str]
    json: Any = None
    is_optional: bool = False


class CaptureError(LookupError):
    """A request can't be made, because an earlier reply lacks what it needs."""


class Exchange:
    """One walk through the requests of a mapping."""

    def __init__(self, mapping: Mapping, config: AbcMapping[str, str]) -> None:
        """Start before the first request; *config* are the user's own parameters."""
        self._mapping = mapping
        self._config = config
        self._captured: dict[str, Any] = {}
        self._replies: list[Reply] = []

    def next(self) -> Request | None:
        """Return the next request, or None when all were answered; raise `CaptureError`.

        An optional one that lacks what it needs is passed over, as if it had failed.
        """
        for request in self._mapping.requests[len(self._replies) :]:
            try:
                return fill_request(request, Scope({"captured": self._captured, "config": self._config}))
            except CaptureError:
                if not request.optional:
                    raise
                self._replies.append(NOTHING)
        return None

    def answer(self, reply: Reply, now: float) -> None:
        """Take the reply to the last request; `NOTHING` if an optional one failed."""
        request = self._mapping.requests[len(self._replies)]
        scope = Context(now, self._captured, self._config).scope(reply)
        for name, expression in request.capture.items():
            value = value_of(expression, scope)
            if value is not None:
                self._captured[name] = value
        self._replies.append(reply)

    def reading(self, now: float) -> Reading:
        """Return what the replies say."""
        return read(self._mapping, self.whole(), self.context(now))

    def context(self, now: float) -> Context:
        """Return what expressions see beside the replies."""
        return Context(now, self._captured, self._config)

    def whole(self) -> Reply:
        """Return all replies as one: by the requests' names, or the last."""
        names = [request.name for request in self._mapping.requests]
        last = self._replies[-1] if self._replies else NOTHING
        if not any(names):
            return last
        bodies = {name: reply.body for name, reply in zip(names, self._replies, strict=False)}
        return Reply(bodies, last.headers)


def fill_request(request: RequestMapping, scope: Scope) -> Request:
    """Return *request* with its parameters in place; raise `CaptureError` where one has no value."""
    name, _, value = request.auth.partition(":")
    return Request(
        path=_fill_path(request.path, scope),
        method=request.method,
        auth=None if request.auth == NO_AUTH else (name, value.strip()),
        headers={name: _fill(value, scope) for name, value in request.headers.items()},
        json=_fill_json(request.json, scope),
        is_optional=request.optional,
    )


def _fill(template: str, scope: Scope) -> str:
    return _filled(template, fill(template, scope))


def _fill_path(path: str, scope: Scope) -> str:
    """Fill the parameters in so that none of them can leave its segment of the path."""
    return _filled(path, fill(path, scope, _segment))


def _filled(template: str, text: str | None) -> str:
    if text is None:
        raise CaptureError(template)
    return text


def _segment(text: str) -> str | None:
    return None if text in ("", ".", "..") else quote(text, safe="")


def _fill_json(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        return PARAMETER.sub(lambda insert: _fill(insert[0], scope), value)
    if is_object(value):
        return {key: _fill_json(item, scope) for key, item in value.items()}
    if is_list(value):
        return [_fill_json(item, scope) for item in value]
    return value
