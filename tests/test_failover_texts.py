"""What is said when somebody refuses: whole texts, and that no final one makes the host try again."""

import re
from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.choose import Unfit
from sidecar.core.limits import KINDS, Reached
from sidecar.protocol import ReplyPlan, Target, Wire
from sidecar.services.refusals import refusal
from sidecar.texts import failover, toasts
from sidecar.texts.failover import WHY, Waiting
from sidecar.texts.figures import columns
from sidecar.texts.times import about, clock, spelled, when

NOW = 1_795_255_320.0  # Saturday 21 November 2026, 10:02 in UTC
HOUR = 3600.0

RETRIED = re.compile(
    r"429|500|502|503|504|524|rate.?limit|too.?many.?requests|rate increased|overloaded|unavailable|timeout"
    r"|timed out|exhausted|try again|try your request again|retry your request|at capacity|server.?error"
    r"|internal.?error|terminated|fetch|econn|enotfound|socket|connection|hang up|network.error|UsageLimit",
    re.IGNORECASE,
)
"""OpenCode repeats a refusal whose message or body holds one of these, whatever its status."""


CAMPUS = Waiting("Campus gateway", "quota-exhausted-long", NOW + 3 * HOUR, stated=True)
ROUTER = Waiting("OpenRouter", "rate-limit-short", NOW + 50 * HOUR)
KEYLESS = Waiting("Together AI", "auth", NOW + 80 * HOUR)
LIMIT = Reached("requests_per_day", 500, 500, NOW + 14 * HOUR - 120)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            failover.went_on("Campus gateway", "rate-limit-short", NOW + 250, True, "OpenRouter", NOW),
            "Campus gateway refuses (rate limit) · back in 4 min\ngoing on at OpenRouter",
        ),
        (
            failover.went_on("gw", "overloaded", NOW + 30, False, "gw-b", NOW),
            "gw refuses (too busy) · looked at again in 30 s\ngoing on at gw-b",
        ),
        (
            failover.went_on("Campus gateway", "network", NOW + 30, False, "OpenRouter", NOW),
            "Campus gateway can't be reached\nlooked at again in 30 s · going on at OpenRouter",
        ),
        (
            failover.went_on("Campus gateway", "auth", NOW + 900, False, "OpenRouter", NOW),
            "Campus gateway refuses its key\nlooked at again in 15 min · going on at OpenRouter",
        ),
        (
            failover.went_on("gw", "bad-request", NOW, False, "gw-b", NOW),
            "gw refuses (request refused) · going on at gw-b",
        ),
        (failover.is_back("Campus gateway"), "Campus gateway is back · going on there"),
        (
            failover.moved("Campus gateway", "OpenRouter", "quota-exhausted-long", NOW + 20000, True, NOW),
            "Campus gateway has to wait (quota used up)\nback in 5h 33m · this turn goes to OpenRouter",
        ),
        (
            failover.own_limit("Campus gateway", LIMIT, "OpenRouter", NOW),
            "Campus gateway is at your limit (requests a day)\nuntil midnight · going on at OpenRouter",
        ),
        (
            failover.all_gone([ROUTER, CAMPUS, KEYLESS], NOW),
            "Every provider refuses · first back: Campus gateway,\nat 13:02, in about three hours",
        ),
    ],
)
def test_what_toasts_say(sentence: toasts.Sentence, expected: str) -> None:
    assert toasts.message([sentence]) == expected


def test_a_webhook_gets_a_toast_as_one_line() -> None:
    assert toasts.line(failover.is_back("Campus")) == "Campus is back · going on there"


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (Target("router", "m1"), ("Campus gateway", "OpenRouter")),
        (Target("router", "vendor/m1"), ("Campus gateway", "OpenRouter")),
        (Target("router", "vendor/m2"), ("Campus gateway", "router/vendor/m2")),
        (Target("campus", "m2"), ("campus/m1", "campus/m2")),
    ],
)
def test_a_model_is_named_where_it_changes(then: Target, expected: tuple[str, str]) -> None:
    assert failover.names(("Campus gateway", "OpenRouter"), Target("campus", "m1"), then) == expected


def test_the_end_says_who_is_waited_for_until_when_and_why() -> None:
    assert failover.gone([ROUTER, CAMPUS, KEYLESS], NOW) == (
        "Every provider that could answer refuses.\n"
        "First back: Campus gateway (quota used up), at 13:02, in about three hours.\n"
        "Then: OpenRouter (asked too often), Monday 12:02; Together AI (key refused), Tuesday 18:02.\n"
        "Topped up? Every new prompt is sent all the same.\n/quota_status says more."
    )


def test_a_provider_with_several_models_is_named_once() -> None:
    later = Waiting("Campus gateway", "overloaded", NOW + 4 * HOUR, stated=True)
    assert failover.gone([later, CAMPUS], NOW) == failover.gone([CAMPUS], NOW)


def test_the_end_of_one_who_was_alone() -> None:
    assert failover.gone([CAMPUS], NOW) == (
        "Campus gateway refuses (quota used up).\n"
        "Back at 13:02, in about three hours.\n"
        "Topped up? Every new prompt is sent all the same.\n/quota_status says more."
    )


def test_the_end_when_until_when_is_a_guess() -> None:
    assert failover.gone([KEYLESS, ROUTER], NOW) == (
        "Every provider that could answer refuses.\n"
        "First back: OpenRouter (asked too often), perhaps on Monday at 12:02, in about two days.\n"
        "Then: Together AI (key refused), Tuesday 18:02.\n"
        "Topped up? Every new prompt is sent all the same.\n/quota_status says more."
    )


