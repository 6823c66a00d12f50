"""A decision as it is kept and explained: who was considered for a request, who was taken, and why."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from sidecar.core.choose import Candidate, Stay, Strategy
from sidecar.core.failure import FailureClass
from sidecar.protocol import Target

Reason = Literal[
    "as chosen",        # the user's own target, nothing against it
    "cooling",          # the user's own target waits; another one is asked
    "own limit",        # a limit that the user has set is reached
    "probe",            # a wait is over: this request finds out
    "refused",          # a target refused in this very request
    "better",           # the strategy prefers it
    "nobody is left",   # everybody waits: the one that is back soonest is asked all the same
    "back",             # the session goes back to what the user chose
    "all gone",         # everybody refused: the host was told
    "routed",           # a virtual model: where its strategy says
    "stays",            # a virtual model: where the session is, as a move would not pay
    "nobody fits",      # a virtual model: none of its targets can take the request
    "enough asked",     # as many refused as one request may ask, and somebody is left: the host asks again
]  # fmt: skip


class Refused(Struct, frozen=True, omit_defaults=True):
    """A refusal, as far as it may be kept: never its text."""

    target: Target
    failure_class: FailureClass
    evidence: str
    until: float | None = None


class Decision(Struct, frozen=True, omit_defaults=True):
    """What was decided about a request or a turn."""

    at: float
    session_id: str
    agent: str
    own: Target
    """What the user chose: a model of a provider, or a virtual one."""
    reason: Reason
    taken: Target | None = None
    """Absent: nobody."""
    strategy: Strategy = "priority"
    candidates: tuple[Candidate, ...] = ()
    """In the order in which they would be asked; then those that were not fit."""
    refused: Refused | None = None
    """What had just happened."""
    dry_run: bool = False
    """It was only noted: the request went where the user chose."""


class SessionRoute(Struct, frozen=True, omit_defaults=True):
    """Whose model a session uses: what the user chose, and where we have moved it since."""

    session_id: str
    chosen: Target
    at: float
    moved_to: Target | None = None
    stay: Stay | None = None
    """Where its requests are served, if its model is routed by a strategy that takes account of that."""
    left: Target | None = None
    """The virtual model that the user has left by a command, though the picker may still show it."""
    shown: Target | None = None
    """An earlier move of ours, where the picker has stayed."""


def follow(old: SessionRoute | None, session_id: str, shown: Target, now: float) -> SessionRoute:
    """Return whose model a session uses, given what the host's picker shows at a new turn.

    The picker may follow our moves, and need not follow them back: what shows our own move, or the same as at
    the last turn, still means what the user had chosen, and so does a virtual model that the user has left.
    """
    if old is None or shown not in (old.chosen, old.moved_to, old.left, old.shown):
        return SessionRoute(session_id, shown, now)
    if shown != old.chosen:
        return old
    return replace(old, at=now, moved_to=None, left=None, shown=None)
