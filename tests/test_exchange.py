"""A request that lacks what it needs: an optional one is passed over, another ends the walk."""

from urllib.parse import quote

import pytest

from sidecar.quota.exchange import CaptureError, Exchange, Request
from sidecar.quota.mapping import Mapping, Reading, Reply
from sidecar.quota.mapping_checks import from_data
from sidecar.quota.windows import Window

NOW = 1_795_219_200.0


def mapping(optional: bool) -> Mapping:
    return from_data(
        {
            "requests": [
                {"name": "key", "path": "/key", "auth": "none", "capture": {"team": "body.team"}},
                {"name": "team", "path": "/team/{captured.team}", "auth": "none", "optional": optional},
                {"name": "user", "path": "/user", "auth": "none"},
            ],
            "windows": [
                {"name": name, "unit": "cost", "used": f"body.{name}.n"} for name in ("key", "team", "user")
            ],
        }
    )


def test_an_optional_request_that_lacks_what_it_needs_is_passed_over() -> None:
    exchange = Exchange(mapping(optional=True), {})
    assert exchange.next() == Request("/key", "GET", None, {})
    exchange.answer(Reply({"n": 1}, {}), NOW)
    assert exchange.next() == exchange.next() == Request("/user", "GET", None, {})
    exchange.answer(Reply({"n": 3}, {}), NOW)
    assert exchange.next() is None
    assert exchange.reading(NOW) == Reading([Window("key", "cost", used=1), Window("user", "cost", used=3)])


def test_an_optional_request_that_has_what_it_needs_is_made() -> None:
    exchange = Exchange(mapping(optional=True), {})
    exchange.next()
    exchange.answer(Reply({"n": 1, "team": "t"}, {}), NOW)
    assert exchange.next() == Request("/team/t", "GET", None, {}, is_optional=True)


def test_a_needed_request_that_lacks_what_it_needs_ends_the_walk() -> None:
    exchange = Exchange(mapping(optional=False), {})
    exchange.next()
    exchange.answer(Reply({"n": 1}, {}), NOW)
    with pytest.raises(CaptureError):
        exchange.next()


@pytest.mark.parametrize("expression", ["captured.team.id", "captured.list[0]", "join('/', captured.list)"])
@pytest.mark.parametrize("text", ["../admin?all=1#x", "/admin"])
def test_no_part_of_what_was_captured_leaves_its_segment_of_the_path(expression: str, text: str) -> None:
    exchange = walk_to(f"/team/{{{expression}}}/usage", {"team": {"id": text}, "list": [text]})
    request = exchange.next()
    assert request is not None
    assert request.path == f"/team/{quote(text, safe='')}/usage"


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_a_segment_that_would_change_the_path_is_none(text: str) -> None:
    exchange = walk_to("/{captured.team.id}/usage", {"team": {"id": text}})
    with pytest.raises(CaptureError):
        exchange.next()


def walk_to(path: str, body: dict[str, object]) -> Exchange:
    """Return an exchange whose next request is at *path*, after a reply with *body*."""
    capture = {"team": "body.team", "list": "body.list"}
    data = {
        "requests": [{"path": "/me", "capture": capture}, {"path": path}],
        "windows": [{"name": "w", "unit": "cost", "used": "body.n"}],
    }
    exchange = Exchange(from_data(data), {})
    exchange.next()
    exchange.answer(Reply(body, {}), NOW)
    return exchange
