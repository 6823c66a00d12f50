"""A wait in a report: who refused how, and until when it is left alone."""

from collections.abc import Sequence

from msgspec import Struct, field

from sidecar.core.failure import FailureClass
from sidecar.texts.failover import WHY
from sidecar.texts.figures import MINUTE, cut, duration, title, wrap
from sidecar.texts.times import clock, when


class WaitReport(Struct, frozen=True, omit_defaults=True):
    """A cooldown, as it is told."""

    failure_class: FailureClass = field(name="class")
    since_at: float
    until_at: float
    is_stated: bool = False
    """The provider said until when; else it is a guess."""
    strikes: int = 1
    """Guesses in a row that were too short."""
    is_over: bool = False
    """The next request finds out whether it was long enough."""
    model: str | None = None
    """Only this one waits."""
    is_of_another_key: bool = False
    """Of one that isn't configured any more."""
    evidence: str = ""


class ProviderWait(Struct, frozen=True, omit_defaults=True):
    """A provider with all that it waits for."""

    provider_id: str
    label: str
    waits: tuple[WaitReport, ...]


class GoneReport(Struct, frozen=True):
    """Everybody has refused."""

    provider_id: str
    label: str
    """Of the one that is back first."""
    until_at: float


def lines(waits: Sequence[WaitReport], now: float, width: int) -> list[str]:
    """Return *waits* in lines that are indented by two."""
    return [line for wait in waits for line in wrap(_parts(wait, now), _MARKS[wait.is_over], "    ", width)]


def block(row: ProviderWait, now: float, width: int) -> list[str]:
    """Return a provider of which nothing but its waits is known."""
    return [cut(title(row.label, row.provider_id), width), *lines(row.waits, now, width)]


def gone(report: GoneReport, now: float, width: int) -> list[str]:
    """Say that nobody is left, and until when."""
    back = f"first back: {report.label} {when(report.until_at, now)}, in {duration(report.until_at - now)}"
    return wrap(["! Every provider refuses", back], "", "  ", width)


_MARKS = {False: "  ! ", True: "  ? "}


def _parts(wait: WaitReport, now: float) -> list[str]:
    what = f"{wait.model}: {WHY[wait.failure_class]}" if wait.model else WHY[wait.failure_class]
    if wait.is_of_another_key:
        what += " (with another key)"
    if wait.is_over:
        return [what, "the wait is over: the next request finds out"]
    left = f"{duration(wait.until_at - now)} left"
    if wait.until_at - now >= MINUTE:
        left += f", until {clock(wait.until_at, now)}"
    return [what, left, "as it said" if wait.is_stated else _guess(wait.strikes)]


def _guess(strikes: int) -> str:
    return "a guess" if strikes == 1 else f"a guess after {strikes} refusals in a row"
