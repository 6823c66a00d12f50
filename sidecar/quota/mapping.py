"""The mapping language: how a gateway is asked, and how its reply becomes windows.

Here are the structs that a mapping is written in, and its reading. `mapping_checks.py` refuses what can't
work, `exchange.py` goes through the requests, and what the figures mean is the business of `windows.py`.
"""

from collections.abc import Iterator
from collections.abc import Mapping as AbcMapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from sidecar.plain import is_list, is_object
from sidecar.quota.expressions import Scope, fill, fill_list, is_true, value_of
from sidecar.quota.instants import as_instant
from sidecar.quota.periods import Period, as_calendar_rule, as_period, name_of
from sidecar.quota.windows import Window, as_number, as_text, complete, says_something

MAX_WINDOWS: Final = 50
MAX_REQUESTS: Final = 3
DEFAULT_PATH: Final = "/quota"
BEARER: Final = "Authorization: Bearer {key}"
NO_AUTH: Final = "none"

Expression = Annotated[str, Meta(min_length=1, max_length=1000)]
Template = Annotated[str, Meta(min_length=1, max_length=1000)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")]
Unit = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,19}$")]


class WindowMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How one window is read, or one window per row."""

    name: Template
    unit: Unit
    """What is counted: tokens, requests, cost, credits, percent, or the service's own word."""
    rows: Expression | None = None
    """A list: each item becomes a window, and expressions see it as `row`. An object is one row."""
    when: Expression | None = None
    """The window exists where this is true; without it, wherever it yields a figure."""
    limit: Expression | None = None
    used: Expression | None = None
    remaining: Expression | None = None
    percent_remaining: Expression | None = None
    percent_used: Expression | None = None
    fraction_remaining: Expression | None = None
    fraction_used: Expression | None = None
    resets_at: Expression | None = None
    """An instant: ISO 8601, a date, Unix seconds or milliseconds."""
    resets_in: Expression | None = None
    """A length of time from now: seconds, or a text like `2m59.56s`."""
    started_at: Expression | None = None
    """An instant; the reset is one `period` later."""
    calendar: Template | None = None
    """The reset is the next edge of the calendar in UTC: day, week, month, year; `day +08:00` elsewhere."""
    period: Template | None = None
    """The window's length: `5h`, `1 week`, `monthly`; a number is seconds."""
    models: list[Template] | None = None
    """Globs of the models that the window binds; default all; empty: it is only shown."""
    currency: Template | None = None
    unlimited: Expression | None = None
    blocked: Expression | None = None


class RequestMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """One request of a mapping."""

    path: Template = DEFAULT_PATH
    """Appended to the base URL's path, or after `//` to its origin."""
    name: Word | None = None
    """With names, `body` holds each request's reply under its name; without, it is the last reply."""
    method: Literal["GET", "POST"] = "GET"
    auth: Template = BEARER
    """The header that carries the key, or `none`."""
    headers: dict[HeaderName, str] = {}
    json: dict[str, Any] | None = None
    """The body of a POST; `{config.NAME}` and `{captured.NAME}` in its texts are replaced."""
    capture: dict[Word, Expression] = {}
    """What later requests and the windows see as `captured.NAME`."""
    optional: bool = False
    """A failure of this request, or of what it needs from earlier ones, is as if its reply were empty."""


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """How a gateway is asked and its replies are read."""

    windows: Annotated[list[WindowMapping], Meta(min_length=1, max_length=MAX_WINDOWS)]
    summary: str = ""
    base_url: str | None = None
    """Where the service is, for those who configure no other place."""
    requests: Annotated[list[RequestMapping], Meta(max_length=MAX_REQUESTS)] = field(
        default_factory=lambda: [RequestMapping()]
    )
    """Made in this order. Empty: nothing is fetched; the headers of ordinary answers are read."""
    login: dict[str, Literal["access", "refresh"]] = {}
    """By provider id: which token of OpenCode's login is the key; it goes to `base_url` and nowhere else."""
    from_login: dict[Word, str] = {}
    """What of `config` OpenCode's login says, where the user doesn't: by name, the login's own field."""
    serves: str | None = None
    """Where the models answer, if that is another host than `base_url`: keys and accounts are the same."""
    every: str | None = None
    """Asked no more often than this, not even for a refresh: some services refuse who asks more."""
    backoff: str | None = None
    """After refusals for too many requests, waits without a stated end double up to this."""
    undocumented: bool = False
    """The service doesn't say that it may be asked so: that is done only where the user wants it."""
    providers: list[str] = []
    """Whose it is without any configuration: ids of providers that are asked; or, where nothing is asked,
    globs of those whose ordinary answers are read, and `!` excepts some."""
    config: dict[Word, str] = {}
    """What the user has to say, and how it is described to him: `{config.NAME}`."""
    account: Expression | None = None
    """What the gateway calls the key or its owner."""
    ok: Expression | None = None
    """True for a reply that is no error: many gateways refuse with HTTP 200."""

    @property
    def every_s(self) -> float:
        """Return how many seconds must lie between two fetches, whatever else is wanted."""
        return _length_s(self.every) or 0.0

    @property
    def backoff_s(self) -> float | None:
        """Return how many seconds lie between two fetches at most while it refuses for too many."""
        return _length_s(self.backoff)

    @property
    def origin_base(self) -> str | None:
        """Return a URL of where its models answer."""
        return self.serves or self.base_url

    @property
    def is_passive(self) -> bool:
        """Say whether nothing is fetched, because ordinary answers carry the figures."""
        return not self.requests


