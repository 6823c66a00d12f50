"""Lengths of time as replies and people write them, and the edges of the UTC calendar.

A month has no fixed length, so a length is months and seconds; `5h` is 5 hours, `1M` a month, `1m` a minute.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from msgspec import Struct

from sidecar.quota.windows import as_number

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400
_MONTH_S: Final = 30 * DAY
_LONGEST_S: Final = 100 * 366 * DAY

_SECONDS: Final = {
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    "ns": 1e-9,
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "hourly"), HOUR),
    **dict.fromkeys(("d", "day", "days", "daily"), DAY),
    **dict.fromkeys(("w", "week", "weeks", "weekly"), WEEK),
}
_MONTHS: Final = {
    **dict.fromkeys(("mo", "month", "months", "monthly"), 1),
    **dict.fromkeys(("quarter", "quarters", "quarterly"), 3),
    **dict.fromkeys(("y", "yr", "year", "years", "yearly", "annual", "annually"), 12),
}
_PART: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)[\s_-]*(?:TIME_UNIT_)?([A-Za-zµμ]+)", re.ASCII)
_ISO: Final = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_CLOCK: Final = re.compile(r"(?:(\d{1,5})(?: days?, |\.))?(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d+)?)", re.ASCII)
"""`00:03:25`, and with days `1 day, 2:03:04` or `1.02:03:04`. Of two numbers nobody knows which they are."""
_BEFORE: Final = re.compile(r"^(?:in|per|every)[\s_-]+", re.IGNORECASE)
_COUNTS: Final = {
    word: str(count)
    for count, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
_EDGES: Final = {
    (0, HOUR): "hour", (0, DAY): "day", (0, WEEK): "week",
    (1, 0): "month", (3, 0): "quarter", (12, 0): "year",
}  # fmt: skip
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RULE: Final = re.compile(
    r"(\w+?)(?: (?:utc|gmt|z)?(?:([+-])(\d{1,2})(?::?([0-5]\d))?)?)?", re.ASCII | re.IGNORECASE
)


class Period(Struct, frozen=True):
    """A length of time."""

    months: int = 0
    seconds: float = 0.0

    def after(self, instant: float) -> float | None:
        """Return the instant that lies this much later, in Unix seconds; None beyond the calendar."""
        return _shifted(instant, self.months, self.seconds)

    def before(self, instant: float) -> float | None:
        """Return the instant that lies this much earlier."""
        return _shifted(instant, -self.months, -self.seconds)

    def length_s(self, resets_at: float | None) -> float:
        """Return the seconds of the period that ends at *resets_at*; a month without end has 30 days."""
        begins = self.before(resets_at) if resets_at is not None and self.months else None
        if resets_at is None or begins is None:
            return self.months * _MONTH_S + self.seconds
        return resets_at - begins


def as_period(value: object) -> Period | None:
    """Read a length: seconds as a number, `2m59.56s`, `5h`, `1M`, `daily`, `PT5H`, `00:03:25`."""
    number = as_number(value)
    if number is not None:
        return _sane(Period(seconds=float(number)))
    if not isinstance(value, str) or not 0 < len(value) <= 60:
        return None
    text = _BEFORE.sub("", value.strip())
    if text.startswith("P") and (found := _from_iso(text)):
        return found
    return _from_clock(text) or _from_parts(text)


def name_of(seconds: float) -> str:
    """Return what people call a period: `5h`, `daily`, `weekly`, `monthly`, `3d`."""
    for name, shortest, longest in _NAMED:
        if shortest <= seconds <= longest:
            return name
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, " min")):
        if seconds >= size:
            return f"{seconds / size:.3g}{unit}"
    return f"{seconds:.3g} s"


_NAMED: Final = (
    ("daily", DAY, DAY),
    ("weekly", WEEK, WEEK),
    ("monthly", 28 * DAY, 31 * DAY),
    ("yearly", 365 * DAY, 366 * DAY),
)


class CalendarRule(Struct, frozen=True):
    """A reset at the edges of the calendar: `day`, `week`, `month`, ... of one UTC offset."""

    edge: str
    offset: timezone = UTC
    weekday: int = 0
    """The day that a week begins with; 0 is Monday."""

    def next_reset(self, now: float) -> tuple[float, float]:
        """Return the next edge after *now* in Unix seconds, and the length of the period that ends there."""
        moment = datetime.fromtimestamp(now, self.offset)
        begin = moment.replace(minute=0, second=0, microsecond=0)
        if self.edge != "hour":
            begin = begin.replace(hour=0)
        if self.edge == "week":
            begin -= timedelta(days=(begin.weekday() - self.weekday) % 7)
        months = {"month": 1, "quarter": 3, "year": 12}.get(self.edge, 0)
        if months:
            begin = begin.replace(day=1, month=begin.month - (begin.month - 1) % months)
        fixed = {"hour": HOUR, "day": DAY, "week": WEEK}.get(self.edge, 0)
        end = _add_months(begin, months) + timedelta(seconds=fixed)
        return end.timestamp(), end.timestamp() - begin.timestamp()


def as_calendar_rule(text: object) -> CalendarRule | None:
    """Read `month`, `weekly`, `1d`, `sunday`, `day +08:00`; None for anything else."""
    if not isinstance(text, str):
        return None
    match = _RULE.fullmatch(text.strip())
    if match is None:
        return None
    weekdays = [index for index, name in enumerate(_WEEKDAYS) if match[1].lower() in (name, name[:3])]
    period = as_period("week" if weekdays else match[1])
    edge = _EDGES.get((period.months, round(period.seconds))) if period else None
    minutes = int(match[3] or 0) * 60 + int(match[4] or 0)
    if edge is None or minutes > 14 * 60:
        return None
    offset = timedelta(minutes=-minutes if match[2] == "-" else minutes)
    return CalendarRule(edge, timezone(offset) if minutes else UTC, *weekdays)


def _from_parts(text: str) -> Period | None:
    first, _, rest = text.replace("_", " ").replace("-", " ").partition(" ")
    if first.lower() in _COUNTS:  # `five_hour`
        text = f"{_COUNTS[first.lower()]} {rest}"
    elif text[:1].isalpha():  # `daily` is one day
        text = f"1 {text}"
    months, seconds, end = 0, 0.0, 0
    for part in _PART.finditer(text):
        if text[end : part.start()].strip(" ,") not in ("", "and"):
            return None
        end = part.end()
        unit = part[2] if part[2] == "M" else part[2].lower()
        if unit == "M" or unit in _MONTHS:
            if not float(part[1]).is_integer():  # nobody knows how long half a month is
                return None
            months += int(float(part[1])) * _MONTHS.get(unit, 1)
        elif unit in _SECONDS:
            seconds += float(part[1]) * _SECONDS[unit]
        else:
            return None
    return _sane(Period(months, seconds)) if end == len(text) and end else None


def _from_iso(text: str) -> Period | None:
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    years, months, weeks, days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return _sane(
        Period(
            round(12 * years + months),
            weeks * WEEK + days * DAY + hours * HOUR + minutes * MINUTE + seconds,
        )
    )


def _from_clock(text: str) -> Period | None:
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return _sane(Period(seconds=days * DAY + hours * HOUR + minutes * MINUTE + seconds))


def _sane(period: Period) -> Period | None:
    length = period.months * _MONTH_S + period.seconds
    return period if 0 <= length <= _LONGEST_S else None


def _shifted(instant: float, months: int, seconds: float) -> float | None:
    try:
        moved = _add_months(datetime.fromtimestamp(instant, UTC), months) if months else None
        return (moved.timestamp() if moved else instant) + seconds
    except (OverflowError, ValueError, OSError):
        return None


def _add_months(moment: datetime, months: int) -> datetime:
    """Return the same day that many months later, or the month's last day where it is shorter."""
    years, month = divmod(moment.month - 1 + months, 12)
    first = moment.replace(year=moment.year + years, month=month + 1, day=1)
    next_first = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=min(moment.day, (next_first - first).days))
