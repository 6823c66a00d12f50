"""What is said when a target refuses and another goes on: toasts, and the refusals when nobody is left.

Toasts are sentences of `texts/toasts.py`. A final refusal holds nothing that makes the host try again.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from sidecar.core.choose import Unfit
from sidecar.core.failure import FailureClass
from sidecar.core.limits import Kind, Reached
from sidecar.core.models import canonical_id
from sidecar.protocol import Target
from sidecar.texts.figures import duration
from sidecar.texts.program import PROGRAM
from sidecar.texts.routing import OUT
from sidecar.texts.times import about, clock, lasting, when
from sidecar.texts.toasts import Sentence, short

WHY: Final[dict[FailureClass, str]] = {
    "rate-limit-short": "rate limit",
    "quota-exhausted-long": "quota used up",
    "overloaded": "too busy",
    "auth": "key refused",
    "context-length": "too long for it",
    "bad-request": "request refused",
    "network": "can't be reached",
    "aborted": "aborted",
}
"""Why a target does not answer, in two or three words."""

_FINALLY: Final[dict[FailureClass, str]] = {**WHY, "rate-limit-short": "asked too often"}

LIMITS: Final[dict[Kind, str]] = {
    "requests_per_hour": "requests an hour",
    "requests_per_day": "requests a day",
    "tokens_per_day": "tokens a day",
    "cost_per_day": "cost a day",
}

_HOST_RETRIES: Final = re.compile(
    r"429|50[0234]|524|rate increased too quickly|rate[-_ ]?limit|too[ _]many[ _]requests|overloaded"
    r"|unavailable|exhausted|internal[-_ ]error|server[-_ ]error|provider[-_ ]returned[-_ ]error|terminated"
    r"|fail\w* to fetch|fetch failed|network[-_\s]error|upstream connect|connection (?:error|refused|lost)"
    r"|socket|reset before headers|getaddrinfo|enotfound|eai_again|econn|etimedout|time[- ]?d? ?out"
    r"|(?:try|retry) (?:your request|again)|at capacity|usagelimit",
    re.IGNORECASE,
)
"""What makes the host repeat a request that was refused for good, whatever the status; and a bit more."""

_NEUTRAL: Final = "a provider"
"""Instead of a name that would make the host try again."""


class Waiting(Struct, frozen=True):
    """Somebody who refused, or is waited for."""

    label: str
    why: FailureClass
    until: float
    """When it is looked at again, in Unix seconds."""
    stated: bool = False
    """`until` is its own word, else a guess."""


def names(labels: tuple[str, str], first: Target, then: Target) -> tuple[str, str]:
    """Return what to call two targets, whose providers have *labels*: with the model where that changes."""
    if first.provider_id == then.provider_id:
        return _target(first), _target(then)
    is_same = canonical_id(first.model_id) == canonical_id(then.model_id)
    return labels[0], labels[1] if is_same else _target(then)


def went_on(
    refused_label: str, why: FailureClass, until: float, stated: bool, next_label: str, now: float
) -> Sentence:
    """Say that a request goes on elsewhere: a warning."""
    return _refuses(refused_label, why), *_back(until, stated, now), f"going on at {short(next_label)}"


def is_back(label: str) -> Sentence:
    """Say that a target answers again and is used: a success."""
    return f"{short(label)} is back", "going on there"


def moved(
    label_from: str, label_to: str, why: FailureClass, until: float, stated: bool, now: float
) -> Sentence:
    """Say that a turn begins elsewhere: a warning."""
    what = f"{short(label_from)} has to wait ({WHY[why]})"
    return what, *_back(until, stated, now), f"this turn goes to {short(label_to)}"


def own_limit(label: str, reached: Reached, next_label: str, now: float) -> Sentence:
    """Say that a limit of the user's own is reached, and where requests go: a warning."""
    what = f"{short(label)} is at your limit ({LIMITS[reached.kind]})"
    return what, lasting(reached.until, now), f"going on at {short(next_label)}"


def all_gone(rows: Sequence[Waiting], now: float) -> Sentence:
    """Say that everybody in *rows*, which are at least one, refuses: an error."""
    first, *_ = _by_end(rows)
    return "Every provider refuses", f"first back: {short(first.label)}, {_until(first, now)}"


