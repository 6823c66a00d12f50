"""Providers as they refuse: windows, quotas, balances, spells of overload, outages; others move the clock."""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0


class Answer(Struct, frozen=True):
    """What comes back: a status, or the words of the network where nothing answers."""

    status: int | None = 200
    headers: dict[str, str] = {}
    text: str = ""
    error: str = ""
    after_s: float = 0.0
    """How long it took."""

    @property
    def is_served(self) -> bool:
        return self.status == 200


class Rule(Protocol):
    """One reason of a provider's to refuse."""

    def refusal(self, now: float, tokens: float) -> Answer | None:
        """Say no to a request of so many tokens, or nothing; changes nothing."""
        ...

    def count(self, now: float, tokens: float) -> None:
        """Learn that it was served."""
        ...

    def left(self, now: float) -> float | None:
        """Return what is left, in percent; None where nobody could say."""
        ...


class PerMinute:
    """A sliding minute of requests or of tokens; some say when to come back, some don't."""

    def __init__(self, most: float, *, of_tokens: bool = False, states: bool = True) -> None:
        self._most, self._of_tokens, self._states = most, of_tokens, states
        self._served: deque[tuple[float, float]] = deque()

    def refusal(self, now: float, tokens: float) -> Answer | None:
        cost = tokens if self._of_tokens else 1.0
        recent = [(at, amount) for at, amount in self._served if at > now - MINUTE_S]
        free, wait_s = self._most - sum(amount for _, amount in recent), 0.0
        for at, amount in recent:
            if free >= cost:
                break
            free, wait_s = free + amount, at + MINUTE_S - now
        if wait_s <= 0:
            return None
        what = "tokens per min (TPM)" if self._of_tokens else "requests per min (RPM)"
        if not self._states:
            return Answer(429, {}, '{"error":{"message":"Too many requests","type":"rate_limit_error"}}')
        said = f"Rate limit reached on {what}. Please try again in {wait_s:.3f}s."
        return Answer(429, {"retry-after": f"{int(wait_s) + 1}"}, f'{{"error":{{"message":"{said}"}}}}')

    def count(self, now: float, tokens: float) -> None:
        self._served.append((now, tokens if self._of_tokens else 1.0))
        while self._served[0][0] <= now - MINUTE_S:
            self._served.popleft()

    def left(self, now: float) -> float | None:
        return None


class Plan:
    """A subscription's window of five hours, which begins with the first request in it."""

    def __init__(self, tokens: float) -> None:
        self._most, self._used, self._until = tokens, 0.0, 0.0

    def refusal(self, now: float, tokens: float) -> Answer | None:
        if now >= self._until or self._used < self._most:
            return None
        headers = {
            "retry-after": f"{self._until - now:.0f}",
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-5h-status": "rejected",
            "anthropic-ratelimit-unified-5h-reset": f"{self._until:.0f}",
        }
        return Answer(429, headers, '{"type":"error","error":{"type":"rate_limit_error","message":"Error"}}')

    def count(self, now: float, tokens: float) -> None:
        if now >= self._until:
            self._used, self._until = 0.0, now + 5 * HOUR_S
        self._used += tokens

    def left(self, now: float) -> float | None:
        return 100.0 if now >= self._until else max(0.0, 100 * (1 - self._used / self._most))


class Daily:
    """So many free requests until midnight UTC."""

    def __init__(self, most: int) -> None:
        self._most, self._used, self._day = most, 0, 0.0

    def refusal(self, now: float, tokens: float) -> Answer | None:
        if now // DAY_S != self._day or self._used < self._most:
            return None
        reset = (now // DAY_S + 1) * DAY_S
        return Answer(
            429,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{reset * 1000:.0f}"},
            '{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429}}',
        )

    def count(self, now: float, tokens: float) -> None:
        if now // DAY_S != self._day:
            self._used, self._day = 0, now // DAY_S
        self._used += 1

    def left(self, now: float) -> float | None:
        return 100.0 if now // DAY_S != self._day else max(0.0, 100 * (1 - self._used / self._most))


class Balance:
    """Credits, by the million tokens, and when somebody tops them up to the full again."""

    def __init__(self, dollars: float, price: float, top_ups: Sequence[float] = ()) -> None:
        self._full, self._left, self._price, self._top_ups = dollars, dollars, price, deque(top_ups)

    def refusal(self, now: float, tokens: float) -> Answer | None:
        self._top_up(now)
        if self._left > 0:
            return None
        return Answer(402, {}, '{"error":{"message":"Insufficient credits. Add more and go on.","code":402}}')

    def count(self, now: float, tokens: float) -> None:
        self._top_up(now)
        self._left -= tokens / 1e6 * self._price

    def left(self, now: float) -> float | None:
        self._top_up(now)
        return max(0.0, 100 * self._left / self._full)

    def _top_up(self, now: float) -> None:
        while self._top_ups and now >= self._top_ups[0]:
            self._top_ups.popleft()
            self._left = self._full


class Spells:
    """Times in which it is overloaded, or can't be reached at all."""

    def __init__(self, spells: Sequence[tuple[float, float]], *, is_reached: bool = True) -> None:
        self._spells, self._is_reached = spells, is_reached

    def refusal(self, now: float, tokens: float) -> Answer | None:
        if not any(begin <= now < end for begin, end in self._spells):
            return None
        if not self._is_reached:
            return Answer(None, error="ConnectionRefused: Unable to connect. Is the computer able to access?")
        text = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
        return Answer(529, {}, text, after_s=1.0)

    def count(self, now: float, tokens: float) -> None:
        return None

    def left(self, now: float) -> float | None:
        return None


class Provider:
    """Answers by its rules, of which the first that refuses counts."""

    def __init__(self, name: str, *rules: Rule) -> None:
        self.name = name
        self.refusals_in_a_row = 0
        self._rules = rules

    def could_serve(self, now: float, tokens: float) -> bool:
        return not any(rule.refusal(now, tokens) for rule in self._rules)

    def ask(self, now: float, tokens: float, serves_s: float) -> Answer:
        """Answer a request whose answer takes *serves_s*."""
        refusals = (rule.refusal(now, tokens) for rule in self._rules)
        if refusal := next((found for found in refusals if found), None):
            self.refusals_in_a_row += 1
            return refusal
        self.refusals_in_a_row = 0
        for rule in self._rules:
            rule.count(now, tokens)
        return Answer(after_s=serves_s)

    def left(self, now: float) -> float | None:
        """Return what is left of what a person could look up, in percent."""
        return min((left for rule in self._rules if (left := rule.left(now)) is not None), default=None)
