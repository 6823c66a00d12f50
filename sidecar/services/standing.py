"""How each target of a route stands at this moment: what binds it, what is left, whether it is fit."""

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.config import Config
from sidecar.adapters.store import HourUsage, QuotaSnapshot, State
from sidecar.adapters.targets import Route, TargetSpec
from sidecar.core.account import Account
from sidecar.core.choose import Candidate, Tier, Unfit, unfit_for
from sidecar.core.cooldown import Cooldown, begin, binding, key_of, standing
from sidecar.core.failure import Failure
from sidecar.core.headroom import binds, share
from sidecar.core.latency import is_proven, latency_of
from sidecar.core.limits import Day, Limits, Reached, reached
from sidecar.core.price import price_of
from sidecar.protocol import ModelRequest, Target
from sidecar.services.days import local_day
from sidecar.services.quotas import windows_that_count
from sidecar.services.remaining import UNKNOWN, Left, Remaining


class Standing(Struct, frozen=True):
    """A target of a route, all that is needed to send to it, and how it stands."""

    spec: TargetSpec
    account: Account
    candidate: Candidate
    rows: tuple[Cooldown, ...]
    limit: Reached | None = None
    """The limit of the user's own that its provider has reached."""
    left: Left = UNKNOWN

    @property
    def target(self) -> Target:
        return self.spec.target

    @property
    def is_waiting(self) -> bool:
        """A wait is not over, or nobody has looked yet since it was."""
        return self.candidate.tier in ("due", "cooling")

    @property
    def is_by_turn(self) -> bool:
        """A turn can go there, by the host's own requests, though none of ours can."""
        return self.spec.by_turn and self.candidate.unfit in ("other wire", "no key", "no address")

    def after_probe(self, reserve: float) -> "Standing":
        """Return it as one that may be asked to find out whether it is back."""
        return self._as(self.left.tier(reserve))

    def probed_by_another(self) -> "Standing":
        """Return it as one to leave alone, as somebody else is finding out."""
        return self._as("cooling")

    def _as(self, tier: Tier) -> "Standing":
        return replace(self, candidate=replace(self.candidate, tier=tier))


class Knowledge:
    """What a state of the store says of accounts and providers; made once for each state, filled as asked."""

    def __init__(self, state: State, remaining: Remaining | None = None) -> None:
        """Look into *state*; *remaining* is what was worked out of others."""
        self.state = state
        self._remaining = remaining or Remaining()
        self._day: Day | None = None
        self._waiting = {key.origin for key in state.cooldowns}
        self._snapshots: dict[Account, list[QuotaSnapshot]] = {}
        self._pasts: dict[Target, tuple[float | None, bool]] = {}
        for key, snapshot in state.quotas.items():
            self._snapshots.setdefault(key.account, []).append(snapshot)

    @cached_property
    def _usage(self) -> dict[str, list[HourUsage]]:
        usage: dict[str, list[HourUsage]] = {}
        for row in self.state.usage:
            usage.setdefault(row.provider_id, []).append(row)
        return usage

    def binding(self, account: Account, model_id: str) -> tuple[Cooldown, ...]:
        """Return every cooldown that binds *model_id* at *account*; of most there is none."""
        return binding(self.state.cooldowns, account, model_id) if account.origin in self._waiting else ()

    def left(self, account: Account, model_id: str, now: float) -> Left:
        """Return what is left for *model_id* as far as anybody has told it lately."""
        found = self._of(account)
        return self._remaining.of(account, model_id, found, now) if found else UNKNOWN

    def past(self, target: Target, now: float) -> tuple[float | None, bool]:
        """Return how long *target* takes to answer, in seconds, and whether it has answered lately."""
        if target not in self._pasts:
            rows = [row for row in self._usage.get(target.provider_id, ()) if row.model_id == target.model_id]
            self._pasts[target] = latency_of(rows, now), is_proven(rows, now)
        return self._pasts[target]

    def in_flight(self, now: float, but: str = "") -> dict[str, int]:
        """Count the requests under way by provider, without that of the id *but*."""
        counts: dict[str, int] = {}
        for request_id, lease in self.state.leases.items():
            if lease.until > now and request_id != but:
                counts[lease.provider_id] = counts.get(lease.provider_id, 0) + 1
        return counts

    def used_up_until(self, account: Account, model_id: str, now: float) -> float | None:
        """Return when a window that is used up turns, of several the last; None: unknown."""
        resets = (
            window.resets_at
            for snapshot in self._of(account)
            for window in windows_that_count(snapshot, now)
            if binds(window, model_id) and share(window) == 0
        )
        return max((reset for reset in resets if reset is not None and reset > now), default=None)

    def cooldown(self, failure: Failure, account: Account, model_id: str, now: float) -> Cooldown | None:
        """Return the episode that *failure* begins or is part of; None for one that cools nothing."""
        scope = failure.scope
        if scope is None:
            return None
        if failure.failure_class == "quota-exhausted-long" and failure.reset_at is None:
            # It doesn't say until when: what is known of the account may.
            failure = replace(failure, reset_at=self.used_up_until(account, model_id, now))
        old = self.state.cooldowns.get(key_of(scope, account, model_id))
        return begin(failure, account, model_id, now, old)

    def _of(self, account: Account) -> tuple[QuotaSnapshot, ...]:
        if not self._snapshots:
            return ()
        heard = replace(account, origin="")  # of a provider whose place nobody but the host knows
        return (*self._snapshots.get(account, ()), *self._snapshots.get(heard, ()))

    def reached(self, limits: Limits | None, provider_id: str, now: float) -> Reached | None:
        """Return which of the user's own *limits* for *provider_id* is reached."""
        if limits is None:
            return None
        if self._day is None or not self._day.start <= now < self._day.end:
            self._day = local_day(now)
        return reached(limits, self._usage.get(provider_id, ()), now, self._day)


