"""Sessions of a simulated month, and the router that they ask: it knows what it was told, and no more."""

import heapq
import random
from collections.abc import Generator, Iterable, Sequence
from itertools import count
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from sidecar.adapters.store import HourUsage, QuotaSnapshot
from sidecar.core.choose import Candidate, Stay, Strategy, rank, tier_of
from sidecar.core.forecast import follow
from sidecar.core.freshness import poll_s
from sidecar.core.headroom import headroom, pace, steady
from sidecar.core.latency import is_proven, latency_of
from sidecar.protocol import Target
from sidecar.services.quotas import windows_that_count
from tests.bed.simulated_day import Call, Turn
from tests.bed.simulated_month import BEGIN, DAYS, Subscription, subscriptions
from tests.bed.simulated_providers import DAY_S, HOUR_S

REFUSES_S: Final = 0.3
MODEL: Final = "claude-sonnet-4-5"

Waits = Generator[float, None, None]
"""Yields the instants that it wants to go on at."""


class Month(Struct):
    """What became of a month."""

    requests: int = 0
    unserved: int = 0
    """That nobody served; the rest of their turn is not asked for."""
    needlessly: int = 0
    """Of them those that a subscription would have served."""
    refused: int = 0
    """By a subscription; another may have served them."""
    avoidable: int = 0
    """Of them those that another subscription would have served just then."""
    moves: int = 0
    """How often a session went on at another subscription."""
    used: dict[str, float] = {}
    """The share of what could be used, by subscription."""

    @property
    def used_in_all(self) -> float:
        """The mean over the subscriptions: a request is not worth the same tokens at each."""
        return sum(self.used.values()) / len(self.used)


