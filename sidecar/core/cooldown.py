"""How long a target is left alone after a refusal: one row per episode, its end, and the probe after it.

Times are Unix seconds by the wall clock, as several processes share the rows and a restart must not lose
them. A clock that was set back or forth costs a probe, and nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from sidecar.core.account import Account
from sidecar.core.failure import Failure, FailureClass, Scope

FIRST_GUESS_S: Final = 30.0
LONGEST_GUESS_S: Final = 900.0
AUTH_S: Final = 900.0
"""A key that was refused: nothing heals it but another key, which is another account."""

LONGEST_AUTH_S: Final = 6 * 3600.0
"""A login that is refused again and again costs each who looks a turn; one that is back does not tell."""

NETWORK_S: Final = 30.0
"""An origin that can't be reached; always as short, as networks come back without telling."""

CLOCK_SLACK_S: Final = 60.0
"""A row that began later than this from now was written by a clock that has been set back since."""

OFFLINE_S: Final = 10.0
"""Two origins that can't be reached within so much time: it is us."""


class CooldownKey(Struct, frozen=True, order=True):
    """What a cooldown binds: a model of an account, an account, or an origin (then the rest is empty)."""

    scope: Scope
    origin: str
    provider_id: str = ""
    fingerprint: str = ""
    model_id: str = ""


class Cooldown(Struct, frozen=True):
    """An episode: from a refusal until a success. Its end says when to look again, not that all is well."""

    key: CooldownKey
    failure_class: FailureClass
    since: float
    until: float
    stated: bool
    """The end is the provider's own word, else a guess."""
    strikes: int = 1
    """Refusals in a row, of which each began after the wait for the one before."""
    evidence: str = ""
    began: float = 0.0
    """When the first of the refusals in a row came: what was told of it isn't told again."""
    model_id: str = ""
    """The model whose request was refused, whatever the row binds."""

    def is_active(self, now: float) -> bool:
        """Say whether the wait is not over."""
        return self.since - CLOCK_SLACK_S <= now < self.until

    def ends_with(self, model_id: str, began_at: float, now: float) -> bool:
        """Say whether the success of a request to *model_id*, made at *began_at*, ends the episode.

        That another model of the account answers says nothing of the one that was refused, while it waits.
        """
        is_proof = self.key.scope == "origin" or model_id == self.model_id or not self.is_active(now)
        is_ahead = self.since - CLOCK_SLACK_S > now
        return is_proof and (self.since <= began_at or is_ahead)


Standing = Literal["free", "due", "cooling"]
"""`due`: a wait is over, and nobody has looked yet whether it was long enough."""


def key_of(scope: Scope, account: Account, model_id: str) -> CooldownKey:
    """Return what a failure of *scope* binds, at *account* and *model_id*."""
    if scope == "origin":
        return CooldownKey(scope, account.origin)
    model = model_id if scope == "model" else ""
    return CooldownKey(scope, account.origin, account.provider_id, account.fingerprint, model)


def binding(
    cooldowns: Mapping[CooldownKey, Cooldown], account: Account, model_id: str
) -> tuple[Cooldown, ...]:
    """Return every cooldown that binds *model_id* at *account*."""
    keys = (key_of(scope, account, model_id) for scope in ("model", "account", "origin"))
    return tuple(cooldowns[key] for key in keys if key in cooldowns)


def standing(rows: Iterable[Cooldown], now: float) -> tuple[Standing, float]:
    """Return how a target stands with these rows, and until when."""
    found = tuple(rows)
    active = [row.until for row in found if row.is_active(now)]
    if active:
        return "cooling", max(active)
    return ("due", now) if found else ("free", now)


def begin(
    failure: Failure, account: Account, model_id: str, now: float, old: Cooldown | None
) -> Cooldown | None:
    """Return the row for *failure*, whose key had the row *old*; None for one that cools nothing."""
    if failure.scope is None:
        return None
    key = key_of(failure.scope, account, model_id)
    kind, evidence = failure.failure_class, failure.evidence
    began = old.began if old is not None else now
    if failure.reset_at is not None:
        return Cooldown(key, kind, now, failure.reset_at, True, 1, evidence, began, model_id)
    if old is not None and old.is_active(now):  # of the same episode: another request that was under way
        return old
    strikes = old.strikes + 1 if old is not None else 1
    return Cooldown(key, kind, now, now + _guess(kind, strikes), False, strikes, evidence, began, model_id)


def _guess(kind: FailureClass, strikes: int) -> float:
    if kind == "auth":
        return min(AUTH_S * 4.0 ** min(strikes - 1, 10), LONGEST_AUTH_S)
    if kind == "network":
        return NETWORK_S
    return min(FIRST_GUESS_S * 2.0 ** min(strikes - 1, 10), LONGEST_GUESS_S)


def merge(old: Cooldown | None, new: Cooldown) -> Cooldown:
    """Return what holds when *old* and *new* were decided at once, by two processes, say.

    A provider's newer word replaces an older one; a guess never shortens what was stated. The episode
    is the old one's.
    """
    if old is None:
        return new
    if not old.is_active(new.since) or (new.stated and not old.stated):
        chosen = new
    elif new.stated == old.stated:
        chosen = max(new, old, key=lambda row: row.since if row.stated else row.until)
    else:
        chosen = old
    return replace(chosen, began=old.began)


def is_offline(unreached: Mapping[str, float], now: float) -> bool:
    """Say whether it is us who are cut off: *unreached* has origins and when they last failed by network."""
    return sum(0 <= now - at <= OFFLINE_S for at in unreached.values()) >= 2
