"""The requests of a mapping go in order, and what becomes of one that lacks what it needs."""

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


THREE = from_data(
    {
        "config": {"team": "the team"},
        "requests": [
            {
                "path": "//me",
                "auth": "none",
                "capture": {"org": "body.id", "tier": 'headers."x-tier"'},
                "optional": True,
            },
            {
                "path": "/{captured.org}/budget",
                "auth": "x-api-key: {key}",
                "headers": {"X-Team": "{config.team}"},
            },
            {
                "method": "POST",
                "path": "/{config.team}/query",
                "json": {
                    "query": "{ viewer { credits } }",
                    "org": "{captured.org}",
                    "first": 3,
                    "list": ["{config.team}"],
                },
            },
        ],
        "windows": [{"name": "{captured.tier}", "unit": "credits", "used": "body.n"}],
    }
)


def test_requests_go_in_order_and_later_ones_know_what_was_captured() -> None:
    exchange = Exchange(THREE, {"team": "a/b c"})
    assert exchange.next() == Request("//me", "GET", None, {}, is_optional=True)
    exchange.answer(Reply({"id": 7}, {"x-tier": "gold"}), NOW)
    assert exchange.next() == Request("/7/budget", "GET", ("x-api-key", "{key}"), {"X-Team": "a/b c"})
    exchange.answer(Reply({"n": 1}, {}), NOW)
    assert exchange.next() == Request(
        "/a%2Fb%20c/query",
        "POST",
        ("Authorization", "Bearer {key}"),
        {},
        {"query": "{ viewer { credits } }", "org": "7", "first": 3, "list": ["a/b c"]},
    )
    exchange.answer(Reply({"n": 5}, {}), NOW)
    assert exchange.next() is None
    assert exchange.reading(NOW) == Reading([Window("gold", "credits", used=5)])


@pytest.mark.parametrize("value", [None, [], {"a": 1}, "..", ".", True])
def test_a_request_is_not_made_without_what_it_needs(value: object) -> None:
    exchange = Exchange(THREE, {"team": "t"})
    exchange.next()
    exchange.answer(Reply({"id": value}, {}), NOW)
    with pytest.raises(CaptureError):
        exchange.next()


def test_named_requests_stand_side_by_side_in_the_body() -> None:
    mapping = from_data(
        {
            "requests": [{"path": "/limit", "name": "limit"}, {"path": "/used", "name": "used"}],
            "windows": [
                {
                    "name": "w",
                    "unit": "cost",
                    "limit": "body.limit.usd",
                    "used": "divide(body.used.cents, `100`)",
                }
            ],
        }
    )
    exchange = Exchange(mapping, {})
    for body in ({"usd": 10}, {"cents": 250}):
        assert exchange.next() is not None
        exchange.answer(Reply(body, {}), NOW)
    assert exchange.reading(NOW).windows == [
        Window("w", "cost", limit=10, used=2.5, remaining=7.5, percent_remaining=75.0)
    ]
