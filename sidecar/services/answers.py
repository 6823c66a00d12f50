"""What ordinary answers tell: the headers of a response to a chat, read as a gateway's reply is.

Nothing is fetched for it. What was heard is kept like what was asked for, under the account that OpenCode
calls by its global configuration: its key there, and its origin, or none where only OpenCode knows that.
Where the origin is known, answers of another are not heard: a project may send a provider elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping

from sidecar.adapters.gateway import Gateway
from sidecar.adapters.store import PutQuota, QuotaKey, QuotaSnapshot, Store
from sidecar.core.forecast import follow, name_of
from sidecar.protocol import RequestFinishedParams
from sidecar.quota.mapping import Context, Reply, read
from sidecar.quota.windows import Window
from sidecar.services.errors import UnknownWorkspaceError
from sidecar.services.look import NEWS_S
from sidecar.services.quotas import windows_that_tell, without_secrets
from sidecar.services.workspaces import Workspaces


class Answers:
    """Reads the headers that a shim reports."""

    def __init__(self, workspaces: Workspaces, store: Store, clock: Callable[[], float]) -> None:
        """Read them as *workspaces* configure it, after what is in *store*; *clock* gives Unix seconds."""
        self._workspaces = workspaces
        self._store = store
        self._clock = clock

    async def headers(self, directory: str) -> list[str]:
        """Return the names of the headers that the entries of *directory* read, to be asked of the host."""
        try:
            config = await self._workspaces.recent_config(directory)
        except UnknownWorkspaceError:  # closed meanwhile
            return []
        return sorted({name for gateway in config.gateways for name in gateway.hears})

    async def heard(self, params: RequestFinishedParams) -> list[PutQuota]:
        """Return what is to be remembered of a response."""
        if not params.headers:
            return []
        try:
            config = await self._workspaces.recent_config(params.directory)
        except UnknownWorkspaceError:
            return []
        listening = config.listening_to(params.target.provider_id)
        own = (row for row in listening if row.is_of(params.origin))
        gateways = [row for row in own if not row.hears.isdisjoint(params.headers)]
        if not gateways:
            return []
        # The reading takes the place of what others have heard: that is asked for as late as it can be.
        known = (await self._store.load(self._clock(), NEWS_S)).quotas
        now = self._clock()
        return [row for gateway in gateways for row in _readings(gateway, params, known, now)]


def _readings(
    gateway: Gateway, params: RequestFinishedParams, known: Mapping[QuotaKey, QuotaSnapshot], now: float
) -> Iterator[PutQuota]:
    """Yield what is said of the account, and apart from it what is said of the answering model alone."""
    model = params.target.model_id
    context = Context(now, config=gateway.config, model=model)
    reading = without_secrets(read(gateway.mapping, Reply(None, params.headers), context), gateway.secrets())
    of_model = [window for window in reading.windows if window.models == (model,)]
    of_account = [window for window in reading.windows if window.models != (model,)]
    for part, windows in ((gateway, of_account), (gateway.of_model(model), of_model)):
        if windows:
            key = part.key()
            last = known.get(key, QuotaSnapshot())
            kept = [] if part.model else _of_other_models(last, windows, now)
            trail = {name: last.trail[name] for name in map(name_of, kept) if name in last.trail}
            trail |= follow(last.trail, windows, now)
            told = (*windows, *kept)
            yield PutQuota(key, QuotaSnapshot(told, reading.account, now, now, trail=trail))


def _of_other_models(last: QuotaSnapshot, windows: list[Window], now: float) -> list[Window]:
    """Return what holds of some models until its reset, and answers of others don't repeat."""
    said = {window.name for window in windows}
    still = (window for window in windows_that_tell(last, now) if window.models and window.resets_at)
    return [window for window in still if window.name not in said]
