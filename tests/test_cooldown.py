"""How long a target is left alone: guesses, stated resets, episodes, and clocks that jump."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.core.account import Account
from sidecar.core.cooldown import (
    Cooldown,
    CooldownKey,
    begin,
    binding,
    is_offline,
    key_of,
    merge,
    standing,
)
from sidecar.core.failure import Failure, FailureClass

NOW = 1_790_000_000.0
ACCOUNT = Account("campus", "https://gw.example", "0123456789abcdef")
OTHER = Account("go", "https://gw.example", "fedcba9876543210")
MODEL = "qwen3-coder"

BUSY = Failure("rate-limit-short", "status 429", "account")


def stated(seconds: float, kind: FailureClass = "rate-limit-short") -> Failure:
    return Failure(kind, "header retry-after", "account", seconds, NOW + seconds)


def first(failure: Failure, now: float = NOW, old: Cooldown | None = None) -> Cooldown:
    row = begin(failure, ACCOUNT, MODEL, now, old)
    assert row is not None
    return row


def test_a_scope_says_what_is_bound() -> None:
    assert [key_of(scope, ACCOUNT, MODEL) for scope in ("model", "account", "origin")] == [
        CooldownKey("model", "https://gw.example", "campus", "0123456789abcdef", MODEL),
        CooldownKey("account", "https://gw.example", "campus", "0123456789abcdef"),
        CooldownKey("origin", "https://gw.example"),
    ]


def test_an_origin_that_is_gone_is_gone_for_everybody_behind_it() -> None:
    row = first(Failure("network", "connection refused", "origin"))
    assert row.until - NOW == 30
    assert binding({row.key: row}, OTHER, "another") == (row,)


def test_an_account_that_is_used_up_leaves_others_alone() -> None:
    row = first(BUSY)
    assert binding({row.key: row}, ACCOUNT, "another") == (row,)
    assert binding({row.key: row}, OTHER, MODEL) == ()


@pytest.mark.parametrize("kind", ["context-length", "bad-request", "aborted"])
def test_what_the_request_is_to_blame_for_cools_nothing(kind: FailureClass) -> None:
    assert begin(Failure(kind, "status 400"), ACCOUNT, MODEL, NOW, None) is None


def test_guesses_double_from_half_a_minute_to_a_quarter_of_an_hour() -> None:
    waits, row, now = list[float](), None, NOW
    for _ in range(8):
        row = first(BUSY, now, row)
        waits.append(row.until - now)
        now = row.until
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert row is not None
    assert (row.strikes, row.began) == (8, NOW)


def test_refusals_of_requests_under_way_are_one_strike() -> None:
    row = first(BUSY)
    assert first(BUSY, NOW + 5, row) == row


def test_an_unreachable_origin_is_tried_again_as_soon_the_tenth_time() -> None:
    gone = Failure("network", "connection refused", "origin")
    row, now = None, NOW
    for _ in range(10):
        row = first(gone, now, row)
        assert row.until - now == 30
        now = row.until


def test_a_key_that_was_refused_waits_a_quarter_of_an_hour_at_once() -> None:
    row = first(Failure("auth", "status 401", "account"))
    assert row.until - NOW == 900


def test_a_login_that_is_refused_again_and_again_is_looked_at_more_and_more_seldom() -> None:
    refused = Failure("auth", "status 401", "account")
    waits, row, now = list[float](), None, NOW
    for _ in range(5):
        row = first(refused, now, row)
        waits.append(row.until - now)
        now = row.until
    assert waits == [900, 3600, 4 * 3600, 6 * 3600, 6 * 3600]


@given(st.floats(0.001, 31 * 86400))
def test_a_stated_reset_is_kept_to_the_second(seconds: float) -> None:
    row = first(stated(seconds))
    assert (row.until, row.stated, row.strikes) == (NOW + seconds, True, 1)


def test_a_stated_reset_replaces_a_guess_and_no_guess_replaces_it() -> None:
    guess, word = first(BUSY), first(stated(3600))
    assert first(stated(3600), NOW, guess).until == NOW + 3600
    assert first(BUSY, NOW + 1, word) == word


def test_after_the_wait_somebody_must_look() -> None:
    row = first(stated(60))
    assert standing([row], NOW) == ("cooling", NOW + 60)
    assert standing([row], NOW + 60) == ("due", NOW + 60)
    assert standing([], NOW) == ("free", NOW)


def test_the_longest_wait_counts() -> None:
    rows = [first(stated(60)), first(Failure("overloaded", "status 529", "model"))]
    assert standing(rows, NOW + 1) == ("cooling", NOW + 60)
    assert standing(rows, NOW + 31) == ("cooling", NOW + 60)


@given(st.floats(-400 * 86400, 400 * 86400), st.floats(1, 31 * 86400))
def test_a_clock_that_jumps_costs_a_look_at_most(jump: float, wait: float) -> None:
    row = first(stated(wait))
    how, until = standing([row], NOW + jump)
    assert how in ("cooling", "due")
    assert until - (NOW + jump) <= 31 * 86400 + 60


def test_a_row_of_a_clock_that_was_set_back_since_holds_nobody() -> None:
    row = first(stated(60), NOW + 86400)
    assert standing([row], NOW) == ("due", NOW)


KINDS: st.SearchStrategy[FailureClass] = st.sampled_from(
    ["rate-limit-short", "quota-exhausted-long", "overloaded"]
)


def row_of(kind: FailureClass, since: float, wait: float, is_stated: bool) -> Cooldown:
    key, at = key_of("account", ACCOUNT, MODEL), NOW + since
    return Cooldown(key, kind, at, at + wait, is_stated, began=at)


ROWS = st.builds(row_of, KINDS, st.floats(0, 10), st.floats(20, 4000), st.booleans())


@given(ROWS, ROWS)
def test_two_rows_that_were_decided_at_once_become_one(one: Cooldown, other: Cooldown) -> None:
    row = merge(one, other)
    assert row.began == one.began
    assert replace(row, began=0.0) in [replace(one, began=0.0), replace(other, began=0.0)]
    if one.stated != other.stated:
        assert row.stated
    elif not one.stated:
        assert row.until == max(one.until, other.until)
    else:
        assert row.since == max(one.since, other.since)


def test_a_row_whose_wait_is_over_gives_way() -> None:
    old, new = first(stated(3600)), first(BUSY, NOW + 7200)
    assert merge(old, new) == replace(new, began=old.began)
    assert merge(None, new) == new


def test_two_origins_at_once_mean_that_it_is_us() -> None:
    assert not is_offline({"https://a": NOW}, NOW)
    assert is_offline({"https://a": NOW - 10, "https://b": NOW}, NOW)
    assert not is_offline({"https://a": NOW - 11, "https://b": NOW}, NOW)
    assert not is_offline({"https://a": NOW + 500, "https://b": NOW}, NOW)


def test_an_episode_ends_with_a_success_that_proves_it() -> None:
    row = first(stated(60))
    assert row.ends_with(MODEL, NOW + 1, NOW + 2)
    assert not row.ends_with(MODEL, NOW - 1, NOW + 2)  # it was under way when the refusal came
    assert not row.ends_with("another", NOW + 1, NOW + 2)
    assert row.ends_with("another", NOW + 60, NOW + 61)
    gone = first(Failure("network", "connection refused", "origin"))
    assert gone.ends_with("another", NOW + 1, NOW + 2)
