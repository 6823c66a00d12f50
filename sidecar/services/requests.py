"""The request path: where a request to a model goes, and what is learned when it is over."""

from collections.abc import Callable

from sidecar.adapters.store import CountRequest, Store
from sidecar.protocol import PassPlan, RequestFinishedParams, RequestPlanParams, RequestPlanResult


class Requests:
    """Plans requests and counts them."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        """Count into *store*; *clock* gives Unix seconds."""
        self._store = store
        self._clock = clock

    def plan(self, params: RequestPlanParams) -> RequestPlanResult:
        """Answer `request/plan`: until there are routes, every request goes to where the user chose."""
        del params
        return RequestPlanResult(PassPlan())

    async def finished(self, params: RequestFinishedParams) -> None:
        """Count a request that got an answer or none; one that the user gave up says nothing."""
        if params.aborted:
            return
        failed = params.status is None or params.status >= 400
        target = params.target
        await self._store.apply([CountRequest(self._clock(), target.provider_id, target.model_id, failed)])
