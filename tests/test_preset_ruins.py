"""Every preset on ruins of its own replies, on others' replies and on anything: nothing raises or hides."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.plain import is_list, is_object
from sidecar.quota import presets
from sidecar.quota.exchange import CaptureError, Exchange
from sidecar.quota.mapping import MAX_WINDOWS, Context, Reading, Reply, read
from tests.recorded import NOW, RECORDED, Row, config_of, expected, id_of, reading_of, rounded

Way = tuple[str | int, ...]

REMOVED: Any = object()
RUINS: list[Any] = [
    REMOVED, None, True, False, 0, -1, 7, 10**30, 1e308, "", "x", "None", "-12.5", "NaN", "\x1b[31m\u202e",
    "2026-13-45T00:00:00Z", [], {}, [None], [[]], [{"limit": {}}], {"limit": "1", "remaining": [2]},
]  # fmt: skip


def ways_into(value: Any, here: Way = ()) -> Iterator[Way]:
    """Yield the way to everything in *value*, itself included."""
    yield here
    items: Any = value.items() if is_object(value) else enumerate(value) if is_list(value) else ()
    for key, item in items:
        yield from ways_into(item, (*here, key))


def at(value: Any, way: Way) -> Any:
    for step in way:
        value = value[step]
    return value


def with_ruin(value: Any, way: Way, ruin: Any) -> Any:
    """Return *value* with *ruin* at *way*, or nothing any more; only what lies on the way is copied."""
    if not way:
        return None if ruin is REMOVED else ruin
    whole = value.copy()
    if way[1:] or ruin is not REMOVED:
        whole[way[0]] = with_ruin(value[way[0]], way[1:], ruin)
    else:
        del whole[way[0]]
    return whole


def ruins_of(value: Any) -> list[Any]:
    """Return what may become of *value*, itself wrapped and doubled included."""
    doubled = [value * 2] if is_list(value) else []
    return [*RUINS, [value], {"data": value}, str(value), *doubled]


def body_of(row: Row) -> Any:
    return row.get("replies") or row["example"]


def with_body(row: Row, body: Any) -> Row:
    return {**row, "replies" if "replies" in row else "example": body}


NAMES = sorted(
    {
        str(step)
        for row in RECORDED
        for way in ways_into(body_of(row))
        for step in way
        if isinstance(step, str)
    }
)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=20),
    st.sampled_from(["12.5", "None", "2026-12-01T00:00:00Z", "5h", "-1", ""]),
)  # fmt: skip
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


def exchanged(preset: str, bodies: list[Any], headers: dict[str, str]) -> Reading | None:
    """Return what *preset* reads of any replies; None where a later request could not be made."""
    mapping = presets.load(preset)
    if mapping.is_passive:
        return read(mapping, Reply(None, headers), Context(NOW))
    exchange = Exchange(mapping, config_of(mapping))
    try:
        for body in bodies:
            if exchange.next():
                exchange.answer(Reply(body, headers), NOW)
    except CaptureError:
        return None
    return exchange.reading(NOW)


def check_sane(reading: Reading | None) -> None:
    """Fail unless *reading* is what the store can keep and a report can show."""
    if reading is None:
        return
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading
    assert len(reading.windows) <= MAX_WINDOWS
    for window in reading.windows:
        assert {type(window.blocked), type(window.unlimited)} == {bool}
        assert window.name
        assert window.name.isprintable()


def text_of_headers(value: Any) -> dict[str, str]:
    """Return *value* as headers can be: names and texts."""
    return {key: str(item) for key, item in value.items()} if is_object(value) else {}


def own_bodies(row: Row, body: Any) -> list[Any]:
    """Return *body*, a ruin of the row's, as one for each request of its preset."""
    names = [request.name for request in presets.load(row["preset"]).requests]
    if "replies" in row:
        return body if is_list(body) else [body] * len(names)
    if any(names):
        return [body.get(name or "") if is_object(body) else body for name in names]
    return [body] * len(names)


@pytest.mark.parametrize("row", RECORDED, ids=id_of)
def test_no_ruin_of_its_own_reply_makes_a_preset_fail(row: Row) -> None:
    body = body_of(row)
    for way in ways_into(body):
        for ruin in ruins_of(at(body, way)):
            ruined = with_ruin(body, way, ruin)
            headers = text_of_headers(ruined.get("headers") if is_object(ruined) else None)
            check_sane(exchanged(row["preset"], own_bodies(row, ruined), headers))


@settings(max_examples=300)
@given(st.sampled_from(presets.names()), json_values, st.lists(json_values, max_size=3))
def test_no_reply_at_all_makes_a_preset_fail(preset: str, body: Any, more: list[Any]) -> None:
    check_sane(exchanged(preset, [*more, body], text_of_headers(body)))


@pytest.mark.parametrize("preset", presets.names())
def test_no_reply_of_another_service_makes_a_preset_fail(preset: str) -> None:
    for row in RECORDED:
        body = body_of(row)
        headers = text_of_headers(body.get("headers") if is_object(body) else None)
        check_sane(exchanged(preset, [body] * 3, headers))


def in_texts(value: Any) -> Any:
    """Return *value* with all its numbers written as texts."""
    if is_list(value):
        return [in_texts(item) for item in value]
    if is_object(value):
        return {key: in_texts(item) for key, item in value.items()}
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize("row", RECORDED, ids=id_of)
def test_a_reply_with_numbers_in_texts_says_the_same(row: Row) -> None:
    bodies = {name: in_texts(row[name]) for name in ("example", "replies") if name in row}
    assert [rounded(window) for window in reading_of({**row, **bodies}).windows] == expected(row)


def pointed(row: Row, pointer: str) -> Way:
    """Return the way that a JSON pointer goes in the row's body."""
    way: Way = ()
    for step in pointer.split("/")[1:]:
        way = (*way, int(step) if is_list(at(body_of(row), way)) else step)
    return way


PARTED = [row for row in RECORDED if row.get("parts")]


def check_others_stay(row: Row, name: str, way: Way, ruin: Any) -> None:
    ruined = with_ruin(body_of(row), way, ruin)
    if "headers" in body_of(row):
        ruined = {"headers": text_of_headers(ruined["headers"])}
    windows = [rounded(window) for window in reading_of(with_body(row, ruined)).windows]
    for window in expected(row):
        assert window.name == name or window in windows, (name, way, ruin)


@pytest.mark.parametrize("row", PARTED, ids=id_of)
def test_what_becomes_of_one_window_never_hides_another(row: Row) -> None:
    for name, pointers in row["parts"].items():
        for pointer in pointers:
            whole = pointed(row, pointer)
            for below in ways_into(at(body_of(row), whole)):
                way = (*whole, *below)
                is_item = isinstance(way[-1], int)  # without it the others would have other places
                for ruin in ruins_of(at(body_of(row), way)):
                    if not (ruin is REMOVED and is_item):
                        check_others_stay(row, name, way, ruin)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(PARTED), json_values)
def test_nothing_in_the_place_of_one_window_hides_another(data: st.DataObject, row: Row, value: Any) -> None:
    name = data.draw(st.sampled_from(sorted(name for name, own in row["parts"].items() if own)))
    pointer = data.draw(st.sampled_from(row["parts"][name]))
    check_others_stay(row, name, pointed(row, pointer), value)


def test_windows_that_stand_side_by_side_have_named_parts() -> None:
    """Without, they would escape the tests above; where all share one place there are none."""
    several = {row["preset"] for row in RECORDED if len(row["expected_windows"]) > 1}
    assert several == {row["preset"] for row in RECORDED if "parts" in row}
