"""Slash commands: from what a user typed to the text of the answer."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from sidecar.protocol import CommandExecuteParams, CommandExecuteResult, Target
from sidecar.services.choices import Choices
from sidecar.services.errors import UnknownCommandError
from sidecar.services.limits import LimitsService, UnknownProviderError
from sidecar.services.route_command import RouteCommand
from sidecar.services.status import StatusService, UnknownGatewayError, with_routes
from sidecar.services.workspaces import Workspace, Workspaces
from sidecar.texts import command, limits_report, reset, status_report
from sidecar.texts.command import as_answer

REFRESH: Final = "refresh"


class QuotaStatusArguments(Struct, frozen=True):
    """`/quota_status [provider] [refresh]`, in any order."""

    only: str | None
    refresh: bool


class Commands:
    """Answers `command/execute`; each command is a row of its table."""

    def __init__(
        self,
        workspaces: Workspaces,
        status: StatusService,
        limits: LimitsService,
        choices: Choices,
        last_served: Callable[[str], Target | None],
    ) -> None:
        """Report what the services know, as configured in *workspaces*; *last_served* is by session."""
        self._workspaces = workspaces
        self._status = status
        self._limits = limits
        self._choices = choices
        self._route = RouteCommand(choices)
        self._last_served = last_served
        self._table: dict[str, Callable[[CommandExecuteParams], Awaitable[str]]] = {
            "quota_status": self._quota_status,
            "rate_limit_status": self._rate_limit_status,
            "rate_limit_reset": self._rate_limit_reset,
            "route": self._where,
        }

    async def execute(self, params: CommandExecuteParams) -> CommandExecuteResult:
        """Return the text of the answer.

        Raises `UnknownCommandError`, and `UnknownWorkspaceError` for a directory that isn't open.
        """
        answer = self._table.get(params.command)
        if answer is None:
            raise UnknownCommandError(f"there is no command /{params.command}")
        return CommandExecuteResult(await answer(params))

    async def _quota_status(self, params: CommandExecuteParams) -> str:
        arguments = parse_quota_status(params.arguments)
        place = await self._workspaces.place(params.directory)
        try:
            report = await self._status.report(place, arguments.only, refresh=arguments.refresh)
        except UnknownGatewayError as error:
            return str(error)
        if params.target and arguments.only is None:
            session = await self._choices.session(params.session_id, params.target)
            report = with_routes(report, await self._choices.routes(place, session))
        return as_answer(command.LEFT, status_report.render(report, _width(place)))

    async def _rate_limit_status(self, params: CommandExecuteParams) -> str:
        place = await self._workspaces.place(params.directory)
        session = (params.session_id, params.target) if params.target else None
        served = self._last_served(params.session_id)
        try:
            report = await self._limits.report(place, params.arguments.strip() or None, session, served)
        except UnknownProviderError as error:
            return str(error)
        return as_answer(command.STANDING, limits_report.render(report, _width(place)))

    async def _rate_limit_reset(self, params: CommandExecuteParams) -> str:
        place = await self._workspaces.place(params.directory)
        try:
            report = await self._limits.reset(place, params.arguments.strip() or None)
        except UnknownProviderError as error:
            return str(error)
        return as_answer(command.FORGOTTEN, reset.render(report, _width(place)))

    async def _where(self, params: CommandExecuteParams) -> str:
        return await self._route.answer(await self._workspaces.place(params.directory), params)


def _width(place: Workspace) -> int:
    return command.width(place.config.settings.width)


def parse_quota_status(arguments: str) -> QuotaStatusArguments:
    """Read the words after `/quota_status`; what is not `refresh` names a provider or its label."""
    words = arguments.split()
    names = [word for word in words if word.casefold() != REFRESH]
    return QuotaStatusArguments(" ".join(names) or None, len(names) < len(words))
