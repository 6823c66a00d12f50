"""The directories that a host serves, and the configuration that holds in each."""

from pathlib import Path

from sidecar.adapters.config import Config, ConfigLoader
from sidecar.protocol import CatalogueProvider, ErrorCode, WorkspaceCloseParams, WorkspaceOpenParams
from sidecar.rpc.envelope import RpcError


class Workspaces:
    """Knows which directories are open; project files of any other are never read."""

    def __init__(self, loader: ConfigLoader) -> None:
        """Read configuration through *loader*."""
        self._loader = loader
        self._open: dict[str, list[CatalogueProvider]] = {}

    def open(self, params: WorkspaceOpenParams) -> bool:
        """Open a directory, or bring its catalogue up to date; return whether it was not open yet."""
        if not Path(params.directory).is_absolute():
            raise RpcError(ErrorCode.INVALID_PARAMS, "params of workspace/open: directory must be absolute")
        is_new = params.directory not in self._open
        if is_new or params.providers is not None:
            self._open[params.directory] = params.providers or []
        return is_new

    def close(self, params: WorkspaceCloseParams) -> None:
        """Close a directory; one that isn't open is no error."""
        self._open.pop(params.directory, None)

    def config(self, directory: str) -> Config:
        """Return what is configured in *directory*, read anew; takes as long as the files take.

        Raises `RpcError` for a directory that isn't open.
        """
        if directory not in self._open:
            raise RpcError(ErrorCode.UNKNOWN_WORKSPACE, f"the directory {directory!r} is not open")
        return self._loader.load(Path(directory), [Path(folder) for folder in self._open])
