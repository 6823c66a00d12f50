"""Accounts: whose quota a figure belongs to, told apart without a part of any key."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.account import MIN_KEY, Account, account_of, fingerprint

ORIGIN = "https://gateway.example"


def test_an_account_is_a_provider_an_origin_and_a_hashed_key() -> None:
    key = "test-key-" + "x" * 20
    digest = hashlib.sha256(b"oqs1:" + key.encode()).hexdigest()[:16]
    assert account_of("campus", ORIGIN, key) == Account("campus", ORIGIN, digest)


@pytest.mark.parametrize("key", [None, "", "hunter2", "x" * (MIN_KEY - 1)])
def test_a_key_that_could_be_guessed_is_not_even_hashed(key: str | None) -> None:
    assert fingerprint(ORIGIN, key) == f"local:{ORIGIN}"


def test_the_same_key_at_another_origin_is_another_account() -> None:
    key = "k" * MIN_KEY
    assert account_of("campus", ORIGIN, key) != account_of("campus", "https://other.example", key)
    assert fingerprint(ORIGIN, key) == fingerprint("https://other.example", key)


@given(st.text(min_size=MIN_KEY), st.text(min_size=MIN_KEY))
def test_a_fingerprint_is_sixteen_hex_digits_and_differs_with_the_key(one: str, other: str) -> None:
    print_of_one = fingerprint(ORIGIN, one)
    assert len(print_of_one) == 16
    assert set(print_of_one) <= set("0123456789abcdef")
    assert (print_of_one == fingerprint(ORIGIN, other)) is (one == other)
