"""Decisions as they are told: one in a line, or with everybody who was considered."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, field

from sidecar.core.choose import Candidate, Strategy, Tier, Unfit
from sidecar.core.decision import Decision, Reason, Refused
from sidecar.core.failure import FailureClass
from sidecar.protocol import Target
from sidecar.texts import routing
from sidecar.texts.failover import WHY
from sidecar.texts.figures import age, columns, cut, fit, percent, visible, wrap
from sidecar.texts.times import lasting


class CandidateReport(Struct, frozen=True, omit_defaults=True):
    """Somebody who was considered."""

    target: str
    tier: Tier
    is_own: bool = False
    headroom_percent: float | None = None
    priority: float | None = None
    """Absent: 0, as of most."""
    place: int = 0
    until_at: float | None = None
    unfit: Unfit | None = None
    steady_percent: float | None = None
    """As `headroom_percent`, of windows of an hour and longer; absent: the same."""
    pace_percent: float | None = None
    """What is left beyond the share of the time that is left; negative: used too fast."""
    in_flight: int = 0
    """Requests under way there."""
    price: float | None = None
    """US dollars for a million tokens; 0: paid already."""
    latency_s: float | None = None
    """To the first byte, failures included as waits."""
    is_proven: bool = False
    """It has answered lately."""


class RefusedReport(Struct, frozen=True, omit_defaults=True):
    """What had just happened."""

    target: str
    failure_class: FailureClass = field(name="class")
    evidence: str
    until_at: float | None = None


class DecisionReport(Struct, frozen=True, omit_defaults=True):
    """A decision; targets are `provider/model`."""

    at: float
    session_id: str
    agent: str
    own: str
    reason: Reason
    taken: str | None = None
    strategy: Strategy = "priority"
    refused: RefusedReport | None = None
    dry_run: bool = False
    candidates: tuple[CandidateReport, ...] = ()


def name(target: Target) -> str:
    """Write a target as configuration does."""
    return f"{target.provider_id}/{target.model_id}"


def report(decision: Decision) -> DecisionReport:
    """Return *decision* as it is told."""
    return DecisionReport(
        at=decision.at,
        session_id=decision.session_id,
        agent=decision.agent,
        own=name(decision.own),
        reason=decision.reason,
        taken=name(decision.taken) if decision.taken else None,
        strategy=decision.strategy,
        refused=_refused(decision.refused) if decision.refused else None,
        dry_run=decision.dry_run,
        candidates=tuple(candidate(row) for row in decision.candidates),
    )


def candidate(row: Candidate) -> CandidateReport:
    """Return somebody who was considered as it is told."""
    return CandidateReport(
        target=name(row.target),
        tier=row.tier,
        is_own=row.is_own,
        headroom_percent=row.headroom,
        priority=row.priority or None,
        place=row.place,
        until_at=row.until,
        unfit=row.unfit,
        steady_percent=row.steady if row.steady != row.headroom else None,
        pace_percent=row.pace,
        in_flight=row.in_flight,
        price=row.price,
        latency_s=row.latency_s,
        is_proven=row.is_proven,
    )


def _refused(row: Refused) -> RefusedReport:
    return RefusedReport(name(row.target), row.failure_class, row.evidence, row.until)


_REASONS: dict[Reason, str] = {
    "as chosen": "nothing against it",
    "cooling": "what you chose has to wait",
    "own limit": "at a limit of your own",
    "probe": "finds out whether it is back",
    "refused": "goes on after a refusal",
    "better": "has more left",
    "nobody is left": "all wait: asked all the same",
    "back": "back to what you chose",
    "all gone": "everybody refused",
    "stays": "stays there: a move would not pay",
    "nobody fits": "none of its targets can take this",
    "enough asked": "as many as one request may ask; the next one goes on",
}

_ROUTED: dict[Strategy, str] = {
    "headroom": "has the most left",
    "priority": "the first in your order",
    "cost": "the cheapest",
    "latency": "the fastest",
}


def why(row: DecisionReport) -> str:
    """Return why it was decided so, in a few words."""
    if row.reason != "routed":
        return _REASONS[row.reason]
    left = {found.target: found.headroom_percent for found in row.candidates}
    is_unknown = row.strategy == "headroom" and row.taken in left and left[row.taken] is None
    return "how much is left there is not known" if is_unknown else _ROUTED[row.strategy]


def sentence(row: DecisionReport) -> list[str]:
    """Return a decision in parts, for `figures.wrap`."""
    parts = [_way(row)]
    if row.refused:
        who = "after a refusal" if row.refused.target == row.own else f"{row.refused.target} refused"
        parts.append(f"{who}: {WHY[row.refused.failure_class]}")
    if row.refused is None or row.reason not in ("refused", "all gone"):
        parts.append(why(row))
    if row.dry_run:
        parts.append("only noted")
    return parts


def _way(row: DecisionReport) -> str:
    if row.taken == row.own:
        return row.own
    return f"{row.own} → {row.taken or 'nobody'}"


_DEEP = 6
"""Columns before what is said of somebody who was considered."""

_NONE = "Nothing was decided yet."


def explain(rows: Sequence[DecisionReport], now: float, width: int) -> str:
    """Return decisions, the newest first, with all who were considered."""
    blocks = ["\n".join(visible(line) for line in _block(row, now, width)) for row in rows]
    return "\n\n".join(blocks) or _NONE


def _block(row: DecisionReport, now: float, width: int) -> list[str]:
    then = datetime.fromtimestamp(row.at).astimezone()
    head = [f"{then:%Y-%m-%d %H:%M:%S}, {age(now - row.at)}"]
    head += [part for part in (row.agent, row.session_id, row.strategy) if part]
    lines = [*wrap(head, "", "  ", width), *wrap([_way(row), why(row)], "  ", "    ", width)]
    if row.dry_run:
        lines.append("  only noted (dryRun: true)")
    if row.refused:
        lines += wrap(_refusal(row.refused, row.at), "  ", "    ", width)
    return lines + considered(row.candidates, row.at, width)


def considered(rows: Sequence[CandidateReport], now: float, width: int) -> list[str]:
    """Return who was considered, numbered in the order in which they would be asked."""
    told = [wrap(_facts(row, now), "", "", width - _DEEP) for row in rows]
    room = max((columns(row.target) for row in rows), default=0) + 2
    longest = max((columns(" · ".join(facts)) for facts in told), default=0)
    is_beside = _DEEP + room + longest <= width
    lines: list[str] = []
    number = 0
    for row, facts in zip(rows, told, strict=True):
        number += row.unfit is None
        first = f"  {f'{number}.' if row.unfit is None else '-':<3} "
        if is_beside:
            lines.append(first + fit(row.target, room) + facts[0])
        else:
            lines += [cut(first + row.target, width), *(" " * _DEEP + fact for fact in facts)]
    return lines


def _refusal(row: RefusedReport, now: float) -> list[str]:
    parts = [f"{row.target} refused: {WHY[row.failure_class]} ({row.failure_class}, by {row.evidence})"]
    if row.until_at is not None:
        parts.append(f"left alone {lasting(row.until_at, now)}")
    return parts


def _out(unfit: Unfit) -> str:
    # A turn can be moved there before it begins; a request that is on its way can't.
    return f"out within a turn: {unfit}" if unfit == "other wire" else f"out: {unfit}"


def _facts(row: CandidateReport, now: float) -> list[str]:
    parts = [_out(row.unfit)] if row.unfit else [row.tier]
    if row.unfit is None and row.until_at is not None:
        parts[0] += f" {lasting(row.until_at, now)}"
    if row.headroom_percent is not None:
        parts.append(f"{percent(row.headroom_percent)} left")
    if row.pace_percent is not None:
        parts.append(routing.pace(row.pace_percent))
    if row.in_flight:
        parts.append(f"{row.in_flight} {'request' if row.in_flight == 1 else 'requests'} under way")
    if row.price is not None:
        parts.append(routing.price(row.price))
    if row.latency_s is not None:
        parts.append(routing.latency(row.latency_s))
    if row.priority:
        parts.append(f"priority {row.priority:g}")
    return [*parts, "yours"] if row.is_own else parts
