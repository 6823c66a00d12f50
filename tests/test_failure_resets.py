"""When a refusal ends: as it was stated, in every spelling, and nothing that can't be true."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.failure import SHORT_S, Failure, Refusal, classify
from tests.refusals import NOW

SECONDS = st.integers(1, 31 * 86400)
EXACT = SECONDS | st.floats(0.001, 31 * 86400.0).map(lambda value: round(value, 3))


def after(
    headers: dict[str, str] | None = None,
    body: object = "",
    message: str = "",
    status: int | None = 429,
    provider: str = "any",
) -> float | None:
    text = body if isinstance(body, str) else json.dumps(body)
    return classify(Refusal(provider, status, headers or {}, text, message), NOW).retry_after_s


def iso(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")


@given(EXACT)
@example(600)
@example(601)
@example(31 * 86400)
def test_a_stated_length_is_kept_exactly(seconds: float) -> None:
    refusal = Refusal(status=429, headers={"retry-after": str(seconds)})
    failure_class = "rate-limit-short" if seconds <= SHORT_S else "quota-exhausted-long"
    assert classify(refusal, NOW) == Failure(failure_class, "status 429", "account", seconds, NOW + seconds)
    assert after({"llm_provider-retry-after": str(seconds)}) == seconds
    assert after({"x-codex-primary-reset-after-seconds": str(seconds)}) == seconds
    assert after({"x-ratelimit-reset-tokens": f"{seconds}s"}) == seconds
    assert after(body={"error": {"resets_in_seconds": seconds}}) == seconds
    assert after(body={"error": {"details": [{"retryDelay": f"{seconds}s"}]}}) == seconds
    assert after(message=f"Please try again in {seconds:f}s.") == seconds
    assert after({"retry-after-ms": f"{seconds * 1000:.0f}"}) == pytest.approx(seconds, abs=0.001)


@given(SECONDS)
def test_a_stated_instant_is_kept_exactly(seconds: int) -> None:
    at = NOW + seconds
    moment = datetime.fromtimestamp(at, UTC)
    for headers in (
        {"retry-after": format_datetime(moment, usegmt=True)},
        {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": f"{at:.0f}"},
        {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": iso(at)},
        {"x-ratelimit-reset": f"{at:.0f}"},
        {"x-ratelimit-reset": f"{at * 1000:.0f}"},
    ):
        failure = classify(Refusal(status=429, headers=headers), NOW)
        assert (failure.reset_at, failure.retry_after_s) == (at, seconds)
    for text in (
        f"Limit resets at {iso(at)}",
        f"try again after {moment:%Y-%m-%d %H:%M:%S} UTC",
        f"Your access returns: reset {moment:%Y/%m/%d %H:%M:%S} +00:00",
        f"You can retry after {format_datetime(moment, usegmt=True)}",
        f"您的限额将在 {moment:%Y-%m-%d %H:%M:%S}Z 重置",
        f"usage limit reached|{at:.0f}",
    ):
        assert after(message=text) == seconds
    body = {"error": {"metadata": {"headers": {"X-RateLimit-Reset": f"{at * 1000:.0f}"}}}}
    assert after(body=body) == after(body={"error": {"resets_at": at}}) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("try again in 9m38.016s", 578.016), ("retrying in 7m 56s attempt #1", 476),
        ("retrying in ~5 days", 432_000), ("retrying in ~2 weeks", 1_209_600),
        ("Please wait 541 hours 28 minutes before trying again", 1_949_280), ("Resets in 2 days.", 172_800),
        ("Quota resets in 11h 1m. Add more", 39_660), ("please try again after 1 seconds", 1),
        ("Please retry after 86400 seconds.", 86_400), ("Retry-After: 30", 30), ("retry_after=12.5", 12.5),
        ("wait 2 minutes for your limit to reset", 120), ("try again in 1 day, 2 hours and 3 min", 93_780),
        ("try again in 20ms", 0.02), ("resets in ~9s.", 9), ("available again in about 3 hours", 10_800),
        ("try again in an hour", 3600), ("Please try again in 00:03:25", 205), ("请在 30 秒后重试", 30),
        ("将于 5 小时后重置", 18_000), ("请等待3分钟", 180), ("2 minutes before retrying", 120),
        ("resets 5pm (UTC)", 61_200), ("resets Nov 25, 7am (UTC)", 4 * 86400 + 7 * 3600),
        ("Retry after 1h2m3s", 3723),
        # No time to come back, or none that anybody could know.
        ("100 requests per 5 hours", None), ("5-hour limit reached, try again later", None),
        ("resets 7pm", None), ("resets Apr 10, 7pm", None), ("reset at 2026-11-22 10:00:00", None),
        ("in the last 24 hours. Try again later", None), ("created at 2026-11-22T10:00:00Z", None),
        ("request id: 20260429050313, retry later", None), ("model 5m-2h is limited", None),
    ],
)  # fmt: skip
def test_a_text_states_it_in_many_ways(text: str, seconds: float | None) -> None:
    assert after(message=text) == (seconds if seconds is None else pytest.approx(seconds, abs=1e-6))


@pytest.mark.parametrize("provider", ["zai", "zai-coding-plan", "zhipuai", "my-GLM"])
def test_a_local_time_counts_where_its_zone_is_known(provider: str) -> None:
    text = "Your limit will reset at 2026-11-21 10:00:00"
    assert after(message=text, provider=provider) == 7200


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "nan", "inf", "-inf", "1e400", str(31 * 86400 + 1), "99999999999", "soon", "", "1_0", "٣",
     "Fri, 20 Nov 2026 23:59:59 GMT", "2026-11-20T23:59:59Z", "Fri, 31 Dec 2027 00:00:00 GMT"],
)  # fmt: skip
def test_what_is_past_or_absurd_is_ignored(value: str) -> None:
    assert classify(Refusal(status=429, headers={"retry-after": value}), NOW) == Failure(
        "rate-limit-short", "status 429", "account"
    )
    assert after({"retry-after": value, "x-ratelimit-reset-tokens": "7.66s"}) == 7.66
    assert after({"retry-after": value}, message="try again in 5s") == 5


def test_the_first_source_that_makes_sense_wins() -> None:
    headers = {
        "retry-after-ms": "1500",
        "retry-after": "2",
        "llm_provider-retry-after": "3",
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-5h-status": "rejected",
        "anthropic-ratelimit-unified-5h-reset": str(int(NOW + 4)),
        "x-codex-primary-reset-after-seconds": "6",
        "x-ratelimit-reset-tokens": "7s",
    }
    body = {"error": {"resets_in_seconds": 5, "retryDelay": "8s", "message": "try again in 9s"}}
    found: list[float | None] = []
    while True:
        found.append(after(headers, body))
        if not headers:
            break
        del headers[next(iter(headers))]
    # Without its status and window a unified reset says nothing.
    assert found == [1.5, 2, 3, 4, 4, 5, 5, 5, 5]
    del body["error"]["resets_in_seconds"]
    assert after({"x-codex-primary-reset-after-seconds": "6", "x-ratelimit-reset": "7"}, body) == 6
    assert after({"x-ratelimit-reset": "7"}, body) == 7
    assert after({}, body) == 8
    assert after({}, {"error": {"message": "try again in 9s"}}) == 9


def test_of_several_windows_the_last_one_that_is_used_up_counts() -> None:
    unified = "anthropic-ratelimit-unified"
    headers = {f"{unified}-status": "rejected", f"{unified}-5h-status": "rejected"}
    headers |= {f"{unified}-5h-reset": str(int(NOW + 900)), f"{unified}-7d-reset": str(int(NOW + 9000))}
    headers |= {f"{unified}-overage-status": "rejected", f"{unified}-overage-reset": str(int(NOW + 90_000))}
    assert after(headers) == 900
    assert after(headers | {f"{unified}-7d-status": "rejected"}) == 9000
    assert after(headers | {f"{unified}-status": "allowed"}) is None
    codex = {"x-codex-primary-reset-after-seconds": "10", "x-codex-secondary-reset-after-seconds": "20"}
    assert after(codex) == 20
    assert after(codex | {"x-codex-secondary-used-percent": "99"}) == 10
    limits = {"x-ratelimit-reset-requests": "10s", "x-ratelimit-reset-tokens": "1m"}
    assert after(limits) == 60
    assert after(limits | {"x-ratelimit-remaining-requests": "0"}) == 10
    assert (
        after(limits | {"x-ratelimit-remaining-requests": "1", "x-ratelimit-remaining-tokens": "5"}) is None
    )


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "insufficient_quota"}},
        {"error": {"status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded: x, limit: 0, model: y"}},
        {"error": {"details": [{"violations": [{"quotaId": "RequestsPerDayPerProjectPerModel"}]}]}},
    ],
)  # fmt: skip
def test_a_short_delay_ends_no_quota_of_a_day_and_no_debt(body: object) -> None:
    refusal = Refusal("any", 429, {"retry-after": "20"}, json.dumps(body))
    failure = classify(refusal, NOW)
    assert (failure.failure_class, failure.retry_after_s) == ("quota-exhausted-long", None)
    assert after({"retry-after": "20000"}, body) == 20_000


def test_headers_of_a_success_say_nothing_of_a_refusal_in_it() -> None:
    headers = {
        "retry-after": "30",
        "x-ratelimit-reset-tokens": "9s",
        "x-codex-primary-reset-after-seconds": "5",
    }
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}}
    assert after(headers, body, status=200) is None
    assert after(headers, body | {"error": {"type": "rate_limit_error", "retry_after": 4}}, status=200) == 4
    assert after(headers, body, status=None) == 30


@pytest.mark.parametrize("status", [400, 404, 413, 499])
def test_what_does_not_pass_by_itself_has_no_reset(status: int) -> None:
    assert after({"retry-after": "30"}, status=status) is None


@pytest.mark.parametrize(
    ("message", "at"),
    [
        ("resets 10am (Asia/Seoul)", "2026-11-21T01:00:00+00:00"),
        ("resets 9:00am (Asia/Seoul)", "2026-11-22T00:00:00+00:00"),
        ("resets 8:30pm (America/New_York)", "2026-11-21T01:30:00+00:00"),
        ("resets Nov 23, 7pm (Europe/Paris)", "2026-11-23T18:00:00+00:00"),
        ("resets Nov 23, 7pm (Europe/Atlantis)", None),
        ("resets at 11-23 07:14:00 UTC", "2026-11-23T07:14:00+00:00"),
        ("resets at 01-02 00:00 UTC", None),
    ],
)
def test_a_time_of_a_named_zone_is_an_instant(message: str, at: str | None) -> None:
    failure = classify(Refusal(message=f"You've hit your limit · {message}"), NOW)
    assert failure.reset_at == (datetime.fromisoformat(at).timestamp() if at else None)


def test_the_window_of_a_rate_says_nothing_of_a_quota_unless_it_is_used_up() -> None:
    quota = {"error": {"message": "You exceeded your current quota, check your plan"}}
    assert after({"x-ratelimit-reset": "3600"}, quota) is None
    assert after({"x-ratelimit-reset": "3600", "x-ratelimit-remaining": "0"}, quota) == 3600
