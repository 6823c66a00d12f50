"""What `/rate_limit_reset` and `quota-sidecar reset` have forgotten."""

from msgspec import Struct

from sidecar.nearest import nearest
from sidecar.texts import waits
from sidecar.texts.figures import listed, visible, wrap
from sidecar.texts.problems import quoted
from sidecar.texts.waits import ProviderWait


class ResetReport(Struct, frozen=True, omit_defaults=True):
    """What was known before."""

    at: float
    label: str | None = None
    """Of the one provider; absent: of all."""
    waits: tuple[ProviderWait, ...] = ()
    requests_today: int = 0


def no_such_provider(name: str, known: list[str]) -> str:
    """Answer a question for a provider that is none of the *known*."""
    if not known:
        return f"There is no provider {quoted(name)}: none is configured, and none was used yet."
    near = nearest(name, known)
    return f"There is no provider {quoted(name)}. " + (
        f"Did you mean {near!r}?" if near else f"There are: {listed(known)}."
    )


def render(report: ResetReport, width: int) -> str:
    """Return what was forgotten, in lines of at most *width* columns."""
    lines = [] if report.waits or report.requests_today else wrap([_nothing(report)], "", "", width)
    if report.waits:
        lines.append("These waits are forgotten:")
        for row in report.waits:
            lines += waits.block(row, report.at, width)
    if report.requests_today:
        noun = "request" if report.requests_today == 1 else "requests"
        of = f" of {report.label}" if report.label else ""
        lines += wrap(
            [f"Today's count{of} begins again at 0; it was {report.requests_today:,} {noun}."], "", "", width
        )
    if report.waits:
        lines += wrap(["The next request goes there as if nothing had happened."], "", "", width)
    return "\n".join(visible(line) for line in lines)


def _nothing(report: ResetReport) -> str:
    return f"Nothing of {report.label} was remembered." if report.label else "Nothing was remembered."
