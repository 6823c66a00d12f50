"""What can be wrong with routes, in words: each names the cure. The place is added elsewhere."""

from collections.abc import Iterable, Iterator
from typing import Final

from sidecar.nearest import nearest
from sidecar.texts.problems import meant, one_of, quoted

_ALIKE: Final = 0.8
"""From here on two ids are taken for one, misspelled."""


def too_few() -> str:
    return "a route needs two targets or more; with one there is nowhere else to go"


def unknown_strategy(name: str, known: Iterable[str]) -> str:
    return f"there is no strategy {quoted(name)}; {one_of(name, known)}"


def listed_twice() -> str:
    return "is listed in this route already; it is ignored"


def almost_provider(provider_id: str, known: Iterable[str]) -> Iterator[str]:
    if near := nearest(provider_id, known, _ALIKE):
        yield f"OpenCode has no provider {quoted(provider_id)}; did you mean {near!r}?"


def unknown_model(provider_id: str, model_id: str, known: Iterable[str]) -> str:
    cure = meant(model_id, known, "`opencode models` lists them")
    return f"the provider {quoted(provider_id)} has no model {quoted(model_id)} in OpenCode; {cure}"


def bad_path() -> str:
    return "is no path; write names from the body's root with dots between them, like provider.order"


def not_theirs(path: str) -> str:
    if path == "model":
        return "is not set so; give the model's id with model, as in {target: ..., model: ...}"
    return f"{path} is not yours to change: without it no answer can be read"


def routed_name(model: str) -> str:
    return f"{model} (limit-router)"


def nobody_has(model_id: str) -> str:
    return f"no provider has {quoted(model_id)} in OpenCode; list its targets, as provider/model"


def no_router_of_routers() -> str:
    return "is virtual itself; list models of real providers"


def has_no_such_model(provider_id: str, model_id: str, known: Iterable[str]) -> str:
    if provider_id not in (names := list(known)):
        cure = meant(provider_id, names, "`opencode models` lists what there is")
        return f"OpenCode has no provider {quoted(provider_id)}; {cure}"
    cure = f'write "{provider_id}/..." with the id that it has there'
    return f"the provider {quoted(provider_id)} has no model called {quoted(model_id)}; {cure}"
