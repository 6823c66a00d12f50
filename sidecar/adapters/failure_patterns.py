"""Compiles the user's own failure patterns; a bad one is reported and left out.

Matching takes time in proportion to the text, whatever somebody wrote: RE2, which is loaded only for them.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from sidecar.adapters.documents import Document, Problem
from sidecar.adapters.entries import Finding, convert_entry
from sidecar.adapters.jsonc import Path
from sidecar.adapters.settings import FailurePatternEntry
from sidecar.core.failure import FailureClass, Pattern
from sidecar.plain import is_list, is_object
from sidecar.texts import problems as words

CLASSES: Final[tuple[str, ...]] = get_args(FailureClass)


class _PatternError(ValueError):
    """What is wrong with an expression."""


def read_patterns(document: Document | None, problems: list[Problem]) -> tuple[Pattern, ...]:
    """Return the patterns of our global file, in its order."""
    if document is None or not is_object(document.data):
        return ()
    found: list[Finding] = []
    patterns = tuple(_patterns(document.data.get("failurePatterns", []), found))
    problems.extend(document.locate(found))
    return patterns


def _patterns(rows: Any, found: list[Finding]) -> Iterator[Pattern]:
    if not is_list(rows):
        found.append(Finding(("failurePatterns",), words.not_an_object("a list")))
        return
    for index, row in enumerate(rows):
        path: Path = ("failurePatterns", index)
        named = row.get("class") if is_object(row) else None
        if isinstance(named, str) and named not in CLASSES:
            found.append(Finding((*path, "class"), words.unknown_class(named, CLASSES)))
            continue
        entry = convert_entry(FailurePatternEntry, row, path, found)
        if entry is None:
            continue
        try:
            yield Pattern(_searcher(entry.match), entry.failure_class, entry.provider, index + 1)
        except _PatternError as error:
            found.append(Finding((*path, "match"), str(error)))


def _searcher(expression: str) -> Callable[[str], bool]:
    """Return what says whether a text holds *expression*, in any case."""
    try:
        re2: Any = importlib.import_module("re2")  # it comes without types
    except ImportError as error:
        raise _PatternError(words.no_pattern_engine()) from error
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False  # it would write into our log by itself
    try:
        compiled = re2.compile(expression, options)
    except UnicodeEncodeError as error:
        raise _PatternError(words.bad_pattern("it holds half a character")) from error
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise _PatternError(words.bad_pattern(text)) from error

    def search(text: str) -> bool:
        return compiled.search(text.encode("utf-8", "replace").decode()) is not None

    return search
