"""What the tests of failover share: three gateways, providers at them, and what became of a turn in OpenCode.

A `Scene` lives as long as a module's tests do, as OpenCode takes seconds to start; `reset` makes it as new.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import msgspec

from sidecar.adapters.sqlite_store import SqliteStore
from sidecar.adapters.store import Mutation, PutCooldown, ResetProvider, State
from tests.bed import wires
from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home, provider
from tests.bed.opencode import START_S, Json, Serve, text_of
from tests.bed.processes import living_under, wait_until
from tests.bed.replies import Answer, Received, made, says

ALPHA: Final = "alpha"
BETA: Final = "beta"
GAMMA: Final = "gamma"
NAMES: Final = {ALPHA: "Alpha", BETA: "Beta", GAMMA: "Gamma"}
ANSWERS: Final = {name: f"This is {shown}." for name, shown in NAMES.items()}

PROMPT: Final = "Say something fine."
TITLED: Final = "Named already"
"""A session with a title of its own asks no model for one."""

CHILD_PROMPT: Final = "Find out how many there are."
TASK: Final = {"description": "Count them", "prompt": CHILD_PROMPT, "subagent_type": "general"}
"""What a model calls the tool `task` with, to have a subagent."""

WIRE_IDS: Final[dict[wires.Wire, str]] = {
    "openai-chat": "",
    "anthropic-messages": "-anthropic",
    "openai-responses": "-responses",
}
"""What the id of a gateway's provider ends in, by wire."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of a turn; the defaults are those of one that nothing disturbs."""

    said: str
    error: str = ""
    users: int = 1
    """Messages of the user that are stored in the session."""
    retries: int = 0
    """How often the host itself began again."""
    session_errors: int = 0
    session: str = field(default="", compare=False)


def in_wires(cases: Iterable[str], *elsewhere: str) -> list[tuple[wires.Wire, str]]:
    """Give all *cases* in one wire, and in the others those that differ by wire: a turn takes its time."""
    rows: list[tuple[wires.Wire, str]] = [(wires.WIRES[0], case) for case in cases]
    return rows + [(wire, case) for wire in wires.WIRES[1:] for case in elsewhere]


def entries(gateways: Mapping[str, Gateway], *spoken: wires.Wire, **more: Any) -> dict[str, dict[str, Any]]:
    """Give the `provider` of an opencode.json with one entry for each gateway in each wire."""
    return {
        name + WIRE_IDS[wire]: provider(
            at.base_url, wire, NAMES[name] + WIRE_IDS[wire], key=f"{name}-key-0123456789-0123456789", **more
        )
        for wire in spoken or ("openai-chat",)
        for name, at in gateways.items()
    }


class Scene:
    """Three gateways, and one OpenCode in a home; `scene` makes it."""

    def __init__(self, home: Home, gateways: Mapping[str, Gateway]) -> None:
        self.home = home
        self.gateways = gateways
        self.alpha, self.beta, self.gamma = (gateways[name] for name in (ALPHA, BETA, GAMMA))
        self.serves: list[Serve] = []
        self._toasts: list[int] = []

    @property
    def serve(self) -> Serve:
        """The first OpenCode."""
        return self.serves[0]

    def reset(self) -> None:
        """Let every gateway answer, let the sidecars forget, and count from here."""
        for name, gateway in self.gateways.items():
            gateway.come_back()
            gateway.turns(says(ANSWERS[name])).asides(says("A title."))
            gateway.requests.clear()
        stored(self.home, lambda _: [ResetProvider(None, time.time())])
        self._toasts = [len(serve.events.of("tui.toast.show")) for serve in self.serves]

    def new_session(self, serve: Serve | None = None, **body: object) -> str:
        return (serve or self.serve).create_session(title=TITLED, **body)

    def turn(
        self,
        provider_id: str = ALPHA,
        text: str = PROMPT,
        *,
        session: str | None = None,
        serve: Serve | None = None,
        **body: object,
    ) -> Turn:
        """Do one turn, in a new session unless one is given."""
        serve = serve or self.serve
        session = session or self.new_session(serve)
        before = _troubles(serve, session)
        message = serve.send(session, text, provider_id, **body)
        error = message["info"].get("error")
        retries, errors = (now - then for now, then in zip(_troubles(serve, session), before, strict=True))
        users = [row for row in serve.messages(session) if row["info"]["role"] == "user"]
        said = "" if error else text_of(message)
        return Turn(said, _words(error), len(users), retries, errors, session)

    def begin(self, provider_id: str = ALPHA, text: str = PROMPT, *, session: str | None = None) -> str:
        """Begin a turn, and return its session."""
        session = session or self.new_session()
        model = {"providerID": provider_id, "modelID": MODEL}
        body = {"model": model, "parts": [{"type": "text", "text": text}]}
        self.serve.client.post(f"/session/{session}/prompt_async", json=body).raise_for_status()
        return session

    def abort(self, session: str) -> None:
        """Abort what is under way, as a user does, and wait until the host has."""
        self.serve.client.post(f"/session/{session}/abort").raise_for_status()
        self.wait_for_idle(session)

    def wait_for_idle(self, session: str) -> None:
        self.serve.events.wait_for(
            "session.idle", lambda event: event["sessionID"] == session, within_s=START_S
        )

    def configure(self, **settings: object) -> None:
        """Write our own file, and let the sidecars read it."""
        self.home.write_gateways(**settings)
        for serve in self.serves:
            self.command("quota_status", serve=serve)

    def command(self, name: str, arguments: str = "", serve: Serve | None = None) -> str:
        """Return what a slash command of ours says."""
        serve = serve or self.serve
        return text_of(serve.command(self.new_session(serve), name, arguments, ALPHA))

    def calls(self) -> list[int]:
        """Return how many requests of turns each gateway got since the reset."""
        return [len(self.gateways[name].turn_calls) for name in (ALPHA, BETA, GAMMA)]

    def toasts(self) -> list[str]:
        """Return what the toasts said since the reset, of all OpenCodes."""
        rows = zip(self.serves, [*self._toasts, *[0] * len(self.serves)], strict=False)
        return [
            toast["message"] for serve, begin in rows for toast in serve.events.of("tui.toast.show")[begin:]
        ]

    def wait_for_toasts(self, count: int) -> list[str]:
        """Wait until so many toasts were shown, and return what they said."""
        wait_until(lambda: len(self.toasts()) >= count, f"{count} toasts")
        return self.toasts()

    def sidecars(self) -> list[int]:
        return [pid for pid, command in living_under(self.home.path).items() if "-m sidecar serve" in command]

    def let_waits_end(self) -> None:
        """Let every cooldown have ended just now, as after the time that it states."""

        def ended(state: State) -> Sequence[Mutation]:
            now = time.time()
            rows = state.cooldowns.values()
            return [PutCooldown(msgspec.structs.replace(row, until=now - 1, stated=True)) for row in rows]

        stored(self.home, ended)


