"""Rules that hold at every moment of a simulated day, whatever three sidecars on one store decide.

And of some simulated weeks at three subscriptions: what is paid for is used, and none is asked in vain.
"""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

import pytest

from sidecar.adapters.store import State
from sidecar.core.choose import Strategy
from sidecar.core.cooldown import Cooldown, CooldownKey
from tests.bed.simulated_choosing import live
from tests.bed.simulated_day import ORDER, Call
from tests.bed.simulated_hosts import Sent, World
from tests.bed.simulated_month import sessions
from tests.flying import Opencode, Request, origin
from tests.simulation import with_us

pytestmark = pytest.mark.anyio


class Watch:
    """Looks at each request as it leaves, and at each that the host was not answered."""

    def __init__(self, world: World, opencodes: Sequence[Opencode]) -> None:
        self._world = world
        self._store = opencodes[0].application.store
        self.needless: list[str] = []
        """Requests to who had said until when it refuses, while another was free."""
        self.lost_needlessly: list[str] = []
        """Turns that were lost while a provider would have served them that no wait held back.

        A wait that was guessed may be too long; nobody can know that before somebody looks.
        """
        self.probes: Counter[tuple[CooldownKey, float]] = Counter()
        """By the wait that was over, while another was free."""
        self.episodes: set[tuple[CooldownKey, float]] = set()
        world.sent, world.lost = self._sent, self._lost

    def _sent(self, sent: Sent) -> None:
        now = self._world.time.now
        state = self._store.state(now)
        self.episodes |= {(row.key, row.began) for row in state.cooldowns.values()}
        rows = _binding(state, sent.to)
        active = [row for row in rows if row.is_active(now)]
        tried = Counter(target.provider_id for target in sent.request.tried)
        if all(_binding(state, name) for name in ORDER if name not in tried):
            return
        if any(row.stated for row in active):
            self.needless.append(f"{sent.to} at {now:.0f}")
        if not active and tried[sent.to] == 1:  # else the same request asks again, after a moment
            self.probes.update((row.key, row.until) for row in rows)

    def _lost(self, request: Request | None, call: Call) -> None:
        now = self._world.time.now
        state = self._store.state(now)
        could = [
            one.name
            for one in self._world.providers.values()
            if one.could_serve(now, call.tokens)
            and not any(row.is_active(now) for row in _binding(state, one.name))
        ]
        if request is None and could:
            self.lost_needlessly.append(f"{could} at {now:.0f}")


def _binding(state: State, name: str) -> list[Cooldown]:
    rows = state.cooldowns.values()
    return [row for row in rows if row.key.origin == origin(name)]


@pytest.mark.parametrize("strategy", ["priority", "headroom"])
@pytest.mark.parametrize("turns", [50, 90])
async def test_a_day_of_refusals(strategy: Strategy, turns: int) -> None:
    watches = list[Watch]()
    figures = await with_us(
        strategy, turns, seed=turns, watch=lambda world, opencodes: watches.append(Watch(world, opencodes))
    )
    (watch,) = watches
    assert figures.turns > 4 * turns
    assert figures.refused > 50
    assert watch.needless == []
    assert watch.lost_needlessly == []
    assert [probe for probe, times in watch.probes.items() if times > 1] == []
    assert 0 < figures.toasts <= 2 * len(watch.episodes)


WEEKS = 14
"""In days."""


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_headroom_asks_nobody_in_vain_while_another_would_serve(seed: int) -> None:
    wanted = list(sessions(seed, WEEKS))
    routed, alone = live(wanted, "headroom", WEEKS), live(wanted, None, WEEKS)
    assert (routed.unserved, routed.avoidable) == (0, 0)
    assert alone.unserved == alone.avoidable > 50
    assert routed.used_in_all > alone.used_in_all
    assert max(routed.used.values()) < 2 * min(routed.used.values())
    # Of more than six thousand requests; each costs a session what its provider had cached.
    assert routed.moves < routed.requests / 50


@pytest.mark.parametrize("strategy", get_args(Strategy))
def test_no_strategy_leaves_a_request_alone_that_somebody_would_serve(strategy: Strategy) -> None:
    month = live(list(sessions(7, WEEKS, busy=1.6)), strategy, WEEKS)
    assert month.requests > 5_000
    assert month.needlessly == 0