def test_a_short_wait_names_whom_the_countdown_is_for() -> None:
    assert failover.busy([ROUTER, CAMPUS], NOW) == (
        "Every provider refuses for a moment; Campus gateway (quota used up) is back first."
    )
    assert failover.busy([CAMPUS], NOW) == "Campus gateway (quota used up) refuses for a moment."


def test_a_hard_limit_says_whose_it_is_and_how_to_go_on() -> None:
    assert failover.hard_limit("Campus gateway", LIMIT, NOW) == (
        "Campus gateway is at the limit that you have set for it (requests a day).\n"
        "The limit turns at midnight, in about fourteen hours.\n"
        "To go on now, raise the limit in quota-sidecar.jsonc, or remove its `hard`."
    )


def test_a_name_that_the_host_would_take_for_a_status_is_left_out() -> None:
    rows = [Waiting("gw-429", "overloaded", NOW + 3 * HOUR, stated=True), CAMPUS]
    assert failover.gone(rows, NOW).splitlines()[1:3] == [
        "First back: a provider (too busy), at 13:02, in about three hours.",
        "Then: Campus gateway (quota used up), 13:02.",
    ]


names = st.text(max_size=40) | st.sampled_from(
    [
        "gw-429",
        "Rate Limit Inc",
        "x 50",
        "try again",
        "rate",
        "ECONNRESET",
        "a\u0004290",
        "time\nout",
        "503ms",
    ]
)
instants = st.floats(NOW, NOW + 31 * 24 * HOUR)
waiting = st.builds(
    Waiting, label=names, why=st.sampled_from(list(WHY)), until=instants, stated=st.booleans()
)
WIRES: tuple[Wire, ...] = ("openai-chat", "openai-responses", "anthropic-messages")


@given(st.lists(waiting, min_size=1, max_size=8), st.sampled_from(WIRES))
@example([Waiting("rate", "auth", NOW), Waiting("limit", "auth", NOW)], "openai-chat")
def test_no_final_refusal_makes_the_host_try_again(rows: list[Waiting], wire: Wire) -> None:
    message = failover.gone(rows, NOW)
    assert not RETRIED.search(message)
    assert not RETRIED.search(refusal(wire, 403, message).body)


@given(st.lists(waiting, min_size=1), names, st.sampled_from(get_args(Unfit)))
def test_no_refusal_of_a_virtual_model_makes_the_host_try_again(
    rows: list[Waiting], label: str, why: Unfit
) -> None:
    assert not RETRIED.search(failover.elsewhere(rows, label, NOW))
    assert not RETRIED.search(failover.nobody_fits(label, [(row.label, why) for row in rows]))


@given(names, st.sampled_from(KINDS), st.floats(0, 1e9), instants)
def test_no_hard_limit_makes_the_host_try_again(label: str, kind: str, limit: float, until: float) -> None:
    message = failover.hard_limit(label, Reached(kind, limit, limit, until), NOW)  # pyright: ignore[reportArgumentType]
    assert not RETRIED.search(message)
    assert not RETRIED.search(refusal("openai-chat", 403, message).body)


@given(waiting, names, instants)
def test_every_line_of_a_toast_fits(row: Waiting, other: str, now: float) -> None:
    for sentence in (
        failover.went_on(row.label, row.why, row.until, row.stated, other, now),
        failover.moved(row.label, other, row.why, row.until, row.stated, now),
        failover.all_gone([row], now),
        failover.is_back(row.label),
    ):
        assert max(columns(line) for line in toasts.message([sentence]).split("\n")) <= toasts.COLUMNS


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai-chat", {"error": {"type": "quota_sidecar", "message": "no"}}),
        ("openai-responses", {"error": {"type": "quota_sidecar", "message": "no"}}),
        ("anthropic-messages", {"type": "error", "error": {"type": "quota_sidecar", "message": "no"}}),
    ],
)
def test_a_refusal_has_the_shape_of_its_wires_errors(wire: Wire, body: object) -> None:
    found = refusal(wire, 429, "no", {"retry-after-ms": "3000"})
    headers = {"content-type": "application/json", "retry-after-ms": "3000"}
    assert msgspec.json.decode(found.body) == body
    assert found == ReplyPlan(429, headers, found.body)


@pytest.mark.parametrize(
    ("after_s", "at", "said", "words"),
    [
        (0, "10:02", "at 10:02", "less than a minute"),
        (60, "10:03", "at 10:03", "about a minute"),
        (430, "10:09", "at 10:09", "about seven minutes"),
        (24 * 60, "10:26", "at 10:26", "about twenty-five minutes"),
        (58 * 60, "11:00", "at 11:00", "about an hour"),
        (3.4 * HOUR, "13:26", "at 13:26", "about three hours"),
        (20 * HOUR, "Sunday 06:02", "on Sunday at 06:02", "about twenty hours"),
        (144 * HOUR, "Friday 10:02", "on Friday at 10:02", "about six days"),
        (7 * 24 * HOUR, "28 November 10:02", "on 28 November at 10:02", "about seven days"),
        (31 * 24 * HOUR, "22 December 10:02", "on 22 December at 10:02", "about thirty-one days"),
    ],
)
def test_how_instants_and_waits_are_written(after_s: float, at: str, said: str, words: str) -> None:
    assert (clock(NOW + after_s, NOW), when(NOW + after_s, NOW), about(after_s)) == (at, said, words)


@given(st.floats(0, 99 * 24 * HOUR))
def test_a_wait_in_words_has_no_digit(seconds: float) -> None:
    assert re.fullmatch(r"(less than|about) [a-z-]+ ?[a-z]*", about(seconds))


@pytest.mark.parametrize(
    ("number", "word"), [(0, "no"), (13, "thirteen"), (20, "twenty"), (99, "ninety-nine")]
)
def test_numbers_in_words(number: int, word: str) -> None:
    assert spelled(number) == word
