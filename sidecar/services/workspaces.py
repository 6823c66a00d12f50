"""The directories that a host serves, and the configuration that holds in each."""

from pathlib import Path

from sidecar.adapters.config import Config, ConfigLoader
from sidecar.protocol import WorkspaceCloseParams, WorkspaceOpenParams
from sidecar.services.errors import RelativeDirectoryError, UnknownWorkspaceError


class Workspaces:
    """Knows which directories are open; project files of any other are never read."""

    def __init__(self, loader: ConfigLoader) -> None:
        """Read configuration through *loader*."""
        self._loader = loader
        self._open: dict[str, dict[str, str]] = {}
        """Per directory what the host calls its providers, by id."""

    def open(self, params: WorkspaceOpenParams) -> bool:
        """Open a directory, or learn its providers; return whether it was not open yet.

        Raises `RelativeDirectoryError`.
        """
        if not Path(params.directory).is_absolute():
            raise RelativeDirectoryError("params of workspace/open: directory must be absolute")
        is_new = params.directory not in self._open
        if is_new or params.providers is not None:
            named = ((provider.id, provider.name) for provider in params.providers or ())
            self._open[params.directory] = {key: name for key, name in named if name}
        return is_new

    def close(self, params: WorkspaceCloseParams) -> None:
        """Close a directory; one that isn't open is no error."""
        self._open.pop(params.directory, None)

    def config(self, directory: str) -> Config:
        """Return what is configured in *directory*, read anew; takes as long as the files take.

        Raises `UnknownWorkspaceError` for a directory that isn't open.
        """
        if directory not in self._open:
            raise UnknownWorkspaceError(f"the directory {directory!r} is not open")
        folders = [Path(folder) for folder in self._open]
        return self._loader.load(Path(directory), folders, self._open[directory])
