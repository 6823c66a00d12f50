"""What is wrong, from the facts of a refusal: the rules in the order in which they are asked.

1. Aborted, by name. 2. Too long for the model, unless the text plainly speaks of a rate. 3. A code of the
body that says it all. 4. A code that says roughly what, or else the status (the body's own where HTTP says
200), and what the words add to it. 5. The words alone. 6. That a success holds an error at all.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from sidecar.core import failure_texts as texts
from sidecar.core import limit_texts as limits
from sidecar.core.failure_codes import CERTAIN, LIKELY, OVERFLOW_UNLESS_RATE, STEMS, VAGUE, Kind
from sidecar.core.failure_facts import Facts
from sidecar.core.phrases import Phrase, first


class Verdict(Struct, frozen=True):
    """What is wrong, and what says so."""

    kind: Kind
    evidence: str


Family = tuple[Kind, tuple[Phrase, ...]]

_MONEY: Final[tuple[Family, ...]] = (("billing", limits.BILLING), ("quota", limits.QUOTA))
WORDS_ADD: Final[dict[Kind, tuple[Family, ...]]] = {
    "rate": (*_MONEY, ("rate", limits.PLAIN_RATE), ("overloaded", limits.OVERLOADED)),
    "quota": (("billing", limits.BILLING),),
    "overloaded": (
        *_MONEY,
        ("rate", limits.PLAIN_RATE),
        ("overloaded", limits.OVERLOADED),
        ("rate", limits.RATE),
        ("auth", texts.KEY),
    ),
    "auth": (*_MONEY, ("rate", limits.PLAIN_RATE), ("bad", texts.CONTENT)),
    "bad": (*_MONEY, ("rate", limits.PLAIN_RATE), ("overloaded", limits.OVERLOADED), ("auth", texts.AUTH)),
}
"""What words may make of a status or of a likely code: only what contradicts it plainly, in this order."""

WORDS_ALONE: Final[tuple[Family, ...]] = (
    *_MONEY,
    ("rate", limits.PLAIN_RATE),
    ("overloaded", limits.OVERLOADED),
    ("rate", limits.RATE),
    ("auth", texts.AUTH),
    ("bad", (*texts.CONTENT, *texts.MODEL, *texts.BAD)),
    ("network", texts.NETWORK),
    ("overloaded", texts.SERVER),
)

PER_MINUTE: Final = ("alibaba", "dashscope", "qwen", "bailian", "aliyun", "modelstudio", "model-studio")
"""Whose `insufficient_quota` is a limit of tokens a minute."""


def judge(facts: Facts, provider: str) -> Verdict:
    """Say what is wrong."""
    for rule in RULES:
        if verdict := rule(facts, provider):
            if verdict.kind == "network" and facts.status is not None:
                return Verdict("overloaded", verdict.evidence)  # who answered is reached, but reaches nobody
            return verdict
    return Verdict("bad", "nothing known")


def _aborted(facts: Facts, _provider: str) -> Verdict | None:
    for code, shown in facts.codes.items():
        if CERTAIN.get(code) == "aborted":
            return Verdict("aborted", shown)
    if facts.status in (None, 499) or facts.is_success:
        return _said("aborted", texts.ABORTED, facts)
    return None


def _overflow(facts: Facts, _provider: str) -> Verdict | None:
    if 402 in (facts.status, facts.body_status):  # what can't be afforded is long, too
        return None
    for code, shown in facts.codes.items():
        if CERTAIN.get(code) == "context":
            return Verdict("context", shown)
    if first(limits.PLAIN_RATE, facts.text):
        return None
    if verdict := _said("context", texts.OVERFLOW, facts):
        return verdict
    return _vague_overflow(facts)


def _vague_overflow(facts: Facts) -> Verdict | None:
    """Take what is said of rates too as an overflow, where nothing speaks of a rate."""
    speaks_of_rate = facts.status == 429 or any(LIKELY.get(code) == "rate" for code in facts.codes)
    if speaks_of_rate or first((*limits.SHORT_WINDOW, *limits.LONG_WINDOW, *limits.WAIT), facts.text):
        return None
    for code, shown in facts.codes.items():
        if code in OVERFLOW_UNLESS_RATE:
            return Verdict("context", shown)
    return _said("context", texts.VAGUE_OVERFLOW, facts)


def _certain_code(facts: Facts, provider: str) -> Verdict | None:
    for code, shown in facts.codes.items():
        if kind := CERTAIN.get(code):
            is_theirs = code == "insufficientquota" and any(name in provider.lower() for name in PER_MINUTE)
            if is_theirs and limits.CALLED_QUOTA.search(facts.text):
                kind = "rate"
            return Verdict(kind, shown)
    return None


def _code_or_status(facts: Facts, _provider: str) -> Verdict | None:
    likely = _likely_code(facts)
    verdict = likely or _by_status(facts) or _vague_code(facts)
    if verdict is None:
        return None
    if _is_rate_after_all(verdict, likely is not None, facts):
        return Verdict("rate", f"{verdict.evidence} per minute")
    families = WORDS_ADD.get(verdict.kind, ())
    if likely or facts.status not in (None, 200, 400, 422, *range(500, 600)):
        families = tuple(row for row in families if row[0] != "auth")
    said = _from_words(families, facts, verdict)
    return said if said and said.kind != verdict.kind else verdict


def _is_rate_after_all(verdict: Verdict, is_code: bool, facts: Facts) -> bool:
    """Say whether a limit is one per minute, whatever its code is called, or what is on offer beside it."""
    if verdict.kind == "quota":
        return _is_per_minute(facts)
    may_be = verdict.kind == "rate" or (verdict.kind == "billing" and is_code)
    return may_be and _is_per_minute(facts) and first(limits.PLAIN_RATE, facts.text) is not None


def _likely_code(facts: Facts) -> Verdict | None:
    for code, shown in facts.codes.items():
        if kind := LIKELY.get(code):
            return Verdict(kind, shown)
        if code in VAGUE:
            continue
        for stem, kind in STEMS:
            if stem in code:
                return Verdict(kind, f"body code with '{stem}'")
    return None


def _by_status(facts: Facts) -> Verdict | None:
    status, where = facts.status, "status"
    if status is None or facts.is_success or (status in WRAPPERS and facts.body_status in WRAPPED):
        status, where = facts.body_status, "body status"
    if status is None and facts.status is None and (said := texts.STATUS.search(facts.text)):
        status, where = int(said[1] or said[2]), "text status"
    if status is None:
        return None
    return Verdict(BY_STATUS.get(status, "overloaded" if status >= 500 else "bad"), f"{where} {status}")


def _vague_code(facts: Facts) -> Verdict | None:
    return next((Verdict(VAGUE[code], shown) for code, shown in facts.codes.items() if code in VAGUE), None)


def _words(facts: Facts, _provider: str) -> Verdict | None:
    return _from_words(WORDS_ALONE, facts, None)


def _from_words(families: tuple[Family, ...], facts: Facts, beside: Verdict | None) -> Verdict | None:
    """Ask *families* in turn; *beside* is what a code or the status says already."""
    for kind, family in families:
        verdict = _quota(facts, beside) if kind == "quota" else _said(kind, family, facts)
        if verdict and verdict.kind == "rate" and (long := first(limits.LONG_WINDOW, facts.text)):
            return Verdict("quota", f"text '{long}'")
        if verdict:
            return verdict
    return None


def _quota(facts: Facts, beside: Verdict | None) -> Verdict | None:
    """Tell a quota from a rate that is called one: the window's length says it."""
    if limits.ALLOCATED.search(facts.text):
        return Verdict("rate", "text 'allocated quota'")
    long = first(limits.LONG_WINDOW, facts.text)
    if verdict := _said("quota", limits.QUOTA, facts):
        if _is_per_minute(facts):
            return Verdict("rate", f"{verdict.evidence} per minute")
        return verdict
    if long and (beside is None or beside.kind == "rate") and limits.A_LIMIT.search(facts.text):
        return Verdict("quota", f"text '{long}'")
    return None


