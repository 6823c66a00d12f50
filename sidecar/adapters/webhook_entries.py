"""Turns configured receivers into hooks, with all resolved; a bad one is reported and left out."""

from collections.abc import Iterator

from sidecar.adapters import urls
from sidecar.adapters.credentials import sendable
from sidecar.adapters.documents import Document, Problem
from sidecar.adapters.entries import Finding, convert_entry, spell
from sidecar.adapters.jsonc import Path
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.settings import WebhookEntry
from sidecar.adapters.webhooks import Hook
from sidecar.plain import is_list, is_object
from sidecar.quota.mapping_checks import RESERVED_HEADERS
from sidecar.texts import problems as words


class _RefusedError(ValueError):
    """An entry that can't be used: why, and where in it."""

    def __init__(self, message: str, *steps: str) -> None:
        super().__init__(message)
        self.message = message
        self.steps = steps


def read_hooks(document: Document | None, placeholders: Placeholders, problems: list[Problem]) -> list[Hook]:
    """Return the receivers of our global file; what has the wrong shape is told by whoever reads it all."""
    if document is None or not is_object(document.data):
        return []
    found: list[Finding] = []
    hooks = list(_hooks(document, placeholders, found))
    problems.extend(document.locate(found))
    return hooks


def _hooks(document: Document, placeholders: Placeholders, found: list[Finding]) -> Iterator[Hook]:
    rows = document.data.get("webhooks")
    for index, row in enumerate(rows if is_list(rows) else ()):
        path: Path = ("webhooks", index)
        entry = convert_entry(WebhookEntry, row, path, [])
        if entry is None:
            continue
        try:
            yield _hook(entry, document, spell(path), placeholders)
        except _RefusedError as error:
            found.append(Finding((*path, *error.steps), error.message))


def _hook(entry: WebhookEntry, document: Document, place: str, placeholders: Placeholders) -> Hook:
    url = _fill(placeholders, entry.url, document, "url")
    try:
        urls.parse(url)
    except urls.UrlRefusedError as error:
        raise _RefusedError(words.url_not_allowed(str(error)), "url") from error
    headers: dict[str, Secret] = {}
    for name, value in entry.headers.items():
        filled = _fill(placeholders, value, document, "headers", name)
        if name.lower() in RESERVED_HEADERS or not sendable(filled):
            raise _RefusedError(words.bad_header(name), "headers", name)
        headers[name] = Secret(filled)
    return Hook(place, Secret(url), entry.format, frozenset(entry.events), headers)


def _fill(placeholders: Placeholders, text: str, document: Document, *steps: str) -> str:
    try:
        return placeholders.fill(text, document.file)
    except UnresolvedError as error:
        raise _RefusedError(str(error), *steps) from error
