"""OpenCodes of a simulated day: one alone, one whose user switches by hand, and those whose requests we plan.

All retry as OpenCode does: at most five times, after 2 to 30 s or as stated, whatever looks as if it passed.
"""

import random
import re
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from msgspec import Struct

from sidecar.protocol import AgainPlan, PassPlan, Plan, ReplyPlan, SendPlan, Target
from tests.bed.simulated_day import ORDER, Call, Time, Turn, providers
from tests.bed.simulated_providers import HOUR_S, Answer
from tests.flying import Opencode, Request, target

BACKOFF_S: Final = (2.0, 4.0, 8.0, 16.0, 30.0)
REFUSES_S: Final = 0.3
"""How long a refusal takes."""
PATIENCE_S: Final = 20.0
"""A wait of which a user who switches by hand sees that it won't be over soon."""
REACTS_S: Final = 30.0
"""Until that user has seen it, picked another model and said: go on."""

_PASSES: Final = re.compile(
    r"429|50[0234]|524|529|rate.?limit|too many|overloaded|timeout|try again|unable to connect", re.IGNORECASE
)


class Figures(Struct):
    """What became of the day."""

    turns: int = 0
    """Done to their end."""
    broken: int = 0
    """Turns that ended with an error, or that the user broke off."""
    served: int = 0
    refused: int = 0
    """Requests that a provider refused."""
    wasted: int = 0
    """Of them those to a provider that had refused the one before as well."""
    waited_s: float = 0.0
    """Beyond what providers take to answer."""
    longest_s: float = 0.0
    switches: int = 0
    """How often a session went on at another provider."""
    by_hand: int = 0
    toasts: int = 0


class Sent(Struct, frozen=True):
    """A request on its way, for whoever watches."""

    request: Request
    to: str
    call: Call


class World:
    """The providers and the clock of one run."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.figures = Figures()
        self.providers = {one.name: one for one in providers()}
        self.sent: Callable[[Sent], None] = lambda _: None
        self.lost: Callable[[Request | None, Call], None] = lambda _, __: None
        self._last: dict[str, str] = {}

    async def ask(self, session: str, name: str, call: Call) -> Answer:
        """Let *session* send *call* to a provider, and return the answer when it is there."""
        provider, figures = self.providers[name], self.figures
        answer = provider.ask(self.time.now, call.tokens, call.serves_s)
        if answer.is_served:
            figures.served += 1
            figures.switches += self._last.get(session, name) != name
            self._last[session] = name
        else:
            figures.refused += 1
            figures.wasted += provider.refusals_in_a_row > 1
        await self.time.sleep(answer.after_s or REFUSES_S)
        return answer

    def waited(self, since: float, served_s: float) -> None:
        """Count the time from *since*, of which *served_s* was the answer's own."""
        waited_s = self.time.now - since - served_s
        self.figures.waited_s += waited_s
        self.figures.longest_s = max(self.figures.longest_s, waited_s)


class Host(Protocol):
    """Makes the requests of one session."""

    async def call(self, call: Call) -> bool:
        """Say whether an answer came, in the end."""
        ...


async def work(world: World, turns: list[Turn], host: Host) -> None:
    """Live through the turns of one session."""
    for turn in turns:
        await world.time.sleep(turn.at - world.time.now)
        for call in turn.calls:
            if not await host.call(call):
                world.figures.broken += 1
                break
            await world.time.sleep(call.tool_s)
        else:
            world.figures.turns += 1


class Alone:
    """OpenCode as it is."""

    def __init__(self, world: World, session: str, chance: random.Random) -> None:
        self._world, self._session, self._chance = world, session, chance

    async def call(self, call: Call) -> bool:
        began = self._world.time.now
        answer = await retried(self._world.time, self._chance, lambda: self._ask(call))
        self._world.waited(began, answer.after_s)
        return answer.is_served

    async def _ask(self, call: Call) -> Answer:
        return await self._world.ask(self._session, ORDER[0], call)


