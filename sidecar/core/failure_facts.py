"""Takes a refusal apart: what of it can be evidence. It judges nothing.

Bodies come as JSON, as the events of a stream, as pages, as what a gateway wrote around another's JSON,
and cut off after 64 KiB. Of JSON only the places are read where services put errors: a stream's events also
hold the user's own prompt, which may say anything. Every step is linear in the size of the refusal.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.plain import is_list, is_object

MAX_DEPTH: Final = 10
MAX_VALUES: Final = 400
HEAD, TAIL = 6000, 2000
"""Characters that are searched of one text; a long one says what happened at its beginning or at its end."""
MAX_TEXTS: Final = 24
MAX_CODE: Final = 120

_PASSED_ON: Final = "llm_provider-"
"""How LiteLLM begins the names of the headers that it was given."""


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


_CODES: Final = _keys(
    "code type status reason name error errortype errorcode errcode statuscode httpcode httpstatus fault "
    "shortname limitname"
)
"""Keys whose values name an error, in a word or a number. Keys are compared without case and signs."""
_STATUSES: Final = _keys("code status statuscode errorcode httpcode httpstatus errcode")
_TEXTS: Final = _keys(
    "message msg detail details title error errors errormessage errormsg errmsg errordescription description "
    "statusmsg reason raw body text info hint quotaid quotametric subject exception cause responsebody "
    "failure "
    "lasterror"
)
_WITHIN: Final = _TEXTS | _keys(
    "response metadata data innererror baseresp violations headers result fault upstream upstreamerror "
    "providererror exceptions output previouserrors throttlingexception validationexception "
    "internalserverexception modelstreamerrorexception serviceunavailableexception"
)
"""Keys below which an error may be."""

_PAIR: Final = re.compile(
    r"""\\{0,8}["'](@?[A-Za-z_.\-]{2,40})\\{0,8}["']\s{0,4}:\s{0,4}"""
    r"""(?:\\{0,8}["']([^"'\\\n]{1,300})|(-?\d{1,20}(?:\.\d{1,9})?))"""
)
"""`"code": "x"` in a text that holds JSON, escaped JSON, or what Python prints of a dict."""
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")
_SCRIPT: Final = re.compile(r"<(script|style)\b[^<>]{0,500}>[^<]{0,20000}</\1>", re.IGNORECASE)
_SPACE: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r"\s*\n\s*")
_NAME: Final = re.compile(r"[\w.:#-]{1,80}", re.ASCII)
_SIGNS: Final = re.compile(r"[^a-z0-9]+")


class Facts(Struct, frozen=True):
    """A refusal, taken apart."""

    status: int | None
    """The HTTP status, or None where there was none."""
    headers: dict[str, str]
    """By their names in lower case."""
    codes: dict[str, str]
    """Words that name an error, outermost first, without case and signs, each with where it stood in full;
    `code=1302` is a number's."""
    body_status: int | None
    """The HTTP status that the body speaks of."""
    fields: tuple[tuple[str, Any], ...]
    """All other values by their keys in lower case without signs."""
    text: str
    """What was said in words: in lower case, one line a text, with plain quotes and single spaces."""

    @property
    def is_success(self) -> bool:
        """Say whether the status claims that all is well."""
        return self.status is not None and 200 <= self.status < 300


def facts_of(status: int | None, headers: dict[str, str], texts: Iterable[str], name: str) -> Facts:
    """Take a refusal apart: *texts* are its body and what an SDK said, *name* is the exception's."""
    pairs: list[tuple[str, Any]] = [("errorname", name)] if name else []
    words: list[str] = []
    lowered = {str(key).strip().lower(): str(value).strip() for key, value in headers.items()}
    for key in [key for key in lowered if key.startswith(_PASSED_ON)]:
        lowered.setdefault(key.removeprefix(_PASSED_ON), lowered[key])
    if "x-amzn-errortype" in lowered:
        pairs.append(("errortype", lowered["x-amzn-errortype"]))
    for text in texts:
        _read(text, pairs, words)
    known = status if status is not None and 100 <= status <= 999 else None
    return Facts(
        status=known,
        headers=lowered,
        codes=dict(code for key, value in reversed(pairs) for code in _codes(key, value)),
        body_status=next((found for key, value in pairs if (found := _status(key, value))), None),
        fields=tuple(pairs),
        text="\n".join(dict.fromkeys(filter(None, (plain(word) for word in words[:MAX_TEXTS])))),
    )


