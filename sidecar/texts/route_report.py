"""The report of `/route` and `quota-sidecar route`: where the next turn goes, and why; data, and text."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sidecar.core.choose import Candidate, Stay, Strategy
from sidecar.core.decision import Decision, Reason
from sidecar.protocol import ROUTER, Target
from sidecar.texts import decisions, routing
from sidecar.texts.decisions import CandidateReport, considered, name
from sidecar.texts.figures import duration, visible, wrap
from sidecar.texts.times import when


class Choice(Struct, frozen=True):
    """Where a model's next turn goes."""

    decision: Decision
    """As it would be; its `own` is what was asked for."""
    labels: Mapping[str, str] = {}
    """What to call providers, by id; those that aren't there by their ids."""
    stay: Stay | None = None
    """Where the session's requests are served."""
    left: Target | None = None
    """The virtual model that the session has left."""
    served: Target | None = None
    """Who answered the session last."""
    is_enabled: bool = True

    @property
    def is_virtual(self) -> bool:
        return self.decision.own.provider_id == ROUTER

    @property
    def is_nobody(self) -> bool:
        """Say whether nobody can be asked with a hope of an answer."""
        return self.decision.taken is None or self.decision.reason == "nobody is left"


class StayReport(Struct, frozen=True):
    """Where a session's requests are served."""

    target: str
    since_at: float


class ChoiceReport(Struct, frozen=True, omit_defaults=True):
    """A choice as data. Models and targets are `provider/model`; unknown is absent."""

    at: float
    model: str
    """What was asked for: a virtual model, or one of a provider."""
    reason: Reason
    strategy: Strategy
    taken: str | None = None
    """Absent: nobody can be asked."""
    label: str | None = None
    """What to call its provider."""
    stay: StayReport | None = None
    left: str | None = None
    is_enabled: bool = True
    dry_run: bool = False
    candidates: tuple[CandidateReport, ...] = ()
    """In the order in which they would be asked; then those that are out."""


def report(choice: Choice) -> ChoiceReport:
    """Return *choice* as data."""
    decision, stay = choice.decision, choice.stay
    return ChoiceReport(
        at=decision.at,
        model=name(decision.own),
        reason=decision.reason,
        strategy=decision.strategy,
        taken=name(decision.taken) if decision.taken else None,
        label=_label(choice, decision.taken) if decision.taken else None,
        stay=StayReport(name(stay.target), stay.since) if stay else None,
        left=name(choice.left) if choice.left else None,
        is_enabled=choice.is_enabled,
        dry_run=decision.dry_run,
        candidates=tuple(map(decisions.candidate, decision.candidates)),
    )


def render(choice: Choice, width: int) -> str:
    """Return the answer, what it follows from, and everybody who was considered."""
    decision = choice.decision
    rows = tuple(map(decisions.candidate, decision.candidates))
    blocks = [
        wrap([answer(choice)], "", "", width),
        wrap(_grounds(choice), "", "  ", width),
        considered(rows, decision.at, width),
        [line for text in _notes(choice) for line in wrap([text], "! ", "  ", width)],
    ]
    return _joined(blocks)


def answer(choice: Choice) -> str:
    """Return where the next turn goes, in a sentence."""
    decision = choice.decision
    if decision.taken is None:
        return f"Nobody can take the next turn of {name(decision.own)}."
    goes = f"The next turn goes to {_called(choice, decision.taken)}"
    own, taken = _candidate(decision, decision.own), _candidate(decision, decision.taken)
    if decision.reason == "nobody is left":
        back = f", {when(taken.until, decision.at)}" if taken and taken.until else ""
        return f"{goes} all the same: everybody has to wait, and it is back first{back}."
    if decision.reason == "probe":
        return f"{goes}, and finds out whether it is back."
    if decision.reason in ("cooling", "own limit") and own:
        return f"{goes}: {_called(choice, own.target)} {_held(own, decision.at)}."
    facts = routing.telling(taken, decision.strategy, decision.at) if taken else []
    if taken and taken.pace is not None and facts and decision.strategy == "headroom":
        facts.append(routing.pace_word(taken.pace))
    return f"{goes}: {', '.join(facts)}." if facts else f"{goes}; how much is left there is not known."


_STRATEGIES: Final[dict[Strategy, str]] = {
    "headroom": "headroom: whoever has the most left",
    "priority": "priority: in your order",
    "cost": "cost: the cheapest that has something left",
    "latency": "latency: whoever answers fastest",
}


def _grounds(choice: Choice) -> list[str]:
    decision, stay = choice.decision, choice.stay
    parts = [name(decision.own)]
    if len(decision.candidates) > 1 and (choice.is_virtual or decision.strategy != "priority"):
        parts.append(_STRATEGIES[decision.strategy])
    if stay and decision.reason == "stays":
        parts.append(
            f"this session stays: for {duration(decision.at - stay.since)} there, a move would not pay"
        )
    elif stay and decision.taken and stay.target != decision.taken:
        parts.append(f"this session moves there from {name(stay.target)}")
    if choice.served not in (None, decision.taken, stay and stay.target):
        parts.append(f"last answer from {name(choice.served)}")
    return parts


def _notes(choice: Choice) -> list[str]:
    notes: list[str] = []
    if choice.left:
        notes.append(f"This session has left {name(choice.left)} (/route off); /route on goes back to it.")
    if not choice.is_enabled:
        notes.append("The quota sidecar is switched off (enabled: false): nothing is routed.")
    elif choice.decision.dry_run:
        notes.append("Dry run (dryRun: true): what would be done is only noted.")
    return notes


def _called(choice: Choice, target: Target) -> str:
    return f"{_label(choice, target)} ({target.model_id})"


def _label(choice: Choice, target: Target) -> str:
    return choice.labels.get(target.provider_id, target.provider_id)


def _held(candidate: Candidate, now: float) -> str:
    held = routing.holds(candidate, now) or "has to wait"
    return held if candidate.tier == "cooling" and not candidate.unfit else f"is {held}"


def _candidate(decision: Decision, target: Target) -> Candidate | None:
    return next((row for row in decision.candidates if row.target == target), None)


def last(decision: Decision | None, choice: Choice, now: float, width: int) -> str:
    """Return what `/route why` answers: the last decision of a session, with everybody who was considered.

    *choice* says what providers are called and who answered last.
    """
    served = f"The last answer came from {_called(choice, choice.served)}." if choice.served else ""
    if decision is None:
        return _joined([wrap([f"{served} {_NOTHING}".lstrip()], "", "", width)])
    said = f"{served} What was decided last in this session:".lstrip()
    # Whose session it is, is known where this is read.
    block = decisions.explain([replace(decisions.report(decision), session_id="")], now, width)
    return _joined([wrap([said], "", "", width), block.split("\n")])


_NOTHING: Final = "Nothing was decided in this session yet: its requests go where you chose."


def _joined(blocks: Iterable[Iterable[str]]) -> str:
    texts = ("\n".join(visible(line) for line in block) for block in blocks)
    return "\n\n".join(text for text in texts if text)
