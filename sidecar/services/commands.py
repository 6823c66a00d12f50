"""Slash commands: from what a user typed to the text of the answer."""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from sidecar.protocol import CommandExecuteParams, CommandExecuteResult
from sidecar.services.errors import UnknownCommandError
from sidecar.services.status import StatusService, UnknownGatewayError
from sidecar.services.workspaces import Workspaces
from sidecar.texts.command import ANSWER_COLUMNS, as_answer
from sidecar.texts.status_report import render

REFRESH: Final = "refresh"


class QuotaStatusArguments(Struct, frozen=True):
    """`/quota_status [provider] [refresh]`, in any order."""

    only: str | None
    refresh: bool


class Commands:
    """Answers `command/execute`; each command is a row of its table."""

    def __init__(self, workspaces: Workspaces, status: StatusService) -> None:
        """Report what *status* knows, as configured in *workspaces*."""
        self._workspaces = workspaces
        self._status = status
        self._table: dict[str, Callable[[CommandExecuteParams], Awaitable[str]]] = {
            "quota_status": self._quota_status,
        }

    async def execute(self, params: CommandExecuteParams) -> CommandExecuteResult:
        """Return the text of the answer.

        Raises `UnknownCommandError`, and `UnknownWorkspaceError` for a directory that isn't open.
        """
        command = self._table.get(params.command)
        if command is None:
            raise UnknownCommandError(f"there is no command /{params.command}")
        return CommandExecuteResult(await command(params))

    async def _quota_status(self, params: CommandExecuteParams) -> str:
        arguments = parse_quota_status(params.arguments)
        config = await self._workspaces.config(params.directory)
        try:
            report = await self._status.report(config, arguments.only, refresh=arguments.refresh)
        except UnknownGatewayError as error:
            return str(error)
        return as_answer(render(report, min(config.settings.width, ANSWER_COLUMNS)))


def parse_quota_status(arguments: str) -> QuotaStatusArguments:
    """Read the words after `/quota_status`; what is not `refresh` names a provider or its label."""
    words = arguments.split()
    names = [word for word in words if word.casefold() != REFRESH]
    return QuotaStatusArguments(" ".join(names) or None, len(names) < len(words))
