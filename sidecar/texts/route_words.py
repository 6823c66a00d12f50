"""What `/route` says beside its report: of leaving a virtual model and of going back, of models unknown."""

from collections.abc import Iterable
from difflib import get_close_matches

from sidecar.protocol import Target
from sidecar.texts.decisions import name
from sidecar.texts.problems import quoted


def left(model: Target, to: Target, label: str) -> str:
    """Say that a session has left a virtual model."""
    return (
        f"This session has left {name(model)}: its next turn goes to {label} ({to.model_id}), "
        "and the ones after it too. /route on goes back."
    )


def back(model: Target) -> str:
    """Say that a session is on its virtual model again."""
    return f"This session is on {name(model)} again: /route says where its next turn goes."


def not_on(model: Target) -> str:
    """Say that there is no virtual model to leave."""
    return f"This session is on {name(model)}, which is no model of limit-router: there is nothing to leave."


def nowhere(model: Target) -> str:
    return f"No target of {name(model)} is a model of OpenCode: pick another one in the model picker."


def is_on(model: Target) -> str:
    return f"This session is on {name(model)} already."


def not_left() -> str:
    return "This session has left no model of limit-router; pick one in the model picker."


def already_left(model: Target) -> str:
    return f"This session has left {name(model)} already; /route on goes back."


def no_model() -> str:
    return "Which model? Write /route and its name, or ask again after a turn."


def unknown_model(text: str, known: Iterable[str]) -> str:
    """Answer a question for a model that nobody has: the nearest, or how to find one."""
    names = list(known)
    near = get_close_matches(text, names, 3, 0.5)
    if near:
        return f"There is no model {quoted(text)}. Did you mean {' or '.join(map(quoted, near))}?"
    if names:
        return f"There is no model {quoted(text)}; `opencode models` lists them."
    return (
        f"There is no model {quoted(text)}: which there are is known once OpenCode has run with this plugin."
    )
