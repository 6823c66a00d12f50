"""What a refusal means: its class, what it binds, and until when. `classify` is the one entry point.

It decides from what is handed in: no clock, no I/O, and no exception, whatever a provider sends.
"""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

from msgspec import Struct, field

from sidecar.core.failure_codes import OF_ONE_MODEL, Kind
from sidecar.core.failure_facts import Facts, facts_of
from sidecar.core.failure_rules import judge
from sidecar.core.failure_texts import OF_A_MODEL
from sidecar.core.limit_texts import NO_LIMIT_LEFT, ONE_MODEL
from sidecar.core.resets import Reset, binds_model, stated_resets

FailureClass = Literal[
    "rate-limit-short",
    "quota-exhausted-long",
    "overloaded",
    "auth",
    "context-length",
    "bad-request",
    "network",
    "aborted",
]

Scope = Literal["model", "account", "origin"]
"""What a cooldown binds."""


SHORT_S: Final = 600.0
"""Up to here a limit is short: waiting or a single move is all that it takes."""

CLASSES: Final[dict[Kind, FailureClass]] = {
    "overloaded": "overloaded",
    "auth": "auth",
    "context": "context-length",
    "bad": "bad-request",
    "network": "network",
    "aborted": "aborted",
}
SCOPES: Final[dict[FailureClass, Scope | None]] = {
    "rate-limit-short": "account",
    "quota-exhausted-long": "account",
    "overloaded": "model",
    "auth": "account",
    "context-length": None,
    "bad-request": None,
    "network": "origin",
    "aborted": None,
}


class Refusal(Struct, frozen=True, omit_defaults=True):
    """What is known of a request that failed."""

    provider: str = ""
    """OpenCode's id."""
    status: int | None = None
    headers: dict[str, str] = {}
    """Names in any case."""
    body: str = ""
    """The first 64 KiB at most: JSON, an event stream, a page or nothing."""
    message: str = ""
    """What an SDK or the network made of it."""
    error_name: str = ""
    """The name of the exception, like `AbortError`."""


class Failure(Struct, frozen=True, omit_defaults=True):
    """What a refusal means."""

    failure_class: FailureClass = field(name="class")
    evidence: str
    """What decided, in a short phrase without a word of the provider's text."""
    scope: Scope | None = None
    """None where nothing cools: bad-request, context-length, aborted."""
    retry_after_s: float | None = None
    """As stated, above 0 and at most 31 days; `reset_at` is the same as an instant in Unix seconds."""
    reset_at: float | None = None


class Pattern(Struct, frozen=True):
    """A rule of the user's own, compiled elsewhere."""

    search: Callable[[str], bool]
    """Says whether a text matches."""
    failure_class: FailureClass
    provider: str | None = None
    """A glob of provider ids, like `my-*`; None is every provider."""
    number: int = 1
    """Its place in the configuration, counted from 1."""


def classify(refusal: Refusal, now: float, patterns: Sequence[Pattern] = ()) -> Failure:
    """Say what *refusal* means at *now*, in Unix seconds; *patterns* are asked before our own rules."""
    facts = facts_of(refusal.status, refusal.headers, (refusal.body, refusal.message), refusal.error_name)
    verdict = judge(facts, refusal.provider)
    is_limit = verdict.kind in ("billing", "quota")
    resets = stated_resets(facts, refusal.provider, now, trusts_windows=not is_limit)
    own = None if verdict.kind == "aborted" else _own_pattern(refusal, patterns)
    if own:
        failure_class, evidence = own.failure_class, f"user pattern {own.number}"
        reset = next(resets, None)
    else:
        evidence = verdict.evidence
        failure_class, reset = _class_and_reset(verdict.kind, facts, resets)
    scope = _scope(failure_class, facts)
    if scope is None or reset is None:
        return Failure(failure_class, evidence, scope)
    return Failure(failure_class, evidence, scope, reset.after_s, reset.at)


def prepare() -> None:
    """Compile what `classify` needs: 0.1 s of work that the first refusal should not have to wait for."""
    for status in (None, 429):
        classify(Refusal(status=status, message="-"), 0.0)


def _own_pattern(refusal: Refusal, patterns: Sequence[Pattern]) -> Pattern | None:
    said = f"{refusal.message}\n{refusal.body}" if patterns else ""
    for pattern in patterns:
        is_meant = pattern.provider is None or fnmatchcase(refusal.provider, pattern.provider)
        if is_meant and pattern.search(said):
            return pattern
    return None


def _class_and_reset(kind: Kind, facts: Facts, resets: Iterator[Reset]) -> tuple[FailureClass, Reset | None]:
    """Return the class of *kind*; of limits the stated reset tells whether they are short."""
    if kind not in ("rate", "quota", "billing"):
        # What we can't reach, or reach in vain, says nothing of limits.
        return CLASSES[kind], next(resets, None)
    only_long = kind == "billing" or NO_LIMIT_LEFT.search(facts.text)
    reset = next((row for row in resets if not only_long or row.after_s > SHORT_S), None)
    if reset:
        return ("rate-limit-short" if reset.after_s <= SHORT_S else "quota-exhausted-long"), reset
    return ("rate-limit-short" if kind == "rate" and not only_long else "quota-exhausted-long"), None


def _scope(failure_class: FailureClass, facts: Facts) -> Scope | None:
    if failure_class == "auth":
        is_of_model = bool(OF_A_MODEL.search(facts.text))
    elif failure_class in ("rate-limit-short", "quota-exhausted-long"):
        is_coded = binds_model(facts) or not OF_ONE_MODEL.isdisjoint(facts.codes)
        is_of_model = is_coded or bool(ONE_MODEL.search(facts.text))
    else:
        is_of_model = False
    return "model" if is_of_model else SCOPES[failure_class]