class Asking(Struct, frozen=True):
    """Who asks how targets stand, and what it may know."""

    request: ModelRequest
    config: Config
    knowledge: Knowledge
    now: float
    out: Mapping[Target, Unfit]
    """Those that are out, and why."""


def standings(route: Route, asking: Asking) -> list[Standing]:
    """Return every target of *route* as it stands for a request."""
    found = [_standing(spec, asking) for spec in route.targets]
    return found if route.strategy == "priority" and not route.virtual else _compared(found, asking)


def _standing(spec: TargetSpec, asking: Asking) -> Standing:
    request, config, now = asking.request, asking.config, asking.now
    is_own, out = spec.target == request.target, asking.out.get(spec.target)
    account = config.targets.account(spec.target, request.origin) if is_own else spec.account
    rows = asking.knowledge.binding(account, spec.target.model_id)
    how, until = standing(rows, now)
    entry = config.settings.providers.get(spec.target.provider_id)
    limits = entry.limits if entry else None
    limit = asking.knowledge.reached(limits, spec.target.provider_id, now)
    left = asking.knowledge.left(account, spec.target.model_id, now)
    free = left.tier(config.settings.reserve)
    tier: Tier = free if how == "free" else how
    if how == "free" and limit is not None:
        tier, until = "limited", limit.until
    # What a session was refused there as another's stand-in holds no longer once the user chooses it.
    is_obeyed = is_own and out == "refused this session"
    unfit = None if is_obeyed else out
    if limit is not None and limits is not None and limits.hard:
        unfit = unfit or "hard limit"  # before what a turn of the host's own can do without
    unfit = unfit or (None if is_own else _unfit(spec, request))
    candidate = Candidate(
        target=spec.target,
        tier=tier,
        is_own=is_own,
        headroom=left.headroom,
        priority=spec.priority,
        place=spec.place,
        until=until if tier in ("cooling", "limited") else None,
        unfit=unfit,
    )
    return Standing(spec, account, candidate, rows, limit, left)


def _compared(found: list[Standing], asking: Asking) -> list[Standing]:
    """Add what strategies compare besides."""
    flying = asking.knowledge.in_flight(asking.now, asking.request.request_id)
    rows: list[Standing] = []
    for row in found:
        spec, left = row.spec, row.left
        latency_s, is_known = asking.knowledge.past(spec.target, asking.now)
        price = price_of(spec.prices, is_paid=spec.is_paid)
        candidate = replace(
            row.candidate,
            steady=left.steady,
            pace=left.pace,
            in_flight=flying.get(spec.target.provider_id, 0),
            price=0.0 if price is None and left.is_plan else price,
            latency_s=latency_s,
            is_proven=is_known,
        )
        rows.append(replace(row, candidate=candidate))
    return rows


def _unfit(spec: TargetSpec, request: ModelRequest) -> Unfit | None:
    return spec.why_not or unfit_for(spec.abilities, spec.wire, request.wire, request.body)
