"""Why a text is not JSON, in words: what the decoder says of it, without its own terms."""

import re
from typing import Final

_EXPECTED: Final = re.compile(
    r"Expected b'(\w+)'(?: or U\+([0-9a-fA-F]+))? near \d+, found U\+([0-9a-fA-F]+)"
)
_UNCLOSED: Final = re.compile(r"Unclosed b'(\w+)'")
_EXTRA: Final = re.compile(r"Extra data U\+([0-9a-fA-F]+)")

_NAMES: Final = {
    "object": "the { here is not closed",
    "array": "the [ here is not closed",
    "string": "the text here has no closing quote",
    "comment": "the comment here is not closed",
}


def not_json(message: str) -> str:
    """Say what pyjson5's *message* says; of the text itself no more than one character is shown."""
    why = _why(message)
    return f"it is not valid JSON: {why}" if why else "it is not valid JSON"


def _why(message: str) -> str | None:
    if unclosed := _UNCLOSED.match(message):
        return _NAMES.get(unclosed[1])
    if extra := _EXTRA.match(message):
        return f"{_character(extra[1])!r} is left over after the end"
    if message.startswith("Stray b'comma'"):
        return "there is a comma too many"
    if expected := _EXPECTED.match(message):
        return _expected(expected[1], _character(expected[2] or "0"), _character(expected[3]))
    return None


def _expected(what: str, closing: str, found: str) -> str | None:
    shown = repr(found)
    if what == "comma" and found in "]}":
        return f"{found} stands where {closing} should"
    if what in ("comma", "colon"):
        return f"a {what} is missing before {shown}"
    if found == "#":
        return "a comment begins with //, not with #"
    return {
        "IdentifierStart": f"a key in quotes should stand here, and not {shown}",
        "JSON5Value": f"a value should stand here (a text stands in quotes), and not {shown}",
    }.get(what)


def _character(code: str) -> str:
    return chr(int(code, 16))


def not_utf_8() -> str:
    return "it is not UTF-8; save it as UTF-8"


def utf_16() -> str:
    return "it is UTF-16; save it as UTF-8"
