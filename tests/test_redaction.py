"""A text that gives away part of a secret is recognised."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.core.redaction import RUN, gives_away

SECRET = "test-key-0123456789abcdef"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SECRET, True),
        ("label of " + SECRET[5:11], True),
        (SECRET[5:10], False),
        (SECRET.upper(), True),
        ("sk-...cdef", False),
        ("opencode", False),
        ("", False),
        ("x" + SECRET[-6:], True),
    ],
)
def test_six_characters_in_a_row_give_a_secret_away(text: str, told: bool) -> None:
    assert gives_away(text, [SECRET]) is told


def test_a_short_secret_is_given_away_only_whole() -> None:
    assert gives_away("the pin is 4711!", ["4711"])
    assert not gives_away("the pin is 471", ["4711"])


def test_an_empty_secret_and_no_secret_give_nothing_away() -> None:
    assert not gives_away("anything", [""])
    assert not gives_away("anything", [])


ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@given(
    ascii_text,
    ascii_text,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=RUN),
    st.data(),
)
def test_wherever_the_run_stands_it_is_found(
    before: str, after: str, secret: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(secret) - RUN))
    assert gives_away(before + secret[start : start + RUN] + after, ["other", secret])


@given(ascii_text, ascii_text)
def test_a_text_without_a_common_run_passes(text: str, secret: str) -> None:
    assume(len(secret) >= RUN)
    runs = {secret[i : i + RUN].casefold() for i in range(len(secret) - RUN + 1)}
    assume(not any(run in text.casefold() for run in runs))
    assert not gives_away(text, [secret])
