"""What is left for each model of an account, by all that was read of it; worked out once for each reading."""

from math import inf
from typing import Final

from msgspec import Struct

from sidecar.adapters.store import QuotaSnapshot
from sidecar.bounded import put_last
from sidecar.core.account import Account
from sidecar.core.choose import Tier, tier_of
from sidecar.core.headroom import SHORTEST_S, headroom, pace, steady
from sidecar.quota.windows import Window
from sidecar.services.quotas import windows_that_count

SAME_S: Final = 5.0
"""Pace changes with every second, and hardly within so many."""

MOST_KEPT: Final = 2000

PLAN_UNITS: Final = ("percent", "requests", "tokens", "credits")


class Left(Struct, frozen=True):
    """What is left for a model, all in percent; absent: unknown."""

    headroom: float | None = None
    steady: float | None = None
    pace: float | None = None
    is_plan: bool = False
    """A plan of so much in a time, not money: its use is paid."""

    def tier(self, reserve: float) -> Tier:
        """Return the tier of a target that nothing but this says anything of."""
        return tier_of(self.headroom, reserve, lasts=self.steady is not None)


UNKNOWN: Final = Left()


class _Known(Struct, frozen=True):
    of: tuple[QuotaSnapshot, ...]
    at: float
    until: float
    left: Left


class Remaining:
    """Remembers what it has worked out, over all states of the store that say the same."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._known: dict[tuple[Account, str], _Known] = {}

    def of(self, account: Account, model_id: str, snapshots: tuple[QuotaSnapshot, ...], now: float) -> Left:
        """Return what is left for *model_id* of *account*, by *snapshots*."""
        key = account, model_id
        known = self._known.get(key)
        if known is None or not known.at <= now < known.until or known.of != snapshots:
            windows = [window for row in snapshots for window in windows_that_count(row, now)]
            turns_at = min((row.resets_at for row in windows if row.resets_at), default=inf)
            known = _Known(snapshots, now, min(turns_at, now + SAME_S), _left(windows, model_id, now))
            put_last(self._known, key, known, MOST_KEPT)
        return known.left


def _left(windows: list[Window], model_id: str, now: float) -> Left:
    if not windows:
        return UNKNOWN
    plan = any(row.unit in PLAN_UNITS and (row.period_s or 0.0) >= SHORTEST_S for row in windows)
    return Left(headroom(windows, model_id), steady(windows, model_id), pace(windows, model_id, now), plan)