async def retried(
    time: Time,
    chance: random.Random,
    ask: Callable[[], Awaitable[Answer]],
    patience_s: float = float("inf"),
) -> Answer:
    """Ask again as OpenCode does, and return what it ends with; or the first that wants more patience."""
    for backoff_s in BACKOFF_S:
        answer = await ask()
        if answer.is_served or not _PASSES.search(f"{answer.status} {answer.text} {answer.error}"):
            return answer
        wait_s = stated_s(answer)
        wait_s = backoff_s * chance.uniform(0.9, 1.1) if wait_s is None else wait_s
        if wait_s > patience_s:
            return answer
        await time.sleep(wait_s)
    return await ask()


def stated_s(answer: Answer) -> float | None:
    """Return what OpenCode reads of a refusal: seconds to wait."""
    if milliseconds := answer.headers.get("retry-after-ms"):
        return float(milliseconds) / 1000
    seconds = answer.headers.get("retry-after")
    return float(seconds) if seconds else None


class ByHand:
    """A user who watches, and picks the next provider when one refuses for longer."""

    def __init__(self, world: World, session: str, chance: random.Random) -> None:
        self._world, self._session, self._chance = world, session, chance
        self._out = dict.fromkeys(ORDER, 0.0)

    async def call(self, call: Call) -> bool:
        world, began = self._world, self._world.time.now
        for _ in ORDER:
            name = self._picked()
            answer = await retried(
                world.time, self._chance, lambda name=name: world.ask(self._session, name, call), PATIENCE_S
            )
            if answer.is_served:
                world.waited(began, answer.after_s)
                return True
            self._out[name] = world.time.now + (stated_s(answer) or HOUR_S)
            world.figures.broken += 1
            world.figures.by_hand += 1
            await world.time.sleep(REACTS_S)
        world.waited(began, 0.0)
        return False

    def _picked(self) -> str:
        """Return the first that isn't known to be out; of all that are, the one that is back first."""
        now = self._world.time.now
        free = [name for name in ORDER if self._out[name] <= now]
        return free[0] if free else min(ORDER, key=lambda name: self._out[name])


class Ours:
    """An OpenCode whose requests go where its sidecar says."""

    def __init__(self, world: World, session: str, chance: random.Random, opencode: Opencode) -> None:
        self._world, self._session, self._chance = world, session, chance
        self._opencode = opencode

    async def call(self, call: Call) -> bool:
        began = self._world.time.now
        answer = await retried(self._world.time, self._chance, lambda: self._fetch(call))
        self._world.waited(began, answer.after_s)
        if not answer.is_served:
            self._world.lost(None, call)
        return answer.is_served

    async def _fetch(self, call: Call) -> Answer:
        """Do what the shim does with one request, and return what the host sees of it."""
        world, routing = self._world, self._opencode.application.routing
        request = self._opencode.request(ORDER[0], session=self._session)
        began, own = world.time.now, None
        plan: Plan = await routing.plan(request.params)
        while True:
            if isinstance(plan, ReplyPlan):
                world.lost(request, call)
                return Answer(plan.status, plan.headers, plan.body)
            if isinstance(plan, PassPlan) and own:
                world.lost(request, call)
                return own
            if isinstance(plan, AgainPlan):
                await world.time.sleep(plan.after_s)
            to = _target(plan, request)
            request.tried.append(to)
            world.sent(Sent(request, to.provider_id, call))
            left = world.time.now
            answer = await world.ask(self._session, to.provider_id, call)
            request.seconds, request.ttfb_s = world.time.now - began, world.time.now - left
            if answer.is_served:
                await request.finished(200)
                return answer
            own = answer if to == request.params.target else own
            how = {"headers": answer.headers, "text": answer.text, "error_message": answer.error}
            plan = await request.failure(answer.status, **how)
            await request.finished(answer.status, refused=True)


def _target(plan: Plan, request: Request) -> Target:
    if isinstance(plan, SendPlan):
        return plan.target
    return target(ORDER[0]) if isinstance(plan, PassPlan) else request.tried[-1]