def _is_per_minute(facts: Facts) -> bool:
    is_short = first(limits.SHORT_WINDOW, facts.text) and not first(limits.LONG_WINDOW, facts.text)
    return bool(is_short)


def _said(kind: Kind, family: tuple[Phrase, ...], facts: Facts) -> Verdict | None:
    name = first(family, facts.text)
    return Verdict(kind, f"text '{name}'") if name else None


BY_STATUS: Final[dict[int, Kind]] = {
    401: "auth",
    402: "billing",
    403: "auth",
    407: "auth",
    408: "overloaded",
    409: "overloaded",
    413: "context",
    420: "rate",
    424: "overloaded",
    425: "overloaded",
    429: "rate",
    499: "aborted",
}
WRAPPERS: Final = (400, 500, 502, 503)
"""What gateways answer when the service behind them refused..."""
WRAPPED: Final = (401, 402, 403, 429)
"""... with a status that says more."""


def _unknown(facts: Facts, _provider: str) -> Verdict | None:
    """Blame the service that had accepted the request and then failed, whatever it says."""
    is_error = "error" in facts.codes or "responsefailed" in facts.codes
    is_error = is_error or any(key == "error" for key, _ in facts.fields)
    return Verdict("overloaded", "error in a success") if facts.is_success and is_error else None


RULES: Final[tuple[Callable[[Facts, str], Verdict | None], ...]] = (
    _aborted,
    _overflow,
    _certain_code,
    _code_or_status,
    _words,
    _unknown,
)
