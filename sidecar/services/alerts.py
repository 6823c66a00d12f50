"""What the user is told without having asked: a window that is low, soon used up or back, a setup problem.

It looks when a workspace is opened and when a session comes to rest, in the background: nobody waits for it.
Each thing is told by one of all processes that see it.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.config import Config
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.store import QuotaKey, State, Store
from sidecar.adapters.webhooks import Event, Webhooks
from sidecar.core.alerts import THRESHOLDS, Mark, Verdict, counts, judge, judge_pace
from sidecar.core.headroom import share
from sidecar.protocol import SessionIdleParams, ToastShowParams
from sidecar.quota.windows import Window
from sidecar.services.errors import UnknownWorkspaceError
from sidecar.services.quotas import Freshness, Quotas, windows_that_tell
from sidecar.services.workspaces import Workspaces
from sidecar.texts import toasts

SETUP_AGAIN_S: Final = 86400.0
"""The same problems are told again after this at the earliest, in whichever OpenCode."""

Show = Callable[[ToastShowParams], None]


class Notice(Struct, frozen=True, order=True):
    """One thing to tell; they sort by how much it matters."""

    rank: float
    """What is left in percent; beyond 100 where that doesn't say it."""
    variant: toasts.Variant
    text: toasts.Sentence


_SETUP_RANK: Final = 101.0
_BACK_RANK: Final = 102.0


class Alerts:
    """Tells by toasts. At most one look at a directory is under way, and one more waits for its end."""

    def __init__(
        self,
        workspaces: Workspaces,
        quotas: Quotas,
        store: Store,
        webhooks: Webhooks,
        clock: Callable[[], float],
    ) -> None:
        """Remember in *store* what was told, and tell *webhooks* too; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._quotas = quotas
        self._store = store
        self._webhooks = webhooks
        self._clock = clock
        self._again: dict[str, bool] = {}
        """The directories that are looked at, and whether somebody wants another look."""

    async def opened(self, directory: str, show: Show) -> None:
        """Tell what is wrong with the configuration of a workspace."""
        if config := await self._config(directory):
            _tell(directory, await self._setup_problem(config), show)

    async def idle(self, params: SessionIdleParams, show: Show) -> None:
        """Look around after a session of the user's own has come to rest; a subagent's parent goes on."""
        directory = params.directory
        if params.parent_id is not None:
            return
        if directory in self._again:
            self._again[directory] = True
            return
        try:
            self._again[directory] = True
            while self._again[directory]:
                self._again[directory] = False
                if config := await self._config(directory):
                    news = await self._quota_news(config) + await self._setup_problem(config)
                    if config.settings.toasts:
                        _tell(directory, news, show)
        finally:
            del self._again[directory]

    async def _config(self, directory: str) -> Config | None:
        """Return what is configured; None where nothing is to be told."""
        try:
            config = await self._workspaces.config(directory)
        except UnknownWorkspaceError:
            return None  # closed meanwhile
        return config if config.settings.enabled and (config.settings.toasts or config.webhooks) else None

    async def _setup_problem(self, config: Config) -> list[Notice]:
        if not config.problems or not config.settings.toasts:
            return []
        said = repr(config.problems).encode("utf-8", "replace")  # a path may hold bytes that are no text
        digest = hashlib.sha256(said).hexdigest()[:16]
        claim = f"toast:setup:{digest}"
        if not await self._store.claim(claim, uuid4().hex, SETUP_AGAIN_S, self._clock()):
            return []
        return [Notice(_SETUP_RANK, "warning", toasts.setup_problem(len(config.problems)))]

    async def _quota_news(self, config: Config) -> list[Notice]:
        settings = config.settings
        freshness = Freshness(settings.quota_cache_s, patient=True, timeout_s=settings.quota_timeout_s)
        gateways = await self._quotas.gateways(config, patient=True)
        await self._quotas.read(gateways, freshness)
        now = self._clock()
        state = await self._store.load(now)  # readings and marks of one instant
        looks: dict[str, _Look] = {}
        for look in (look for gateway in gateways for look in _looks(gateway, state, now)):
            known = looks.setdefault(look.mark, look)
            looks[look.mark] = look if look.read_at > known.read_at else known
        news = [await self._judge(look, state, now, config) for look in looks.values()]
        return [notice for notice in news if notice]

    async def _judge(self, look: "_Look", state: State, now: float, config: Config) -> Notice | None:
        window, read_at, ends = look.window, look.read_at, look.used_up_at
        pace, level = state.marks.get(look.pace_mark), state.marks.get(look.mark)
        soon = await self._news(look.pace_mark, pace, judge_pace(window, read_at, ends, pace, now))
        verdict = judge(window, read_at, level, now)
        news = await self._news(look.mark, level, verdict)
        if verdict.news and not news:
            return None  # somebody else tells it, and with it how soon nothing is left
        if news == "back":
            return Notice(_BACK_RANK, "success", toasts.back(look.label, window, now))
        left = share(window)
        if left is None or not (news or soon):
            return None
        if news == "low":
            text = toasts.line(toasts.low(look.label, window, now))
            event = Event("low", now, look.provider_id, text, until=window.resets_at)
            self._webhooks.send(config.webhooks, event)
        variant = "error" if left <= THRESHOLDS[0] else "warning"
        return Notice(left, variant, toasts.low(look.label, window, now, ends))

    async def _news(self, name: str, old: Mark | None, verdict: Verdict) -> str | None:
        """Return what *verdict* has to tell, if nobody else has told it."""
        if verdict.mark == old or not await self._store.swap(name, old, verdict.mark):
            return None
        return verdict.news


class _Look(Struct, frozen=True):
    """A window as it was read last, and the names of its marks."""

    mark: str
    pace_mark: str
    provider_id: str
    label: str
    window: Window
    read_at: float
    used_up_at: float | None


def _looks(gateway: Gateway, state: State, now: float) -> Iterator[_Look]:
    """Yield what may be judged of *gateway*: of a good last reading, what has not turned since."""
    key = gateway.key()
    snapshot = state.quotas.get(key)
    if snapshot is None or snapshot.error is not None or snapshot.read_at is None:
        return  # what was read before an error is old: it says nothing of now
    tightest: dict[tuple[str, str, str | None], Window] = {}
    for window in windows_that_tell(snapshot, now):
        name = (window.name, window.unit, window.currency)
        if counts(window, snapshot.read_at):
            tightest[name] = min(tightest.get(name, window), window, key=lambda row: share(row) or 0)
    for name, window in tightest.items():
        # A window of one account is the same one, whether it was asked for or heard of.
        account = QuotaKey(replace(key.account, origin=""), gateway.model or "")
        owner = (account if window.period_s else key).digest()
        which, ends = ":".join([owner, *(part or "" for part in name)]), snapshot.used_up_at(window, now)
        yield _Look(
            f"toast:{which}", f"pace:{which}", gateway.provider_id, gateway.title(), window,
            snapshot.read_at, ends,
        )  # fmt: skip


def _tell(directory: str, notices: list[Notice], show: Show) -> None:
    if notices:
        notices.sort()
        text = toasts.message([notice.text for notice in notices])
        show(ToastShowParams(directory, text, notices[0].variant, toasts.TITLE, toasts.STAYS_S))