def _length_s(text: str | None) -> float | None:
    period = as_period(text)
    return period.length_s(None) if period else None


class Reply(Struct, frozen=True):
    """A decoded reply: headers have lower-case names."""

    body: Any
    headers: AbcMapping[str, str]


class Context(Struct, frozen=True):
    """What expressions see beside the reply, and the clock."""

    now: float
    """Unix seconds."""
    captured: AbcMapping[str, Any] = {}
    config: AbcMapping[str, str] = {}
    model: str | None = None
    """Which model gave an ordinary answer."""

    def scope(self, reply: Reply) -> Scope:
        """Return all that an expression sees outside of rows."""
        return Scope(
            {
                "row": None,
                "body": reply.body,
                "headers": dict(reply.headers),
                "captured": dict(self.captured),
                "config": dict(self.config),
                "model": self.model,
            }
        )


class Reading(Struct, frozen=True):
    """What a reply says."""

    windows: list[Window]
    account: str | None = None
    is_refusal: bool = False
    """The reply itself says that it is an error."""
    is_too_large: bool = False
    """Reading it would take too long. Parts of it could be wrong, so there are none."""


def read(mapping: Mapping, reply: Reply, context: Context) -> Reading:
    """Return what *reply* says by *mapping*. Never raises: what can't be read is left out."""
    scope = context.scope(reply)
    if mapping.ok is not None and not is_true(value_of(mapping.ok, scope)):
        return Reading([], is_refusal=not scope.is_exhausted, is_too_large=scope.is_exhausted)
    windows = [window for row in mapping.windows for window in _windows(row, scope, context.now)]
    if scope.is_exhausted:
        return Reading([], is_too_large=True)
    return Reading(windows[:MAX_WINDOWS], as_text(value_of(mapping.account, scope)))


def _windows(mapping: WindowMapping, scope: Scope, now: float) -> Iterator[Window]:
    for row in rows_of(mapping.rows, scope):
        window = _window(mapping, scope.also(row=row), now)
        if window is not None:
            yield window


def rows_of(expression: str | None, scope: Scope) -> list[Any]:
    """Return the rows that *expression* finds; one without content where there is no expression."""
    if expression is None:
        return [None]
    found = value_of(expression, scope)
    if is_list(found):
        return [row for row in found[:MAX_WINDOWS] if row is not None]
    return [found] if is_object(found) else []


def _window(mapping: WindowMapping, scope: Scope, now: float) -> Window | None:
    if mapping.when is not None and not is_true(value_of(mapping.when, scope)):
        return None
    period = as_period(fill(mapping.period, scope)) if mapping.period else None
    resets_at, period_s = _reset(mapping, scope, period, now)
    scope["period"] = name_of(period_s) if period_s is not None else None
    window = complete(
        Window(
            name=as_text(fill(mapping.name, scope)) or mapping.unit,
            unit=mapping.unit,
            limit=as_number(value_of(mapping.limit, scope)),
            used=as_number(value_of(mapping.used, scope)),
            remaining=as_number(value_of(mapping.remaining, scope)),
            percent_remaining=_percent_remaining(mapping, scope),
            resets_at=resets_at,
            period_s=period_s,
            models=_models(mapping.models, scope),
            currency=as_text(fill(mapping.currency, scope)) if mapping.currency else None,
            unlimited=is_true(value_of(mapping.unlimited, scope)),
            blocked=is_true(value_of(mapping.blocked, scope)),
        )
    )
    return window if says_something(window) else None


def _percent_remaining(mapping: WindowMapping, scope: Scope) -> float | None:
    """Return the share that the reply states, in whichever of the four ways."""
    for expression, of_one, is_used in (
        (mapping.percent_remaining, 1, False),
        (mapping.percent_used, 1, True),
        (mapping.fraction_remaining, 100, False),
        (mapping.fraction_used, 100, True),
    ):
        share = as_number(value_of(expression, scope))
        if share is not None:
            return float(100 - share * of_one if is_used else share * of_one)
    return None


def _reset(
    mapping: WindowMapping, scope: Scope, period: Period | None, now: float
) -> tuple[float | None, float | None]:
    """Return when the window turns, by the first way that says something, and its length in seconds."""
    resets_at = as_instant(value_of(mapping.resets_at, scope))
    if resets_at is None:
        wait = as_period(value_of(mapping.resets_in, scope))
        resets_at = as_instant(wait.after(now)) if wait else None
    if resets_at is None and period is not None:
        started_at = as_instant(value_of(mapping.started_at, scope))
        resets_at = as_instant(period.after(started_at)) if started_at is not None else None
    rule = as_calendar_rule(fill(mapping.calendar, scope)) if mapping.calendar and resets_at is None else None
    if rule is not None:
        edge, length_s = rule.next_reset(now)
        return edge, period.length_s(edge) if period else length_s
    length = period.length_s(resets_at) if period else None
    return resets_at, length if length else None


def _models(templates: list[str] | None, scope: Scope) -> tuple[str, ...] | None:
    """Return the globs; None (all models) also where the reply names none although it should."""
    if not templates:
        return None if templates is None else ()
    return tuple(model for template in templates for model in fill_list(template, scope)) or None
