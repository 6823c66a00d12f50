"""Tells receivers of the user's own what happened, by HTTP, beside everything else: nobody waits for it.

Each receiver has a queue and a turn of its own, so that a slow one holds nobody up. Its URL is a secret.
"""

import html
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Literal

import anyio
import anyio.abc
import httpx
import msgspec
import structlog
from msgspec import Struct

from sidecar import __version__
from sidecar.adapters import urls
from sidecar.adapters.http_clients import USER_AGENT, EnvironmentRefusedError, HttpClients, NoSuchHostError
from sidecar.adapters.secrets import Secret
from sidecar.core.failure import FailureClass
from sidecar.texts.data import iso

TIMEOUT_S: Final = 5.0
WAITS_S: Final = (1.0, 5.0)
"""Between the tries, so there is one more of those."""
MOST_WAITING: Final = 100
LAST_S: Final = 0.3
"""What is under way when the process ends has this long to arrive."""

EventKind = Literal["failover", "recovered", "exhausted", "low"]
Format = Literal["json", "slack"]

log = structlog.get_logger()


class Hook(Struct, frozen=True):
    """A receiver as it is configured, with all resolved."""

    place: str
    """Where it stands in the configuration, which is what logs call it."""
    url: Secret
    format: Format
    events: frozenset[EventKind]
    headers: Mapping[str, Secret] = {}


class Event(Struct, frozen=True):
    """Something to tell."""

    kind: EventKind
    at: float
    """Unix seconds, as `until`."""
    provider_id: str
    text: str
    """One line for a person."""
    model_id: str | None = None
    failure_class: FailureClass | None = None
    until: float | None = None


class Webhooks:
    """Delivers while `run` runs; what is sent before waits for it."""

    def __init__(
        self, sleep: Callable[[float], Awaitable[None]] = anyio.sleep, last_s: float = LAST_S
    ) -> None:
        """Wait between tries with *sleep*, and at most *last_s* for what is under way at the end."""
        self._sleep = sleep
        self._last_s = last_s
        self._clients = HttpClients()
        self._queues: dict[Secret, deque[tuple[Hook, Event]]] = {}
        """By URL."""
        self._busy: dict[Secret, anyio.CancelScope] = {}
        """The queues that are worked on; the scopes outlive the cancelling of `run` for a moment."""
        self._tasks: anyio.abc.TaskGroup | None = None

    def send(self, hooks: Iterable[Hook], event: Event) -> None:
        """Queue *event* for those of *hooks* that want it, and return at once."""
        for hook in hooks:
            if event.kind in hook.events:
                self._put(hook, event)

    async def run(self) -> None:
        """Deliver until cancelled, and then for a moment more."""
        async with anyio.create_task_group() as self._tasks:
            for url in self._queues:
                self._work_on(url)
            try:
                await anyio.sleep_forever()
            finally:
                self._tasks = None
                for scope in self._busy.values():
                    scope.deadline = anyio.current_time() + self._last_s

    async def aclose(self) -> None:
        """Close every connection."""
        await self._clients.aclose()

    def _put(self, hook: Hook, event: Event) -> None:
        queue = self._queues.setdefault(hook.url, deque())
        queue.append((hook, event))
        if len(queue) > MOST_WAITING:
            _, dropped = queue.popleft()
            log.warning("webhook.dropped", hook=hook.place, webhook_event=dropped.kind)
        self._work_on(hook.url)

    def _work_on(self, url: Secret) -> None:
        if self._tasks is not None and url not in self._busy:
            self._busy[url] = anyio.CancelScope(shield=True)
            self._tasks.start_soon(self._empty, url)

    async def _empty(self, url: Secret) -> None:
        """Deliver all that waits for *url*, the oldest first."""
        try:
            with self._busy[url]:
                while queue := self._queues.get(url):
                    await self._deliver(*queue.popleft())
        finally:
            self._queues.pop(url, None)
            del self._busy[url]

    async def _deliver(self, hook: Hook, event: Event) -> None:
        for wait_s in (*WAITS_S, None):
            failure = await self._try(hook, event)
            if failure is None:
                return
            if wait_s is None or not failure.may_pass:
                log.warning("webhook.failed", hook=hook.place, webhook_event=event.kind, why=failure.why)
                return
            await self._sleep(wait_s)

    async def _try(self, hook: Hook, event: Event) -> "_Failure | None":
        try:
            with anyio.fail_after(TIMEOUT_S):
                status = await self._clients.exchange(
                    urls.parse(hook.url.reveal()), lambda client, url: _post(client, url, hook, event)
                )
        except (urls.UrlRefusedError, EnvironmentRefusedError, httpx.InvalidURL) as error:
            return _Failure(type(error).__name__, may_pass=False)
        except (TimeoutError, NoSuchHostError, httpx.HTTPError, OSError, ValueError) as error:
            return _Failure(type(error).__name__, may_pass=True)
        if 200 <= status < 300:
            return None
        return _Failure(f"status {status}", may_pass=status in (408, 429) or status >= 500)


class _Failure(Struct, frozen=True):
    """Why a try did not arrive; no word of the receiver's and nothing of the URL."""

    why: str
    may_pass: bool
    """Another try may do better."""


async def _post(client: httpx.AsyncClient, url: httpx.URL, hook: Hook, event: Event) -> int:
    headers = httpx.Headers({"User-Agent": USER_AGENT, "Content-Type": "application/json"})
    headers.update({name: value.reveal() for name, value in hook.headers.items()})
    headers["Host"] = httpx.URL(hook.url.reveal()).netloc.decode()
    async with client.stream("POST", url, headers=headers, content=body(hook.format, event)) as response:
        return response.status_code


def body(form: Format, event: Event) -> bytes:
    """Return *event* as JSON: ours, with ISO times and absent where unknown, or what Slack takes."""
    if form == "slack":
        return msgspec.json.encode({"text": html.escape(event.text, quote=False)})  # as Slack wants it
    known = {
        "event": event.kind,
        "at": iso(event.at),
        "provider": event.provider_id,
        "model": event.model_id,
        "class": event.failure_class,
        "until": None if event.until is None else iso(event.until),
        "text": event.text,
        "version": __version__,
    }
    return msgspec.json.encode({name: value for name, value in known.items() if value is not None})
