"""Finds the resets that a text states: `try again in 9m38s`, `resets at 2026-05-15T15:00:00Z`, `30 秒后`.

Texts come as `failure_facts.plain` leaves them. A number counts only beside a word that speaks of coming
back.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from sidecar.core.phrases import Regex

MOST: Final = 20
DAY_S: Final = 86400.0

ZONES: Final[tuple[tuple[str, timezone], ...]] = (
    *((name, timezone(timedelta(hours=8))) for name in ("zai", "z.ai", "z-ai", "zhipu", "bigmodel", "glm")),
)
"""Whose texts hold local times without a zone, by a part of the provider's id."""

_UNITS: Final[dict[str, float]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds", "毫秒"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒", "秒钟"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟", "分鐘", "分間"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时", "个小时", "小時", "時間"), 3600),
    **dict.fromkeys(("d", "day", "days", "天", "日"), 86400),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks", "周", "个星期", "星期"), 7 * 86400),
}
_UNIT: Final = "|".join(sorted(_UNITS, key=len, reverse=True))
_PART: Final = (
    rf"(?:\d{{1,12}}(?:\.\d{{1,12}})?) ?(?:{_UNIT})(?![a-z])|(?:\d{{1,12}}(?:\.\d{{1,12}})?)(?:{_UNIT})(?=\d)"
)
_LENGTH: Final = rf"(?:(?:{_PART})(?:,? and |, ?| )?){{1,6}}"
_ONE: Final = Regex(rf"(\d{{1,12}}(?:\.\d{{1,12}})?) ?({_UNIT})(?![a-z])")
_WHOLE: Final = Regex(_LENGTH)
_WORDS: Final = {
    "an": "1",
    "a": "1",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "ten": "10",
}
_CLOCK: Final = Regex(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)")

_CUE: Final = (
    r"(?:try(?:ing)?(?: your request| it)? again|again|retry(?:ing|able)?|retry[-_ ]after|reset(?:s|ting)?"
    r"|wait(?:ing)?|renews?"
    r"|refresh(?:es)?|back|available|resumes?|recovers?|replenish(?:es|ed)?|until reset|cool-?down"
    r"|cooling down|expires"
    r"|time remaining|unblocked|重试|等待|重置|恢复|再试|再試行)"
)
_GLUE: Final = (
    r"(?:[ :=~≈'\"(]|\b(?:in|after|for|about|approximately|approx\.?|around|roughly|at least|another"
    r"|the|next|time|is|will|be|of|up to|a|further|period|within|to|until|access|now|请|在|约|后|于)\b|在"
    r"|约|请){0,12}"
)
_AFTER_CUE: Final = Regex(
    rf"{_CUE}{_GLUE}({_LENGTH}|\d{{1,4}}:[0-5]\d:[0-5]\d(?!\d)"
    rf"|(?:an?|one|two|three|five|ten) (?:{_UNIT})(?![a-z]))",
)
_BEFORE_CUE: Final = Regex(
    rf"(?<![\w.])({_LENGTH})(?:之?[后後]|以[后後]|until"
    rf"|before (?:try|retry|making|sending|your next)|(?:remaining|left) until)",
)
_BARE: Final = Regex(
    r"retry[-_ ]?after(?:[-_ ]seconds)?['\"]?(?: ?[:=] ?| )(\d{1,9}(?:\.\d{1,9})?)(?![\d:.a-z-]| ?[a-z])",
)
"""`Retry-After: 30`: seconds, as in the header."""