class Router:
    """Chooses as the sidecar does, of candidates that are made as the sidecar makes them."""

    def __init__(self, names: Iterable[str], strategy: Strategy) -> None:
        """Prefer the *names* in their order, where the *strategy* asks for one."""
        self._strategy: Strategy = strategy
        self._targets = {name: Target(name, MODEL) for name in names}
        self._snapshots: dict[str, QuotaSnapshot] = {}
        self._cooling: dict[str, float] = {}
        self._hours: dict[str, dict[int, HourUsage]] = {name: {} for name in self._targets}
        self._stays: dict[str, Stay] = {}
        self.in_flight = dict.fromkeys(self._targets, 0)

    def choose(self, session: str, now: float, tried: Iterable[str]) -> str | None:
        """Return who is asked, without those that refused this request; None: everybody waits."""
        candidates = [self._candidate(name, now) for name in self._targets if name not in tried]
        ranked = rank(candidates, self._strategy, self._stays.get(session), now)
        if not ranked or ranked[0].tier == "cooling":
            return None
        target = ranked[0].target
        if session not in self._stays or self._stays[session].target != target:
            self._stays[session] = Stay(target, now)
        return target.provider_id

    def told(self, plan: Subscription, now: float) -> None:
        """Learn what is left."""
        last, windows = self._snapshots.get(plan.name), plan.told(now)
        trail = follow(last.trail if last else {}, windows, now)
        self._snapshots[plan.name] = QuotaSnapshot(windows, None, now, now, trail=trail)

    def answered(self, name: str, now: float, wait_s: float) -> None:
        row = self._hour(name, now)
        row = replace(row, requests=row.requests + 1, answered=row.answered + 1, ttfb_s=row.ttfb_s + wait_s)
        self._hours[name][row.hour] = row

    def refused(self, name: str, now: float, until: float) -> None:
        row = self._hour(name, now)
        self._hours[name][row.hour] = replace(row, requests=row.requests + 1, failures=row.failures + 1)
        self._cooling[name] = until

    def left(self, name: str, now: float) -> float | None:
        """Return what it knows to be left."""
        snapshot = self._snapshots.get(name)
        return headroom(windows_that_count(snapshot, now)) if snapshot else None

    def _hour(self, name: str, now: float) -> HourUsage:
        hour = int(now // HOUR_S)
        return self._hours[name].get(hour, HourUsage(hour, name, MODEL, 0, 0))

    def _candidate(self, name: str, now: float) -> Candidate:
        snapshot = self._snapshots.get(name)
        windows = () if snapshot is None else windows_that_count(snapshot, now)
        left, lasting, until = headroom(windows, MODEL), steady(windows, MODEL), self._cooling.get(name, 0.0)
        recent = [row for row in self._hours[name].values() if now / HOUR_S - row.hour < 25]
        return Candidate(
            self._targets[name],
            "cooling" if until > now else tier_of(left, lasts=lasting is not None),
            headroom=left,
            steady=lasting,
            pace=pace(windows, MODEL, now),
            place=list(self._targets).index(name),
            until=until,
            in_flight=self.in_flight[name],
            price=0.0,
            latency_s=latency_of(recent, now),
            is_proven=is_proven(recent, now),
        )


class AlwaysFirst(Router):
    """No router: the user has picked one, and that is asked."""

    def choose(self, session: str, now: float, tried: Iterable[str]) -> str | None:
        return None if list(tried) else next(iter(self._targets))


def live(wanted: Sequence[Sequence[Turn]], strategy: Strategy | None, days: int = DAYS) -> Month:
    """Live through *days* of *wanted* sessions; without a *strategy* all go to the first subscription."""
    return _Life(strategy).live(wanted, BEGIN + days * DAY_S)


class _Life:
    """The subscriptions, the router and the sessions of one run, on a clock of its own."""

    def __init__(self, strategy: Strategy | None) -> None:
        self._plans = {plan.name: plan for plan in subscriptions()}
        self._router = Router(self._plans, strategy) if strategy else AlwaysFirst(self._plans, "priority")
        self._chance = random.Random(0)  # noqa: S311 - the same in every run
        self._month = Month()
        self._now = BEGIN
        for plan in self._plans.values():
            self._router.told(plan, BEGIN)

    def live(self, wanted: Sequence[Sequence[Turn]], until: float) -> Month:
        """Wake whoever sleeps, one after the other, and say what became of it."""
        agents = [self._polled(plan) for plan in self._plans.values() if not plan.tells]
        agents += [self._work(f"ses_{number}", turns) for number, turns in enumerate(wanted)]
        numbers = count()
        asleep = [(BEGIN, next(numbers), agent) for agent in agents]
        while asleep and asleep[0][0] < until:
            self._now, _, agent = heapq.heappop(asleep)
            if (wakes_at := next(agent, None)) is not None:
                heapq.heappush(asleep, (max(self._now, wakes_at), next(numbers), agent))
        self._month.used = {name: plan.share_used(self._now) for name, plan in self._plans.items()}
        return self._month

    def _somebody_serves(self) -> bool:
        return any(plan.refuses_until(self._now) is None for plan in self._plans.values())

    def _polled(self, plan: Subscription) -> Waits:
        """Ask what is left of one whose answers don't tell, again and again, while OpenCode runs."""
        while True:
            if self._now / HOUR_S % 24 >= 8:
                self._router.told(plan, self._now)
            least_s = poll_s(self._router.left(plan.name, self._now))
            yield self._now + least_s * self._chance.uniform(1.0, 1.2)

    def _work(self, session: str, turns: Sequence[Turn]) -> Waits:
        last = ""
        for turn in turns:
            yield turn.at
            for call in turn.calls:
                self._month.requests += 1
                name = yield from self._ask(session, call)
                if name is None:
                    self._month.unserved += 1
                    self._month.needlessly += self._somebody_serves()
                    break
                self._month.moves += last not in ("", name)
                last = name
                yield self._now + call.tool_s

    def _ask(self, session: str, call: Call) -> Generator[float, None, str | None]:
        """Send a request to one after the other, until one serves it; return who did."""
        tried: list[str] = []
        while (name := self._router.choose(session, self._now, tried)) is not None:
            until = self._plans[name].refuses_until(self._now)
            if until is None:
                yield from self._serve(self._plans[name], call)
                return name
            self._month.refused += 1
            self._month.avoidable += self._somebody_serves()
            self._router.refused(name, self._now, until)
            tried.append(name)
            yield self._now + REFUSES_S
        return None

    def _serve(self, plan: Subscription, call: Call) -> Waits:
        wait_s = plan.wait_s * self._chance.uniform(0.6, 1.6)
        self._router.in_flight[plan.name] += 1
        yield self._now + wait_s + call.serves_s
        self._router.in_flight[plan.name] -= 1
        plan.serve(self._now, call)
        self._router.answered(plan.name, self._now, wait_s)
        if plan.tells:
            self._router.told(plan, self._now)
