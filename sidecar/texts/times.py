"""When something will be: by the clock of the user's own zone, and in words without a digit."""

from datetime import datetime
from typing import Final

from sidecar.texts.figures import DAY, HOUR, MINUTE, duration

_SMALL: Final = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip


def clock(at: float, now: float) -> str:
    """Write an instant as shortly as it is clear: `14:32`, `midnight`, `Monday 09:00`, `4 May 09:00`."""
    then, today = (datetime.fromtimestamp(value).astimezone() for value in (at, now))
    time = f"{then:%H:%M}"
    days = (then.date() - today.date()).days
    if days == 0:
        return time
    if days == 1 and time == "00:00":
        return "midnight"
    if 0 < days < 7:
        return f"{_WEEKDAYS[then.weekday()]} {time}"
    return f"{then.day} {_MONTHS[then.month - 1]} {time}"


def when(at: float, now: float) -> str:
    """Write an instant as the part of a sentence: `at 14:32`, `on Monday at 09:00`."""
    day, _, time = clock(at, now).rpartition(" ")
    return f"on {day} at {time}" if day else f"at {time}"


def lasting(at: float, now: float) -> str:
    """Write the end of a wait: `until 14:32`, or `for 20 s` where a clock says too little."""
    return f"until {clock(at, now)}" if at - now >= MINUTE else f"for {duration(at - now)}"


def about(seconds: float) -> str:
    """Write a duration in words, roughly: `about three hours`."""
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < 57.5 * MINUTE:
        minutes = round(seconds / MINUTE)
        return _count(minutes if minutes <= 10 else 5 * round(seconds / MINUTE / 5), "a minute", "minutes")
    if seconds < 1.5 * DAY:
        return _count(round(seconds / HOUR), "an hour", "hours")
    return _count(round(seconds / DAY), "a day", "days")


def _count(number: int, one: str, many: str) -> str:
    return f"about {one}" if number <= 1 else f"about {spelled(number)} {many}"


def spelled(number: int) -> str:
    """Write a whole number from 0 to 99 in words."""
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens] + (f"-{_SMALL[rest]}" if rest else "")
