"""JSON with comments: what it holds, and the line of every value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters import jsonc
from sidecar.plain import is_list, is_object

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def places_of(data: Any, path: jsonc.Path = ()) -> set[jsonc.Path]:
    found = {path}
    if is_object(data):
        found |= {place for key, value in data.items() for place in places_of(value, (*path, key))}
    elif is_list(data):
        found |= {place for index, value in enumerate(data) for place in places_of(value, (*path, index))}
    return found


@given(plain, st.sampled_from([None, 2]))
def test_every_value_of_a_file_has_a_line(data: Any, indent: int | None) -> None:
    raw = json.dumps(data, indent=indent).encode()
    assert jsonc.decode(raw) == data
    assert set(jsonc.lines(raw).of) == places_of(data)


@given(st.binary(max_size=200))
def test_no_file_makes_reading_fail(raw: bytes) -> None:
    try:
        jsonc.decode(raw)
    except jsonc.JsoncError as error:
        assert error.reason
    jsonc.lines(raw)


@pytest.mark.parametrize("raw", [b"", b" \n", b"// nothing yet\n", b"/* {} */ // {}"])
def test_a_file_of_comments_alone_is_empty(raw: bytes) -> None:
    assert jsonc.decode(raw) == {}
