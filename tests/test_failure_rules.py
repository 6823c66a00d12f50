"""The rules of the classifier, for refusals that nobody recorded."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.core.failure import CLASSES, SCOPES, Failure, Pattern, Refusal, classify
from tests.refusals import EVERY, NOW, Row, classified, id_of, refusal_of

ANYTHING = st.text(st.characters(codec=None), max_size=200)
"""Lone surrogates and control characters too."""
KEYS = st.sampled_from(
    ["error", "code", "type", "status", "message", "details", "metadata", "raw", "headers", "retryDelay",
     "resets_at", "resets_in_seconds", "retry_after", "retry_after_ms", "base_resp", "status_code", "data"]
)  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | ANYTHING, inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "Retry-After-Ms", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens",
         "anthropic-ratelimit-unified-status", "anthropic-ratelimit-unified-5h-status",
         "anthropic-ratelimit-unified-5h-reset", "x-codex-primary-reset-after-seconds", "x-amzn-errortype"]
    ),
    ANYTHING | st.floats().map(str) | st.integers().map(str),
    max_size=5,
)  # fmt: skip
_EVENTS = JSON_VALUES.map(lambda value: f"data: {json.dumps(value)}\n\n")
BODIES = ANYTHING | JSON_VALUES.map(json.dumps) | _EVENTS


@given(
    st.builds(
        Refusal,
        provider=ANYTHING,
        status=st.none() | st.integers(),
        headers=HEADERS,
        body=BODIES,
        message=ANYTHING,
        error_name=ANYTHING,
    )
)
@example(Refusal(body="[" * 65_536))
@example(Refusal(body='{"error":' * 8_000))
@example(Refusal(body='{"error": {"code": ' + "9" * 5_000 + "}}"))
@example(Refusal(body="\ud800" * 65_536, message="9m" * 32_768))
@example(Refusal(status=429, headers={"retry-after": "1" * 400, "x-ratelimit-reset": "1e400"}))
@example(Refusal(status=429, body='{"error": {"resets_at": 1e308, "retryDelay": "99999999999999d"}}'))
@example(Refusal(message="try again at 9999-12-31T23:59:59Z, reset at 0000-99-99T99:99:99+99:99"))
def test_whatever_comes_has_a_meaning(refusal: Refusal) -> None:
    failure = classify(refusal, NOW)
    assert failure.failure_class in SCOPES
    assert len(failure.evidence) < 120
    if failure.retry_after_s is None or failure.reset_at is None:
        assert failure.retry_after_s is failure.reset_at is None
    else:
        assert failure.scope is not None
        assert 0 < failure.retry_after_s <= 31 * 86400
        assert failure.reset_at == pytest.approx(NOW + failure.retry_after_s, abs=1e-6)


@given(st.sampled_from(EVERY), st.randoms(use_true_random=False))
def test_names_of_headers_are_taken_in_any_case(row: Row, random: Any) -> None:
    mixed = {"".join(random.choice((c.upper(), c.lower())) for c in name): value
             for name, value in row["headers"].items()}  # fmt: skip
    assert classified(row | {"headers": mixed}) == classified(row)


IDS = st.from_regex(
    r"(req|org|sk|chatcmpl|proj)[-_][a-z]{0,8}(429|402|413|503|529|401|1302)[0-9]{0,9}", fullmatch=True
)


@given(st.sampled_from(EVERY), IDS)
def test_digits_within_ids_say_nothing(row: Row, text: str) -> None:
    said = classified(row)
    with_id = row | {"message": f"{row['message']} (request id: {text})" if row["message"] else ""}
    assert classified(with_id).failure_class == said.failure_class
    named = row | {"headers": row["headers"] | {"x-request-id": text, "x-account": "429"}}
    assert classified(named) == said


@pytest.mark.parametrize(
    ("body", "failure_class"),
    [
        ({"error": {"code": "acme_rate_limit_hit"}}, "rate-limit-short"),
        ({"error": {"type": "AcmeQuotaExceededFault"}}, "quota-exhausted-long"),
        ({"errorType": "BillingSuspended"}, "quota-exhausted-long"),
        ({"fault": {"name": "EngineOverloadedFault"}}, "overloaded"),
        ({"error_code": "API_KEY_REVOKED"}, "auth"),
        ({"error": {"reason": "PROMPT_TOO_BIG_FOR_MODEL"}}, "context-length"),
        ({"code": "content_moderation_hit"}, "bad-request"),
    ],
)
def test_a_code_that_nobody_wrote_down_is_taken_by_what_it_is_made_of(
    body: dict[str, Any], failure_class: str
) -> None:
    assert classify(Refusal(status=418, body=json.dumps(body)), NOW).failure_class == failure_class


@pytest.mark.parametrize(
    ("status", "failure_class", "scope"),
    [
        (302, "bad-request", None), (400, "bad-request", None), (401, "auth", "account"),
        (402, "quota-exhausted-long", "account"), (403, "auth", "account"), (404, "bad-request", None),
        (405, "bad-request", None), (407, "auth", "account"), (408, "overloaded", "model"),
        (409, "overloaded", "model"), (410, "bad-request", None), (413, "context-length", None),
        (422, "bad-request", None), (424, "overloaded", "model"), (425, "overloaded", "model"),
        (429, "rate-limit-short", "account"), (451, "bad-request", None), (499, "aborted", None),
        (500, "overloaded", "model"), (503, "overloaded", "model"), (529, "overloaded", "model"),
    ],
)  # fmt: skip
def test_a_status_alone_has_a_meaning(status: int, failure_class: str, scope: str | None) -> None:
    assert classify(Refusal(status=status), NOW) == Failure(failure_class, f"status {status}", scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refusal", "failure"),
    [
        (Refusal(status=429, error_name="AbortError"), Failure("aborted", "error name AbortError")),
        (
            Refusal(message="connect ECONNREFUSED 127.0.0.1:1"),
            Failure("network", "text 'connection failed'", "origin"),
        ),
        (
            Refusal(status=502, body="connect ECONNREFUSED 10.0.0.1:1"),
            Failure("overloaded", "status 502", "model"),
        ),
        (
            Refusal(status=200, body='{"error": {"message": "fetch failed"}}'),
            Failure("overloaded", "text 'connection failed'", "model"),
        ),
        (
            Refusal(status=429, body='{"error": {"message": "Sorry, this model\'s rate limit is reached."}}'),
            Failure("rate-limit-short", "status 429", "model"),
        ),
        (
            Refusal(
                status=429,
                headers={
                    "retry-after": "90000",
                    "anthropic-ratelimit-unified-status": "rejected",
                    "anthropic-ratelimit-unified-representative-claim": "seven_day_opus",
                },
            ),
            Failure("quota-exhausted-long", "status 429", "model", 90000, NOW + 90000),
        ),
        (Refusal(), Failure("bad-request", "nothing known")),
        (
            Refusal(status=200, body='{"type": "error", "error": {"message": "hm"}}'),
            Failure("overloaded", "error in a success", "model"),
        ),
        (
            Refusal(status=400, body='{"error": {"code": "token_limit_exceeded"}}'),
            Failure("context-length", "body code token_limit_exceeded"),
        ),
        (Refusal(status=200, body='{"id": "chatcmpl-429"}'), Failure("bad-request", "nothing known")),
        (
            Refusal(status=502, body='{"error": {"code": 429, "message": "upstream"}}'),
            Failure("rate-limit-short", "body status 429", "account"),
        ),
        (
            Refusal(
                "qwen", 429, body='{"code":"insufficient_quota","message":"You exceeded your current quota"}'
            ),
            Failure("rate-limit-short", "body code insufficient_quota", "account"),
        ),
    ],
)
def test_what_decides_is_said(refusal: Refusal, failure: Failure) -> None:
    assert classify(refusal, NOW) == failure


def test_the_prompt_that_a_stream_repeats_is_no_evidence() -> None:
    said = "quota exceeded, insufficient balance, invalid api key, rate limit exceeded"
    response = {"instructions": said, "tools": [{"type": "function", "name": "rate_limit_exceeded"}]}
    failed = response | {"error": {"code": "server_error"}}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.failed", "response": failed},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    failure = classify(Refusal(status=200, body=body), NOW)
    assert failure == Failure("overloaded", "body code server_error", "model")


def test_a_pattern_of_the_users_own_goes_before_everything_but_an_abort() -> None:
    patterns = (
        Pattern(lambda text: "quota" in text, "overloaded", "my-*", 1),
        Pattern(lambda text: "insufficient_quota" in text and "said" in text, "rate-limit-short", None, 3),
    )
    refusal = Refusal("other", 429, {"retry-after": "7"}, '{"error":{"code":"insufficient_quota"}}', "said")
    assert classify(refusal, NOW, patterns) == Failure(
        "rate-limit-short", "user pattern 3", "account", 7, NOW + 7
    )
    mine = Refusal("my-gateway", 429, {}, refusal.body, "said")
    assert classify(mine, NOW, patterns) == Failure("overloaded", "user pattern 1", "model")
    aborted = Refusal("my-gateway", None, {}, refusal.body, "said", "AbortError")
    assert classify(aborted, NOW, patterns).failure_class == "aborted"


def test_every_class_comes_with_what_it_binds() -> None:
    assert {classified(row).failure_class for row in EVERY} == set(SCOPES)
    assert set(CLASSES.values()) < set(SCOPES)
    for row in EVERY:
        failure, usual = classified(row), SCOPES[classified(row).failure_class]
        may_be_one_models = failure.failure_class in ("rate-limit-short", "quota-exhausted-long", "auth")
        assert failure.scope == usual or (may_be_one_models and failure.scope == "model"), id_of(row)
        assert classify(refusal_of(row), NOW) == failure


@pytest.mark.parametrize(
    ("status", "body", "failure_class", "scope"),
    [
        (403, '{"error":{"message":"You do not have access to this model"}}', "auth", "model"),
        (403, '{"error":{"message":"该令牌无权访问模型 gpt-5"}}', "auth", "model"),
        (403, '{"error":{"message":"You do not have access"}}', "auth", "account"),
        (429, '{"error":{"code":"user_model_rate_limited","message":"-"}}', "rate-limit-short", "model"),
        (429, '{"error":{"code":"user_global_rate_limited","message":"-"}}', "rate-limit-short", "account"),
        (429, '{"error":{"code":"1311","message":"-"}}', "quota-exhausted-long", "model"),
    ],
)
def test_what_concerns_one_model_leaves_the_others_of_the_account_alone(
    status: int, body: str, failure_class: str, scope: str
) -> None:
    failure = classify(Refusal(status=status, body=body), NOW)
    assert (failure.failure_class, failure.scope) == (failure_class, scope)


@pytest.mark.parametrize(
    ("status", "error", "failure_class"),
    [
        (400, {"code": "model_not_found", "message": "invalid api key"}, "bad-request"),
        (400, {"message": "invalid api key"}, "auth"),
        (429, {"code": "unavailable", "message": "no"}, "rate-limit-short"),
    ],
)
def test_a_code_weighs_more_than_words_about_keys_and_a_vague_one_less_than_the_status(
    status: int, error: dict[str, str], failure_class: str
) -> None:
    refusal = Refusal("any", status, body=json.dumps({"error": error}))
    assert classify(refusal, NOW).failure_class == failure_class
