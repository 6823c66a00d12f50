"""What is left at each gateway: from the store while it is fresh, else asked, by one process at a time.

What comes by itself, with ordinary answers, is never asked for: `answers.py` puts it into the store.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import uuid4

import anyio
import msgspec
import structlog
from msgspec import Struct

from sidecar.adapters.config import Config
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.gateway_client import EXPIRED, ask
from sidecar.adapters.quota_http import QuotaFetchError, QuotaHttp
from sidecar.adapters.store import PutQuota, QuotaError, QuotaKey, QuotaSnapshot, ReleaseClaim, Store
from sidecar.core.forecast import follow
from sidecar.core.freshness import (
    HEARD_S,
    LONGEST_BACKOFF_S,
    Attempt,
    Pace,
    Told,
    is_due,
    may_still_be_shown,
    retry_at,
    still_counts,
    told_by,
)
from sidecar.core.headroom import headroom
from sidecar.core.redaction import gives_away
from sidecar.quota.mapping import Reading
from sidecar.quota.windows import Window, renewed

FETCH_CLAIM_S: Final = 20.0
"""How long a process may hold a fetch: longer than any fetch takes, short after one that died."""

_NEVER: Final = QuotaSnapshot()

HEARD_MODELS: Final = 12
"""Of one that listens, so many models are told of, those of the newest answers."""

WINNER_S: Final = 0.04
"""How often a process that lost the claim looks for the winner's row."""

log = structlog.get_logger()


class Freshness(Pace, frozen=True, kw_only=True):
    """How new an answer has to be, and how long a fetch may take."""

    timeout_s: float


class Quotas:
    """Reads gateways. Every figure that it returns is in the store too."""

    def __init__(self, store: Store, http: QuotaHttp, clock: Callable[[], float]) -> None:
        """Share *store* with other processes; *clock* gives Unix seconds."""
        self._store = store
        self._http = http
        self._clock = clock

    async def gateways(self, config: Config, *, patient: bool = False) -> list[Gateway]:
        """Return every gateway of which there is something to tell, for `read`.

        First those that are configured; one that only listens is there once for itself, or once for each
        model of which it has heard. Then providers whose answers still tell something, if they have no entry
        or none that could be fetched since: an entry is the user's choice of where to look. To who is
        *patient*, and reads no gateway anew that others have told of, those tell that have heard last.
        """
        now = self._clock()
        known = (await self._store.load(now)).quotas
        configured = [part for row in config.gateways for part in _parts(row, known, now) or [row]]
        chosen = {row.provider_id for row in config.gateways if not _is_behind(row, known, patient=patient)}
        others = {key.account.provider_id for key in known} - chosen
        listening = [row for provider_id in sorted(others) for row in config.listening_to(provider_id)]
        return configured + [part for row in listening for part in _parts(row, known, now)]

    async def last(self, key: QuotaKey) -> tuple[float, float | None]:
        """Return when somebody asked last, in Unix seconds (0: never), and how much was left, in percent."""
        now = self._clock()
        snapshot = (await self._store.load(now)).quotas.get(key, _NEVER)
        return snapshot.attempted_at, headroom(windows_that_count(snapshot, now))

    async def read(self, gateways: Sequence[Gateway], freshness: Freshness) -> dict[QuotaKey, QuotaSnapshot]:
        """Return the newest that can be had of *gateways*; all that are due are asked at once."""
        asked_at = self._clock()
        known = (await self._store.load(asked_at)).quotas
        secrets = [secret for gateway in gateways for secret in gateway.secrets()]
        renewals = [
            _Renewal(self._store, self._http, self._clock, gateway, freshness, asked_at, secrets,
                     known.get(gateway.key()), told_of(gateway, known, asked_at))
            for gateway in gateways
        ]  # fmt: skip
        async with anyio.create_task_group() as tasks:
            for renewal in renewals:
                if renewal.is_due():
                    tasks.start_soon(renewal.run)
        return {row.gateway.key(): row.snapshot for row in renewals if row.snapshot is not None}