def is_child(request: Received) -> bool:
    """Tell a subagent's request: its prompt is the first thing that a user said."""
    body = request.json()
    rows: list[Json] = body.get("messages") or body["input"]
    return CHILD_PROMPT in str(next(row for row in rows if row.get("role") == "user"))


def by_agent(parent: Sequence[Answer], child: Answer) -> Answer:
    """Answer a parent's requests one after the other, and its subagent's all alike."""
    left = list(parent)
    return lambda request: made(child if is_child(request) else left.pop(0), request)


def stored(home: Home, change: Callable[[State], Sequence[Mutation]] = lambda _: ()) -> State:
    """Return what the sidecars of this home have stored, after a change to it."""

    async def look() -> State:
        store = SqliteStore(home.state, time.time)
        try:
            await store.apply(change(await store.load(time.time())))
            return await store.load(time.time())
        finally:
            await store.aclose()

    return anyio.run(look)


@contextmanager
def ready_serve(home: Home) -> Generator[Serve]:
    """Start an OpenCode, and wait until its sidecar knows all about it: no first turn waits for that.

    Versions 1.2 and 1.3 load no plugin before they are asked for something in its directory.
    """

    def greetings() -> int:
        logs = [path.read_text("utf-8") for path in (home.state / "logs").glob("*.log")]
        return min(sum(log.count(f'"host.{fact}"') for log in logs) for fact in ("version", "catalogue"))

    before = greetings()
    with Serve(home) as serve:
        serve.client.get("/config").raise_for_status()
        if _has_a_sane_sidecar(home):
            wait_until(lambda: greetings() > before, "its sidecar knows the host", START_S)
        yield serve


def _has_a_sane_sidecar(home: Home) -> bool:
    is_loaded = "plugin" in json.loads((home.config / "opencode.json").read_text("utf-8"))
    return is_loaded and "QUOTA_SIDECAR_COMMAND" not in home.env


@contextmanager
def scene(
    write: Callable[[Scene], None], serves: int = 1, env: Mapping[str, str] | None = None
) -> Generator[Scene]:
    """Open a scene in a home that *write* configures, with so many OpenCodes."""
    with ExitStack() as stack:
        gateways = {name: stack.enter_context(Gateway()) for name in NAMES}
        one = Scene(stack.enter_context(Home()), gateways)
        one.home.env.update(env or {})
        one.reset()
        write(one)
        for _ in range(serves):
            one.serves.append(stack.enter_context(ready_serve(one.home)))
        one.reset()
        yield one


def _troubles(serve: Serve, session: str) -> tuple[int, int]:
    """Count the retries and errors of a session that the host has told so far."""
    status = [row for row in serve.events.of("session.status") if row["sessionID"] == session]
    retries = [row for row in status if row["status"]["type"] == "retry"]
    errors = [row for row in serve.events.of("session.error") if row.get("sessionID") in (None, session)]
    return len(retries), len(errors)


def _words(error: Any) -> str:
    return str(error["data"].get("message", error["name"])) if error else ""
