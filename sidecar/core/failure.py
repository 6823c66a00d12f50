"""What a refusal means: its class, what it binds, and until when. `classify` is the one entry point.

It decides from what is handed in: no clock, no I/O, and no exception, whatever a provider sends.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct, field

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
    if refusal.status in (401, 403):
        return Failure("auth", f"status {refusal.status}", "account")
    if refusal.status == 429:
        return Failure("rate-limit-short", "status 429", "account")
    if refusal.status is not None and refusal.status >= 500:
        return Failure("overloaded", f"status {refusal.status}", "model")
    return Failure("bad-request", f"status {refusal.status}")