def gone(rows: Sequence[Waiting], now: float) -> str:
    """Return the final refusal: who of *rows* is waited for, until when; the host never repeats it."""
    first, *others = _by_end(rows)
    if others:
        lines = ["Every provider that could answer refuses.", f"First back: {_waiting(first, now)}."]
        lines.append(f"Then: {'; '.join(_waiting(row, now, is_short=True) for row in others)}.")
    else:
        lines = [f"{_harmless(first.label)} refuses ({_FINALLY[first.why]}).", f"Back {_until(first, now)}."]
    return "\n".join(
        [*lines, "Topped up? Every new prompt is sent all the same.", "/quota_status says more."]
    )


def elsewhere(rows: Sequence[Waiting], label: str, now: float) -> str:
    """Return the final refusal where a turn can go on at *label*, and no request of it."""
    first = _by_end(rows)[0]
    return (
        "Everyone whom this turn's requests can reach refuses.\n"
        f"First back: {_waiting(first, now)}.\n"
        f"{_harmless(label)} is free: the turn is done again there, or your next prompt goes there."
    )


def busy(rows: Sequence[Waiting], now: float) -> str:
    """Return the refusal of a short wait, beside which the host counts down and then asks again."""
    first, *others = _by_end(rows)
    what = f"{short(first.label)} ({_FINALLY[first.why]})"
    if not others:
        return f"{what} refuses for a moment."
    return f"Every provider refuses for a moment; {what} is back first."


def next_one() -> str:
    """Return the refusal after which the host asks again at once, and gets another provider."""
    return "Whoever was asked refuses; the next provider is asked."


def hard_limit(label: str, reached: Reached, now: float) -> str:
    """Return the final refusal at a limit that the user has set as hard."""
    kind, until = LIMITS[reached.kind], f"{when(reached.until, now)}, in {about(reached.until - now)}"
    return (
        f"{_harmless(label)} is at the limit that you have set for it ({kind}).\n"
        f"The limit turns {until}.\n"
        "To go on now, raise the limit in quota-sidecar.jsonc, or remove its `hard`."
    )


def nobody_fits(model_id: str, rows: Sequence[tuple[str, Unfit]]) -> str:
    """Return the final refusal where none of a virtual model's targets, in *rows*, can take a request."""
    lines = [f"Nobody can take this as {_harmless(model_id)}, a model of limit-router."]
    lines += [f"{_harmless(label)}: {OUT[why]}." for label, why in rows]
    if not rows:
        lines.append(f"It has no targets; `{PROGRAM} doctor` says why.")
    return "\n".join([*lines, "/route says more; any other model of the picker goes on."])


def _refuses(label: str, why: FailureClass) -> str:
    if why == "network":
        return f"{short(label)} can't be reached"
    if why == "auth":
        return f"{short(label)} refuses its key"
    return f"{short(label)} refuses ({WHY[why]})"


def _target(target: Target) -> str:
    return f"{target.provider_id}/{target.model_id}"


def _back(until: float, stated: bool, now: float) -> Sentence:
    if until <= now:
        return ()
    return (f"{'back' if stated else 'looked at again'} in {duration(until - now)}",)


def _by_end(rows: Sequence[Waiting]) -> list[Waiting]:
    """Return one row for each name, the one that is back first at the front."""
    found: dict[str, Waiting] = {}
    for row in sorted(rows, key=lambda row: row.until):
        found.setdefault(row.label, row)
    return list(found.values())


def _until(row: Waiting, now: float) -> str:
    sure = "" if row.stated else "perhaps "
    return f"{sure}{when(row.until, now)}, in {about(row.until - now)}"


def _waiting(row: Waiting, now: float, *, is_short: bool = False) -> str:
    what = f"{_harmless(row.label)} ({_FINALLY[row.why]})"
    return f"{what}, {clock(row.until, now)}" if is_short else f"{what}, {_until(row, now)}"


def _harmless(label: str) -> str:
    """Return a name that a final refusal may hold; beside its words none becomes what the host repeats."""
    return _NEUTRAL if _HOST_RETRIES.search(name := short(label)) else name
