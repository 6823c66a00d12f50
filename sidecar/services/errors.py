"""Why a service can't do what it was asked, in words for a user. The wire's codes are not its business."""


class RelativeDirectoryError(ValueError):
    """A directory was named without its root."""


class UnknownWorkspaceError(LookupError):
    """A directory that isn't open was asked about."""


class UnknownCommandError(LookupError):
    """A command that isn't ours was asked for."""
