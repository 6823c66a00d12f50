"""When a service says that it is back: the sources in their order; the first sane one wins."""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from msgspec import Struct

from sidecar.core.failure_facts import Facts
from sidecar.core.reset_texts import duration_of, iso_instant, spoken_resets

LONGEST_S: Final = 31 * 86400.0
"""A reset beyond this is a mistake, and ignored."""

_RETRY_MS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
_RETRY: Final = ("retry-after", "x-retry-after")
_UNIFIED: Final = "anthropic-ratelimit-unified-"
_OVERAGE: Final = "overage"
_WINDOW: Final = re.compile(r"(?!llm_provider-).{0,80}rate-?limit.{0,80}")
_CLAIMS: Final = {"five_hour": "5h", "seven_day": "7d"}
_MODEL_CLAIMS: Final = ("opus", "sonnet", "fable", "overage_included")
_EPOCHS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e8, 1.0))
"""From which number on it is an instant, and in how many parts of a second."""


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SECONDS_FIELDS: Final = _keys(
    "resetsinseconds resetinseconds retryafterseconds retryaftersec retryafters retryinseconds "
    "resetafterseconds secondsuntilreset waitseconds cooldownseconds"
)
_MS_FIELDS: Final = _keys("retryafterms retryinms resetinms resetafterms retryaftermilliseconds")
_EITHER_FIELDS: Final = _keys(
    "retrydelay retryafter retryat retryin resetat resetsat resetin resetsin resetafter resettime resetdate "
    "resettimestamp resettimestampms quotaresetdelay quotaresettimestamp quotaresetdate limitreset "
    "quotaresetdateutc xratelimitreset ratelimitreset nextresettime nextflushtime availableat "
    "nextavailableat cooldown unblockat"
)
"""Keys of bodies without case and signs: seconds, milliseconds, and what may be a length or an instant."""


class Reset(Struct, frozen=True):
    """When a service is back: seconds from now, and the same as Unix seconds. One of them was stated."""

    after_s: float
    at: float


def stated_resets(facts: Facts, provider: str, now: float, trusts_windows: bool) -> Iterator[Reset]:
    """Yield every sane reset that the refusal states, the most trustworthy first.

    Without *trusts_windows* the headers of rate limits count only where they say that nothing remains.
    """
    for reset in _sources(facts, provider, now, trusts_windows):
        if math.isfinite(reset.at) and 0 < reset.after_s <= LONGEST_S:
            yield reset


def binds_model(facts: Facts) -> bool:
    """Say whether the headers tell that the limit is one model's."""
    claim = facts.headers.get(f"{_UNIFIED}representative-claim", "")
    return not facts.is_success and any(word in claim for word in _MODEL_CLAIMS)


def _sources(facts: Facts, provider: str, now: float, trusts_windows: bool) -> Iterator[Reset]:
    if not facts.is_success:
        yield from _retry_headers(facts.headers, now)
        yield from (_at(instant, now) for instant in _unified(facts.headers))
    yield from _numbers(facts.fields, now, _SECONDS_FIELDS, 1)
    if not facts.is_success:
        yield from _codex(facts.headers, now)
        yield from _windows(facts.headers, now, trusts_windows)
    yield from _numbers(facts.fields, now, _MS_FIELDS, 1000)
    for key, value in facts.fields:
        if key in _EITHER_FIELDS:
            yield from _either(value, now)
    for seconds, instant in spoken_resets(facts.text, provider, now):
        yield _after(seconds, now) if seconds is not None else _at(instant, now)


def _retry_headers(headers: dict[str, str], now: float) -> Iterator[Reset]:
    for name in _RETRY_MS:
        if (number := _number(headers.get(name))) is not None:
            yield _after(number / 1000, now)
    for name in _RETRY:
        value = headers.get(name)
        if (number := _number(value)) is not None:
            yield _after(number, now)
        elif value:
            yield from _either(value, now)


def _unified(headers: dict[str, str]) -> Iterator[float]:
    """Yield the last reset of Anthropic's rejected windows in Unix seconds; buying more is no window."""
    if headers.get(f"{_UNIFIED}status", "rejected") != "rejected":
        return
    rejected = [
        name[len(_UNIFIED) : -len("-status")]
        for name, value in headers.items()
        if name.startswith(_UNIFIED)
        and name.endswith("-status")
        and value == "rejected"
        and _OVERAGE not in name
    ]
    resets = [_number(headers.get(f"{_UNIFIED}{window}-reset")) for window in rejected]
    known = [reset for reset in resets if reset is not None]
    if known:
        yield max(known)
    claim = _CLAIMS.get(headers.get(f"{_UNIFIED}representative-claim", ""), "")
    for name in (f"{_UNIFIED}{claim}-reset", f"{_UNIFIED}reset"):
        if (number := _number(headers.get(name))) is not None:
            yield number


def _codex(headers: dict[str, str], now: float) -> Iterator[Reset]:
    """Yield when the used-up windows of Codex turn, the last one first."""
    found: list[Reset] = []
    for window in ("primary", "secondary"):
        used = _number(headers.get(f"x-codex-{window}-used-percent"))
        if used is not None and used < 100:
            continue
        after = _number(headers.get(f"x-codex-{window}-reset-after-seconds"))
        at = _number(headers.get(f"x-codex-{window}-reset-at"))
        found.extend([_after(after, now)] if after is not None else [_at(at, now)] if at is not None else [])
    yield from sorted(found, key=_latest, reverse=True)


def _windows(headers: dict[str, str], now: float, trusts_windows: bool) -> Iterator[Reset]:
    """Yield when the used-up windows turn: those with nothing remaining, then those that don't say."""
    empty: list[Reset] = []
    unsaid: list[Reset] = []
    for name, value in headers.items():
        if "reset" not in name or "unified" in name or not _WINDOW.fullmatch(name):
            continue
        remaining = _number(headers.get(name.replace("reset", "remaining")))
        if remaining is None or remaining <= 0:
            (unsaid if remaining is None else empty).extend(_either(value, now))
    yield from sorted(empty, key=_latest, reverse=True)
    if trusts_windows:
        yield from sorted(unsaid, key=_latest, reverse=True)


def _latest(reset: Reset) -> float:
    return reset.at


def _numbers(
    fields: Iterable[tuple[str, Any]], now: float, names: frozenset[str], per_second: float
) -> Iterator[Reset]:
    for key, value in fields:
        if key in names and (number := _number(value)) is not None:
            yield _after(number / per_second, now)


def _either(value: Any, now: float) -> Iterator[Reset]:
    """Read what may be seconds, an instant or a spelled duration."""
    number = _number(value)
    if number is not None:
        per_second = next((unit for least, unit in _EPOCHS if number >= least), None)
        yield _after(number, now) if per_second is None else _at(number / per_second, now)
    elif isinstance(value, str) and 0 < len(value) <= 80:
        text = value.strip().lower()
        if (seconds := duration_of(text)) is not None:
            yield _after(seconds, now)
        elif (instant := iso_instant(text, None) or _http_date(value)) is not None:
            yield _at(instant, now)


def _http_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or value == "":
        return None
    if isinstance(value, str) and (len(value) > 40 or not value.isascii() or "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _after(seconds: float, now: float) -> Reset:
    return Reset(seconds, now + seconds)


def _at(instant: float, now: float) -> Reset:
    return Reset(instant - now, instant)
