"""What can be wrong with a configuration, in words: each names the cure. The place is added elsewhere."""

import re
from collections.abc import Iterable

from sidecar.nearest import ALIKE, nearest

MAX_QUOTED = 40


def quoted(text: str) -> str:
    """Quote what a file says: nothing in it can move the cursor or fill the screen."""
    return repr(text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 1]}…")


def meant(word: str, known: Iterable[str], otherwise: str, alike: float = ALIKE) -> str:
    """Ask for the nearest of the *known* words, or say *otherwise* where none is near."""
    near = nearest(word, known, alike)
    return f"did you mean {near!r}?" if near else otherwise


def one_of(word: str, known: Iterable[str], alike: float = ALIKE) -> str:
    """Ask for the nearest of the *known* words, or name them all."""
    names = list(known)
    return meant(word, names, f"there are {', '.join(names)}", alike)


def broken_file(reason: str, has_last_good: bool) -> str:
    kept = "the last good version stays in force" if has_last_good else "nothing of it is used"
    return f"can't be read: {reason}; {kept}"


def second_file(used: str) -> str:
    return f"is ignored, because {used} is there too; keep one of them"


def placed(file: str, line: int | None, place: str | None, message: str) -> str:
    """Write where something is wrong, and what."""
    where = f"{file}, line {line}" if line else file
    return f"{where}: {place}: {message}" if place else f"{where}: {message}"


def more(count: int) -> str:
    return f"and {count:,} more of this kind; mend the first ones and ask again"


def not_an_object(what: str) -> str:
    return f"must be {what}"


_KINDS = {
    "`float`": "a number",
    "`int`": "a whole number",
    "`str`": "a text",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "a list",
    "`str | object`": "a text or an object",
}

_REASONS = (
    (re.compile(r"Object missing required field `(\w+)`"), r"`\1` is missing"),
    (re.compile(r"a text matching regex .*\[a-z\].*"), "a plain word in lower case, like requests or cost"),
    (re.compile(r"a text matching regex .*/.*"), "a target like provider/model"),
    (re.compile(r"a text matching regex .*"), "a name without spaces and special characters"),
    (re.compile(r"a list of length >= 1"), "a list that isn't empty"),
    (re.compile(r"a text of length >= 1"), "a text that isn't empty"),
    (re.compile(r"([<>]=?) (-?\d+)\.0\b"), r"\1 \2"),
    (re.compile(r">= "), "of at least "),
    (re.compile(r"<= "), "of at most "),
)


def invalid(reason: str) -> str:
    return f"{plainly(reason)}; it is ignored"


def no_choice(value: str, known: Iterable[str]) -> str:
    return f"{quoted(value)} is not known here; {one_of(value, known)}"


def plainly(reason: str) -> str:
    """Say what a decoder found wrong without its own terms."""
    reason = reason.replace(" | null`", "`")
    for kind, words in _KINDS.items():
        reason = reason.replace(kind, words)
    for pattern, words in _REASONS:
        reason = pattern.sub(words, reason)
    return reason if reason[:1] == "`" else f"{reason[:1].lower()}{reason[1:]}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    return f"unknown key {quoted(key)}; {meant(key, known, 'it is ignored')}"


def set_twice(line: int) -> str:
    return f"is set twice; what stands in line {line} is ignored"


def not_for_projects() -> str:
    return "a project may not set this; it is ignored (put it into the global quota-sidecar.jsonc)"


def unresolved_variable(name: str) -> str:
    return f"{{env:{name}}}: the environment has no {name}; set it where OpenCode is started"


def no_such_variable() -> str:
    # Not named: some people write the key itself here.
    return "the environment has no such variable; set it where OpenCode is started"


def another_source(source: str) -> str:
    # Nor is the variable here.
    return f"the environment has no such variable; the key of {source} is used"


def same_again(first: str) -> str:
    return f"asks the same URL with the same key as {first}; it is ignored"


def unreadable_secret(path: str) -> str:
    return f"{{file:{path}}}: can't be read; check the path and its permissions"


def no_secret(path: str) -> str:
    return f"{{file:{path}}}: is empty, or too large for a secret; put the secret alone into it"


def bad_placeholder(kind: str) -> str:
    name = "NAME" if kind == "env" else "path"
    return f"a placeholder is not well-formed; write {{{kind}:{name}}}"


def secret_in_workspace(path: str) -> str:
    return f"{{file:{path}}}: lies in an open project, where others can write; move it elsewhere"


def shell_variable(name: str) -> str:
    return f"${{{name}}} is not replaced in this file; write {{env:{name}}}"


def no_base_url(provider_id: str, known: Iterable[str]) -> str:
    return (
        f"has no baseURL, and provider.{provider_id}.options.baseURL is not in the global opencode.json; "
        + meant(provider_id, known, "set one of the two")
    )


def unknown_preset(name: str, known: Iterable[str]) -> str:
    return f"there is no preset {quoted(name)}; {one_of(name, known)}"


def unknown_class(name: str, known: Iterable[str]) -> str:
    return f"there is no class {quoted(name)}; {one_of(name, known, 0.5)}"


def bad_pattern(reason: str) -> str:
    return f"is no regular expression that can be used: {reason[:100]}; it is ignored"


def no_pattern_engine() -> str:
    return "can't be used, because google-re2 is not installed beside the sidecar; install it, or remove this"


def unreadable_preset(reason: str) -> str:
    return f"the preset can't be read: {reason}"


def missing_parameter(name: str, description: str) -> str:
    return f"{name} is missing: {description or 'the preset asks for it'}"


def several_requests() -> str:
    return "can't be set here: the preset makes several requests; set baseURL, or use preset alone"


def preset_and_mapping() -> str:
    return "give either preset or mapping, not both; mapping is ignored"


def bad_path() -> str:
    return "quotaPath must start with / (appended to baseURL) or // (joined to its origin)"


def nothing_to_fetch() -> str:
    return "has no effect here: nothing is fetched, the headers of ordinary answers are read"


def bad_header(name: str) -> str:
    return f"the header {name!r} is not yours to set, or its value holds characters that can't be sent"


def url_not_allowed(reason: str) -> str:
    return f"is refused: {reason}"


def unsendable_key(source: str) -> str:
    return f"the key in {source} holds characters that can't be sent; copy it again"


def key_of_another_service(provider_id: str) -> str:
    return (
        f"is of another service than the provider {quoted(provider_id)}, and that provider's key is not sent "
        "there; name the key for it with apiKeyEnv, or its place with baseURL"
    )


def key_of_another_origin() -> str:
    return (
        "is another host than provider.<id>.options.baseURL, and that provider's key is not sent there; "
        "name the key for this host with apiKeyEnv"
    )
