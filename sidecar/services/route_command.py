"""`/route`: reads what was typed after it, and puts its answer together."""

from collections.abc import Awaitable, Callable

from sidecar.core.decision import SessionRoute
from sidecar.protocol import CommandExecuteParams, Target
from sidecar.services.choices import Choices
from sidecar.services.model_names import UnknownModelError, find_model
from sidecar.services.workspaces import Workspace
from sidecar.texts import command, route_report, route_words
from sidecar.texts.command import as_answer
from sidecar.texts.route_report import Choice

Answer = Callable[[Workspace, SessionRoute, Target], Awaitable[str]]


class RouteCommand:
    """Answers `/route [model | why | off | on]`."""

    def __init__(self, choices: Choices) -> None:
        """Tell what *choices* would choose."""
        self._choices = choices
        self._verbs: dict[str, Answer] = {
            "": self._next,
            "why": self._why,
            "off": choices.leave,
            "on": choices.come_back,
        }

    async def answer(self, place: Workspace, params: CommandExecuteParams) -> str:
        """Return the answer to what was typed."""
        typed = params.arguments.strip()
        answer = self._verbs.get(typed.casefold())
        if answer is None:
            return await self._model(place, params, typed)
        if params.target is None:
            return route_words.no_model()
        session = await self._choices.session(params.session_id, params.target)
        return await answer(place, session, params.target)

    async def _next(self, place: Workspace, session: SessionRoute, _: Target) -> str:
        choice = await self._choices.choice(place, session.chosen, session)
        return _shown(place, choice)

    async def _why(self, place: Workspace, session: SessionRoute, _: Target) -> str:
        choice = await self._choices.choice(place, session.chosen, session)
        last, now = await self._choices.last(session.session_id), choice.decision.at
        told = route_report.last(last, choice, now, command.width(place.config.settings.width))
        return as_answer(command.DECIDED, told)

    async def _model(self, place: Workspace, params: CommandExecuteParams, typed: str) -> str:
        try:
            model = find_model(place, typed)
        except UnknownModelError as error:
            return str(error)
        session = await self._choices.session(params.session_id, params.target) if params.target else None
        is_its = session is not None and session.chosen == model
        choice = await self._choices.choice(place, model, session if is_its else None)
        return _shown(place, choice)


def _shown(place: Workspace, choice: Choice) -> str:
    report = route_report.render(choice, command.width(place.config.settings.width))
    return as_answer(command.ROUTED, report)
