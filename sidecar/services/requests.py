"""The request path: where a request to a model goes, and what is learned when it is over."""

from collections.abc import Callable

import anyio

from sidecar.adapters.store import CountRequest, Store
from sidecar.protocol import PassPlan, RequestFinishedParams, RequestPlanParams, RequestPlanResult
from sidecar.services.answers import Answers


class Requests:
    """Plans requests, counts them, and remembers what their answers told."""

    def __init__(self, answers: Answers, store: Store, clock: Callable[[], float]) -> None:
        """Count into *store* what *answers* read; *clock* gives Unix seconds."""
        self._answers = answers
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
        count = CountRequest(self._clock(), target.provider_id, target.model_id, failed)
        with anyio.CancelScope(shield=True):  # a host often ends right after its last request
            await self._store.apply([count, *await self._answers.heard(params)])