_BACK: Final = Regex(
    r"reset|again|retry|until|after|access|available|renew|resume|refresh|recover|restor|重置|恢复|重试|刷新|后|後|再"
)
_DATE: Final = Regex(
    r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:t|,? (?:at )?)(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?"
    r" ?(z\b|utc\b|gmt\b|[+-]\d{2}:?\d{2}(?!\d))?",
)
_THIS_YEARS: Final = Regex(r"(?<![\d-])\d{1,2}-\d{1,2} \d{1,2}:\d{2}(?::\d{2})? ?(?:z|utc|gmt)\b")
"""`11-23 07:14:00 utc`: a date that leaves its year out."""
_NAMED: Final = Regex(
    r"(?:(\d{1,2}) )?\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
    r"(?: (\d{1,2})(?:st|nd|rd|th)?)?,?"
    r"(?: (\d{4}))?,?(?: at)? (\d{1,2})(?::(\d{2}))?(?::(\d{2}))? ?(am|pm)? ?\(?"
    r"(utc\b|gmt\b|z\b|[a-z]{2,20}/[a-z_/-]{2,40})",
)
"""`wed, 25 nov 2026 07:00:00 gmt`, `nov 25, 2026 3:00 pm utc`, `resets apr 10, 7pm (europe/paris)`."""
_HOUR: Final = Regex(
    r"resets?(?: at)? (\d{1,2})(?::([0-5]\d))? ?(am|pm) ?\((utc|gmt|[a-z]{2,20}/[a-z_/-]{2,40})\)"
)
_EPOCH: Final = Regex(
    r"(?:reset|retry|again|until|available|limit reached)[a-z_ -]{0,20}[ :=|'\"]{1,4}(1\d{9}|1\d{12})(?!\d)",
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def spoken_resets(text: str, provider: str, now: float) -> Iterator[tuple[float | None, float]]:
    """Yield what *text* states, durations first: their seconds, or None and Unix seconds. Not all is sane."""
    for seconds in _lengths(text):
        yield seconds, 0
    for instant in _instants(text, provider, now):
        yield None, instant


def _lengths(text: str) -> Iterator[float]:
    for pattern in (_AFTER_CUE, _BEFORE_CUE):
        for match in islice(pattern.finditer(text), MOST):
            if (seconds := duration_of(match[1])) is not None:
                yield seconds
    for match in islice(_BARE.finditer(text), MOST):
        yield float(match[1])


def _instants(text: str, provider: str, now: float) -> Iterator[float]:
    dates = islice(_DATE.finditer(text), MOST)
    yield from _known(iso_instant(match[0], _zone(provider)) for match in dates if _speaks_of_return(match))
    dates = islice(_THIS_YEARS.finditer(text), MOST)
    yield from _known(_nearest_year(match[0], now) for match in dates if _speaks_of_return(match))
    named = islice(_NAMED.finditer(text), MOST)
    yield from _known(_named_instant(match, now) for match in named if _speaks_of_return(match))
    yield from _known(_next_time(match, now) for match in islice(_HOUR.finditer(text), MOST))
    for match in islice(_EPOCH.finditer(text), MOST):
        yield float(match[1]) / (1 if len(match[1]) == 10 else 1000)


def _nearest_year(text: str, now: float) -> float | None:
    """Return the instant of a date without a year: in the year that puts it nearest to *now*."""
    year = datetime.fromtimestamp(now, UTC).year
    instants = list(_known(iso_instant(f"{year + shift}-{text}", None) for shift in (-1, 0, 1)))
    return min(instants, key=lambda instant: abs(instant - now), default=None)


def _next_time(match: re.Match[str], now: float) -> float | None:
    zone = _named_zone(match[4])
    if zone is None:
        return None
    with suppress(ValueError, OverflowError, OSError):
        hour = int(match[1]) % 12 + (12 if match[3] == "pm" else 0)
        today = datetime.fromtimestamp(now, zone)
        moment = today.replace(hour=hour, minute=int(match[2] or 0), second=0, microsecond=0)
        if moment.timestamp() <= now:
            moment += timedelta(days=1)
        return moment.timestamp()
    return None


@lru_cache(64)
def _named_zone(name: str) -> tzinfo | None:
    """Return the zone of `utc` or `america/new_york`; None where this Python knows no such one."""
    if "/" not in name:
        return UTC
    with suppress(KeyError, ValueError, OSError):
        return ZoneInfo(name.title())
    return None


def _known(instants: Iterable[float | None]) -> Iterator[float]:
    return (instant for instant in instants if instant is not None)


def duration_of(text: str) -> float | None:
    """Return the seconds of `9m38.016s`, `~5 days`, `541 hours 28 minutes` or `00:03:25`, in lower case."""
    text = text.strip(" ,~≈")
    if clock := _CLOCK.fullmatch(text):
        return int(clock[1]) * 3600.0 + int(clock[2]) * 60 + float(clock[3])
    word, _, rest = text.partition(" ")
    text = f"{_WORDS[word]} {rest}" if word in _WORDS else text
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(part[1]) * _UNITS[part[2]] for part in _ONE.finditer(text))


def iso_instant(text: str, zone: timezone | None) -> float | None:
    """Return the instant of `2026-05-15T15:00:00Z` in any case; without a zone in *zone*, or None."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute = (int(match[index]) for index in range(1, 6))
    offset = match[8] or ""
    where = zone
    if offset in ("z", "utc", "gmt"):
        where = UTC
    elif offset:
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        where = timezone(timedelta(minutes=min(minutes, 1439) * (-1 if offset[0] == "-" else 1)))
    if where is None:
        return None
    with suppress(ValueError, OverflowError):
        moment = datetime(year, month, day, hour, minute, int(match[6] or 0), tzinfo=where)
        return moment.timestamp() + float(match[7] or 0)
    return None


def _named_instant(match: re.Match[str], now: float) -> float | None:
    day = match[1] or match[3]
    hour = int(match[5])
    if match[8]:
        hour = hour % 12 + (12 if match[8] == "pm" else 0)
    zone = _named_zone(match[9])
    if day is None or zone is None or not (match[6] or match[8]):
        return None
    with suppress(ValueError, OverflowError, OSError):
        today = datetime.fromtimestamp(now, zone)
        year = int(match[4]) if match[4] else today.year
        month = _MONTHS.index(match[2]) + 1
        moment = datetime(year, month, int(day), hour, int(match[6] or 0), int(match[7] or 0), tzinfo=zone)
        if not match[4] and moment < today - timedelta(days=180):
            moment = moment.replace(year=year + 1)
        return moment.timestamp()
    return None


def _speaks_of_return(match: re.Match[str]) -> bool:
    text = match.string
    before = text[max(0, match.start() - 60) : match.start()]
    return bool(_BACK.search(before) or _BACK.search(text[match.end() : match.end() + 12]))


def _zone(provider: str) -> timezone | None:
    name = provider.lower()
    return next((zone for part, zone in ZONES if part in name), None)