class _Renewal(Struct):
    """One gateway's way to the newest snapshot that can be had."""

    store: Store
    http: QuotaHttp
    clock: Callable[[], float]
    gateway: Gateway
    freshness: Freshness
    asked_at: float
    secrets: list[str]
    snapshot: QuotaSnapshot | None
    told: Told

    def is_due(self) -> bool:
        if self.gateway.mapping.is_passive:
            return False
        last, now = self.snapshot, self.clock()
        if last is None:
            return is_due(None, now, self.freshness, told=self.told)
        if self.asked_at < last.attempted_at <= now:  # somebody has asked since we wanted to know
            return False
        resets = [row.resets_at for row in last.windows if row.resets_at is not None]
        turns_at = min((reset for reset in resets if reset > last.attempted_at), default=None)
        attempt = Attempt(last.attempted_at, last.error is not None, last.retry_at, turns_at)
        return is_due(attempt, now, self.freshness, self.gateway.mapping.every_s, self.told)

    async def run(self) -> None:
        """Fetch, or wait for the process that is fetching; give up waiting when its claim would end.

        Where nobody waits for the answer, neither does this.
        """
        claim, owner = f"fetch:{self.gateway.key().digest()}", uuid4().hex
        with anyio.move_on_after(self.freshness.timeout_s + 1):
            while not await self.store.claim(claim, owner, FETCH_CLAIM_S, self.clock()):
                if self.freshness.patient:
                    return
                await anyio.sleep(WINNER_S)
                if not await self._is_due_still():
                    return
            try:
                # Whoever held the claim before may have fetched after we looked.
                if await self._is_due_still():
                    before, self.snapshot = self.snapshot, await self._fetch(self.snapshot or _NEVER)
                    if self.snapshot != before:
                        await self.store.apply([PutQuota(self.gateway.key(), self.snapshot)])
            finally:
                with anyio.CancelScope(shield=True):
                    await self.store.apply([ReleaseClaim(claim, owner)])

    async def _is_due_still(self) -> bool:
        self.snapshot = (await self.store.load(self.clock())).quotas.get(self.gateway.key())
        return self.is_due()

    async def _fetch(self, last: QuotaSnapshot) -> QuotaSnapshot:
        try:
            reading = await ask(self.http, self.gateway, self.freshness.timeout_s, self.clock)
        except QuotaFetchError as error:
            return self._failed(last, error)
        reading = without_secrets(reading, self.secrets)
        now = self.clock()
        trail = follow(last.trail, reading.windows, now)
        return QuotaSnapshot(tuple(reading.windows), reading.account, now, now, trail=trail)

    def _failed(self, last: QuotaSnapshot, error: QuotaFetchError) -> QuotaSnapshot:
        """Keep the last good values, and note the failure and when to ask again."""
        if error.kind == EXPIRED:
            # Nobody was asked: the moment that OpenCode has renewed it, somebody may be.
            return msgspec.structs.replace(last, error=QuotaError(error.kind))
        log.info("quota.failed", provider=self.gateway.provider_id, kind=error.kind, status=error.status)
        now, mapping = self.clock(), self.gateway.mapping
        longest_s = (mapping.backoff_s if error.status == 429 else None) or LONGEST_BACKOFF_S
        wants_patience = error.status == 429 or (error.status or 0) >= 500
        failures = last.failures + 1 if wants_patience else 0
        return msgspec.structs.replace(
            last,
            attempted_at=now,
            error=QuotaError(error.kind, error.status),
            failures=failures,
            retry_at=retry_at(now, error.retry_after_s, failures, mapping.every_s, longest_s)
            if wants_patience
            else None,
        )