def plain(text: str) -> str:
    """Return *text* as the phrases of the rules expect it; of a long one only its two ends."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} {text[-TAIL:]}"
    text = text.lower().replace("\u2019", "'").replace("`", "'")
    return _LINES.sub("\n", _SPACE.sub(" ", text)).strip()


def bare(word: str) -> str:
    """Return *word* without case and signs: `RESOURCE_EXHAUSTED` is `resourceexhausted`."""
    return _SIGNS.sub("", word.lower())


def _read(text: str, pairs: list[tuple[str, Any]], words: list[str]) -> None:
    """Add what *text* holds: whole JSON, a stream of events, a page, or words with JSON among them."""
    documents = list(_documents(text))
    before = len(words)
    found = [pair for document in documents for pair in islice(_walk(document, words, 0), MAX_VALUES)]
    pairs.extend(found)
    if len(words) > before or not text.strip() or any(key in _CODES for key, _ in found):
        return
    if documents:  # of a shape that nobody knows
        tops = [value for row in documents if is_object(row) for value in row.values()]
        words.extend(value for value in tops[:MAX_TEXTS] if isinstance(value, str))
        return
    rest = text.rpartition("\ndata:")[2]  # of a stream, what was cut off
    is_page = rest.lstrip()[:1] == "<"
    words.append(_TAG.sub(" ", _SCRIPT.sub(" ", rest[:20_000])) if is_page else rest)
    pairs.extend(_embedded(rest))


def _documents(text: str) -> Iterator[Any]:
    """Yield the JSON that *text* is, or that its `data:` lines are."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        document = _decoded(text)
        if document is not None:
            yield document
            return
    for line in text.splitlines()[:200]:
        data = line.strip().removeprefix("data:").lstrip()
        if data[:1] in ("{", "[") and (document := _decoded(data)) is not None:
            yield document


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _walk(value: Any, words: list[str], depth: int, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield key and value of all that may be evidence, outermost first, and collect the *words*."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        if key in _TEXTS and len(words) < MAX_TEXTS:
            yield from _said(value, words, depth)
        return
    if is_object(value):
        named = [(bare(str(name)), item) for name, item in islice(value.items(), 60)]
        yield from ((name, item) for name, item in named if isinstance(item, (str, int, float)))
    else:
        named = [(key, item) for item in value[:20]] if is_list(value) else []
    for name, item in named:
        if name == "code" and isinstance(item, str) and " " in item:
            words.append(item)
        elif name in _WITHIN or is_list(value):
            yield from _walk(item, words, depth + 1, name)


def _said(text: str, words: list[str], depth: int) -> Iterator[tuple[str, Any]]:
    """Take up a text, and what of another service's error it holds."""
    document = _decoded(text) if text[:1] in ("{", "[") else None
    if document is None or isinstance(document, str):
        words.append(text)
        yield from _embedded(text)
    else:
        yield from _walk(document, words, depth + 1, "raw")


def _embedded(text: str) -> Iterator[tuple[str, Any]]:
    if "{" in text:
        for match in islice(_PAIR.finditer(text), MAX_VALUES):
            yield bare(match[1]), match[2] or float(match[3])


def _codes(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if key not in _CODES and key != "errorname":
        return
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        value = int(value)
    if isinstance(value, int) or (
        isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal()
    ):
        number = int(value) if len(str(value)) < 10 else 0
        yield f"{key}={number}", f"body code {number}"
    elif isinstance(value, str) and len(value) <= MAX_CODE and " " not in value.strip():
        head = value.partition(":")[0]
        place = "error name" if key == "errorname" else "body code"
        for form in (value, head, head.rpartition("#")[2], head.rpartition(".")[2]):
            if word := bare(form):
                yield word, f"{place} {form if _NAME.fullmatch(form) else word}"


def _status(key: str, value: Any) -> int | None:
    if key not in _STATUSES or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if 400 <= number <= 599 and number == int(number) else None
