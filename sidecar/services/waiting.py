"""Who has to wait, by provider, as reports tell it."""

from collections.abc import Iterable, Mapping
from typing import Final

from sidecar.core.account import Account
from sidecar.core.choose import Unfit
from sidecar.core.cooldown import Cooldown, CooldownKey
from sidecar.core.decision import Decision
from sidecar.protocol import Target
from sidecar.services.workspaces import Workspace
from sidecar.texts.waits import GoneReport, ProviderWait, WaitReport

_ASKED: Final[tuple[Unfit | None, ...]] = (None, "tried", "other wire")
"""Who may answer the next turn: in another wire than a request it can begin."""

Waits = dict[str, tuple[WaitReport, ...]]
"""By provider; what binds an origin of which no provider is known is by that origin."""


def waits_of(
    cooldowns: Mapping[CooldownKey, Cooldown], place: Workspace, known: Iterable[str], now: float
) -> Waits:
    """Return who waits; *known* are providers that may be called at the origin that a wait binds."""
    ids = {*known, *(key.provider_id for key in cooldowns if key.provider_id)}
    accounts = {name: place.config.targets.account(Target(name, ""), None) for name in sorted(ids)}
    waits: dict[str, list[WaitReport]] = {}
    for key, row in sorted(cooldowns.items()):
        at_origin = [name for name, account in accounts.items() if account.origin == key.origin]
        for name in [key.provider_id] if key.provider_id else at_origin or [key.origin]:
            waits.setdefault(name, []).append(_report(row, accounts.get(name), now))
    return {name: tuple(sorted(rows, key=lambda row: -row.until_at)) for name, rows in waits.items()}


def provider_waits(waits: Waits, place: Workspace) -> tuple[ProviderWait, ...]:
    """Return *waits* with the names that the user gave."""
    return tuple(ProviderWait(name, place.label(name), rows) for name, rows in sorted(waits.items()))


def gone(decisions: list[Decision], waits: Waits, place: Workspace, now: float) -> GoneReport | None:
    """Say who is back first if all wait whom the newest of *decisions* considered."""
    considered = decisions[0].candidates if decisions else ()
    found: list[GoneReport] = []
    for row in considered:
        if row.unfit not in _ASKED:
            continue
        name = row.target.provider_id
        until = _until(waits.get(name, ()), row.target.model_id)
        if until is None:
            return None
        found.append(GoneReport(name, place.label(name), until))
    return min(found, key=lambda row: row.until_at, default=None)


def _until(rows: Iterable[WaitReport], model_id: str) -> float | None:
    binding = (row for row in rows if not row.is_over and not row.is_of_another_key)
    return max((row.until_at for row in binding if row.model in (None, model_id)), default=None)


def _report(row: Cooldown, account: Account | None, now: float) -> WaitReport:
    key = row.key
    is_other = account is not None and key.origin == account.origin and key.scope != "origin"
    return WaitReport(
        failure_class=row.failure_class,
        since_at=row.since,
        until_at=row.until,
        is_stated=row.stated,
        strikes=row.strikes,
        is_over=not row.is_active(now),
        model=key.model_id or None,
        is_of_another_key=is_other and account is not None and key.fingerprint != account.fingerprint,
        evidence=row.evidence,
    )