def _is_behind(gateway: Gateway, known: Mapping[QuotaKey, QuotaSnapshot], *, patient: bool) -> bool:
    """Say whether others have told of its account since it was fetched, and nobody will fetch it.

    So it is after it was refused, like a proxy without its database, and where nobody is in a hurry.
    """
    snapshot = known.get(gateway.key(), _NEVER)
    if gateway.mapping.is_passive or not (patient or snapshot.error):
        return False
    heard_at = max((row.read_at or 0.0 for row in _others(gateway, known)), default=0.0)
    return snapshot.read_at is None or heard_at > snapshot.read_at


def told_of(gateway: Gateway, known: Mapping[QuotaKey, QuotaSnapshot], now: float) -> Told:
    """Return how much ordinary answers have told lately of what the gateway would say."""
    lately = (row for row in _others(gateway, known) if 0 <= now - (row.read_at or 0.0) <= HEARD_S)
    heard = [window for row in lately for window in windows_that_tell(row, now)]
    return told_by(heard, windows_that_tell(known.get(gateway.key(), _NEVER), now)) if heard else "nothing"


def _others(gateway: Gateway, known: Mapping[QuotaKey, QuotaSnapshot]) -> Iterator[QuotaSnapshot]:
    """Yield what else is known of its account, mostly by ordinary answers."""
    own, unplaced = gateway.key(), msgspec.structs.replace(gateway.account, origin="")
    for key, row in known.items():
        if key.account in (gateway.account, unplaced) and key != own and row.error is None:
            yield row


def windows_that_count(snapshot: QuotaSnapshot, now: float) -> tuple[Window, ...]:
    """Return what to decide by: the windows as they are by now, but for those that are too old to tell.

    One that has turned since is whole again; who only tells with its answers would never be asked anew else.
    Of an account whose key or login was refused, none: it may be at its end.
    """
    if snapshot.error is not None and snapshot.error.is_refusal:
        return ()
    read_at = now if snapshot.read_at is None else snapshot.read_at
    by_now = (row if _tells(row, read_at, now) else renewed(row) for row in snapshot.windows)
    return tuple(row for row in by_now if still_counts(row, read_at, now))


def windows_that_tell(snapshot: QuotaSnapshot, now: float) -> tuple[Window, ...]:
    """Return the windows of *snapshot* that have not turned since they were read."""
    read_at = now if snapshot.read_at is None else snapshot.read_at
    return tuple(row for row in snapshot.windows if _tells(row, read_at, now))


def _tells(window: Window, read_at: float, now: float) -> bool:
    return may_still_be_shown(read_at, window.resets_at, now, window.period_s)


def _parts(gateway: Gateway, known: Mapping[QuotaKey, QuotaSnapshot], now: float) -> list[Gateway]:
    """Return a gateway that is fetched; of one that listens, the parts that have heard what still tells."""
    if not gateway.mapping.is_passive:
        return [gateway]
    rows = [row for key, row in known.items() if key.account == gateway.account]
    models = {model for row in rows for window in row.windows for model in window.models or ()}
    parts = [gateway, *(gateway.of_model(model) for model in sorted(models))]
    heard = [(part, row) for part in parts if (row := known.get(part.key())) and windows_that_tell(row, now)]
    heard.sort(key=lambda pair: pair[1].read_at or 0, reverse=True)
    return sorted((part for part, _ in heard[:HEARD_MODELS]), key=lambda part: part.model or "")


def without_secrets(reading: Reading, secrets: list[str]) -> Reading:
    """Leave out texts of a reply that give away part of a key, before they are stored or shown."""

    def safe(text: str | None) -> str | None:
        return None if text is None or gives_away(text, secrets) else text

    windows = [
        msgspec.structs.replace(
            window,
            name=safe(window.name) or window.unit,
            currency=safe(window.currency),
            models=None if window.models is None else tuple(name for name in window.models if safe(name)),
        )
        for window in reading.windows
    ]
    return Reading(windows, safe(reading.account))
