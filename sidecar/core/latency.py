"""How long a provider's model takes to answer, as far as its last hours say, and whether it does at all."""

from collections.abc import Iterable
from typing import Final, Protocol

LATELY_HOURS: Final = 24
"""What was longer ago says nothing of now."""

HALF_LIFE_HOURS: Final = 6.0
"""An hour that was so long ago weighs half."""

PENALTY_S: Final = 10.0
"""A refusal counts as an answer that took so long: somebody else had to be asked, or the host waited."""

_HOUR_S: Final = 3600.0


class TimedHour(Protocol):
    """What came back within one hour."""

    @property
    def hour(self) -> int:
        """Unix time // 3600."""
        ...

    @property
    def failures(self) -> int: ...

    @property
    def answered(self) -> int:
        """Requests that were answered and timed."""
        ...

    @property
    def ttfb_s(self) -> float:
        """The sum over them of the time to the first byte."""
        ...


def latency_of(rows: Iterable[TimedHour], now: float) -> float | None:
    """Return the seconds to the first byte, failures included, by the *rows* of one model.

    None: it has not answered lately.
    """
    weighed = [(0.5 ** (age / HALF_LIFE_HOURS), row) for age, row in _lately(rows, now)]
    if not any(row.answered for _, row in weighed):
        return None
    waited = sum(weight * (row.ttfb_s + PENALTY_S * row.failures) for weight, row in weighed)
    return waited / sum(weight * (row.answered + row.failures) for weight, row in weighed)


def is_proven(rows: Iterable[TimedHour], now: float) -> bool:
    """Say whether the model of these *rows* has answered lately."""
    return any(row.answered for _, row in _lately(rows, now))


def _lately(rows: Iterable[TimedHour], now: float) -> list[tuple[float, TimedHour]]:
    """Return the rows that count, with their age in hours; the future is of a clock since set back."""
    hour = now // _HOUR_S
    return [(hour - row.hour, row) for row in rows if 0 <= hour - row.hour < LATELY_HOURS]
