"""What the user is told of failover: a toast and a webhook, each once for an episode among all processes."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final
from uuid import uuid4

import msgspec

from sidecar.adapters.store import Store
from sidecar.adapters.webhooks import Event, EventKind, Webhooks
from sidecar.bounded import put_last
from sidecar.core.cooldown import Cooldown
from sidecar.core.limits import Reached
from sidecar.protocol import Target, ToastShowParams
from sidecar.services.flights import Moved
from sidecar.services.workspaces import Workspace
from sidecar.texts import failover, routing, toasts
from sidecar.texts.toasts import Sentence

REMEMBERED_S: Final = 86400.0
"""An episode that lasts longer is told of again."""

MOST_TOLD: Final = 500

Show = Callable[[ToastShowParams], None]


class Telling:
    """Tells; nobody waits for it."""

    def __init__(self, store: Store, webhooks: Webhooks, clock: Callable[[], float]) -> None:
        """Ask *store* whether somebody has told it before; *clock* gives Unix seconds."""
        self._store = store
        self._webhooks = webhooks
        self._clock = clock
        self._told: dict[str, None] = {}
        self._routed: dict[Target, Target] = {}
        """Where it was last told that the requests of a virtual model go."""
        self.show: Show | None = None
        """Absent: nobody would see a toast."""

    async def went_on(self, place: Workspace, row: Cooldown, refused: Target, served: Target) -> None:
        """Tell that requests for *refused* go to *served*."""
        now = self._clock()
        names = _names(place, refused, served)
        text = failover.went_on(names[0], row.failure_class, row.until, row.stated, names[1], now)
        event = _event("failover", refused, text, now, row)
        await self._tell(place, _episode("went", row), text, "warning", event)

    async def is_back(self, place: Workspace, rows: Sequence[Cooldown], target: Target) -> None:
        """Tell that *target* answers again, where it was told that it did not: *rows* have ended."""
        text, now = failover.is_back(place.label(target.provider_id)), self._clock()
        event = _event("recovered", target, text, now)
        before = [_episode(news, row) for row in rows for news in ("went", "moved", "gone")]
        last = max(rows, key=lambda row: row.until)
        await self._tell(place, _episode("back", last), text, "success", event, before)

    async def own_limit(self, place: Workspace, reached: Reached, full: Target, served: Target) -> None:
        """Tell that *full* is at a limit of the user's own, and requests go to *served*."""
        now = self._clock()
        names = _names(place, full, served)
        text = failover.own_limit(names[0], reached, names[1], now)
        what = f"limit:{full.provider_id}:{reached.kind}:{reached.until:.0f}"
        event = _event("failover", full, text, now)
        await self._tell(place, what, text, "warning", event)

    async def moved(self, place: Workspace, row: Cooldown, chosen: Target, to: Target) -> None:
        """Tell that a turn was moved from *chosen*, which waits because of *row*."""
        now = self._clock()
        names = _names(place, chosen, to)
        text = failover.moved(*names, row.failure_class, row.until, row.stated, now)
        event = _event("failover", chosen, text, now, row)
        await self._tell(place, _episode("moved", row), text, "warning", event)

    async def routed(self, place: Workspace, model: Target, moved: Moved) -> None:
        """Tell that a session's requests for the virtual *model* go elsewhere, by choice.

        Once for all sessions that follow: who moves to where the last one was seen to move says nothing new.
        """
        to, now = moved.to.target, self._clock()
        if self._routed.get(model) == to or not self.show or not place.config.settings.toasts:
            return
        put_last(self._routed, model, to, MOST_TOLD)
        names = _names(place, moved.was, to)
        text = routing.routed(
            model.model_id, (names[1], moved.to), (names[0], moved.was_like), moved.strategy, now
        )
        message = toasts.message([text])
        self.show(ToastShowParams(place.directory, message, "info", toasts.TITLE, toasts.STAYS_S))

    def follows(self, model: Target | None, served: Target) -> None:
        """Remember that it was told otherwise where requests of a virtual *model* go."""
        if model:
            put_last(self._routed, model, served, MOST_TOLD)

    async def all_gone(
        self, place: Workspace, row: Cooldown, target: Target, waiting: Sequence[failover.Waiting]
    ) -> None:
        """Tell whoever isn't looking that nobody is left; who looks has read it in the answer."""
        now = self._clock()
        text = failover.all_gone(waiting, now)
        event = _event("exhausted", target, text, now, row)
        await self._tell(place, _episode("gone", row), None, "error", event)

    async def _tell(
        self,
        place: Workspace,
        what: str,
        text: Sentence | None,
        variant: toasts.Variant,
        event: Event,
        before: Sequence[str] = (),
    ) -> None:
        """Tell *what* in either way, unless nothing of *before* was told in that way."""
        settings = place.config.settings
        if what in self._told or settings.dry_run:
            return
        put_last(self._told, what, None, MOST_TOLD)
        if text and self.show and settings.toasts and await self._is_news("toast", what, before):
            message = toasts.message([text])
            self.show(ToastShowParams(place.directory, message, variant, toasts.TITLE, toasts.STAYS_S))
        hooks = place.config.webhooks
        if hooks and await self._is_news("hook", what, before):
            self._webhooks.send(hooks, event)

    async def _is_news(self, how: str, what: str, before: Sequence[str]) -> bool:
        # Whoever may still be the first to tell something knows that nobody has told it.
        is_due = not before or not all([await self._is_first(how, said) for said in before])
        return is_due and await self._is_first(how, what)

    async def _is_first(self, how: str, what: str) -> bool:
        return await self._store.claim(f"{how}:{what}", uuid4().hex, REMEMBERED_S, self._clock())


def _names(place: Workspace, first: Target, then: Target) -> tuple[str, str]:
    labels = place.label(first.provider_id), place.label(then.provider_id)
    return failover.names(labels, first, then)


def _episode(news: str, row: Cooldown) -> str:
    digest = sha256(msgspec.json.encode(row.key)).hexdigest()[:16]
    return f"{news}:{digest}:{row.began:.3f}"


def _event(kind: EventKind, target: Target, text: Sentence, now: float, row: Cooldown | None = None) -> Event:
    return Event(
        kind=kind,
        at=now,
        provider_id=target.provider_id,
        model_id=target.model_id,
        failure_class=row.failure_class if row else None,
        until=row.until if row else None,
        text=toasts.line(text),
    )
