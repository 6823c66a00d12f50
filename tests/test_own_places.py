"""Which places are a service's own: a key goes nowhere else."""

import pytest
from msgspec.structs import replace

from sidecar.adapters import urls
from sidecar.adapters.own_places import is_for, origin_of, serving, token_for
from sidecar.quota.mapping import Mapping
from sidecar.quota.presets import load

PLAN = replace(
    load("neutral"),
    base_url="https://quota.example/api",
    serves="https://models.example/v1",
    login={"plan": "access"},
    providers=["plan", "plan-cn"],
)
ELSEWHERE = urls.parse("https://proxy.example/api")


def own(mapping: Mapping = PLAN) -> urls.Endpoint:
    assert mapping.base_url is not None
    return urls.parse(mapping.base_url)


@pytest.mark.parametrize(
    ("provider_id", "preset", "expected"),
    [
        ("plan", "anything", True),
        ("plan-cn", "anything", True),
        ("my-openrouter", "openrouter", True),
        ("Open.Router", "openrouter-credits", True),
        ("router", "openrouter", True),
        ("anthropic", "openrouter", False),
        ("", "openrouter", False),
        ("-", "openrouter", False),
    ],
)
def test_a_preset_is_for_whom_it_names_and_for_who_is_called_like_it(
    provider_id: str, preset: str, expected: bool
) -> None:
    assert is_for(provider_id, preset, PLAN) is expected


def test_who_is_asked_at_its_own_place_serves_where_it_says() -> None:
    assert serving(PLAN, own()) == "https://models.example"
    assert serving(PLAN, ELSEWHERE) is None
    assert serving(replace(PLAN, serves=None), own()) is None


def test_a_login_goes_to_its_own_place_and_nowhere_else() -> None:
    assert token_for(PLAN, "plan", own()) == "access"
    assert token_for(PLAN, "another", own()) is None
    assert token_for(PLAN, "plan", ELSEWHERE) is None
    assert token_for(replace(PLAN, base_url=None), "plan", ELSEWHERE) is None


@pytest.mark.parametrize("url", [None, "", "ftp://quota.example", "nonsense"])
def test_what_may_not_be_called_has_no_origin(url: str | None) -> None:
    assert origin_of(url) is None
