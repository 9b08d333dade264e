"""A witness beside `demo` and `serve`: the real program, in the wrong place.

It has its own key, store and process, and shows how a witness works; but whoever rules this machine
rules it too. Where COUNTERSIGN_WITNESSES names others, none is started here.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from governance.local.errors import LocalRefused
from governance.local.port import HOST
from witness.folder import Folder, FolderRefused

NAME = "witness.localhost/beside-the-log"


@dataclass(slots=True)
class LocalWitness:
    """The folder, the socket that outlives restarts of the process, and how the service is told of it."""

    folder: Path
    listener: socket.socket | None = field(default=None)

    @property
    def logs(self) -> Path:
        """Where the service introduces its log."""
        return self.folder / "logs"

    def listen(self) -> socket.socket:
        try:
            Folder.init(self.folder, NAME)
        except (FolderRefused, OSError) as error:
            raise LocalRefused(f"The witness's folder {self.folder} cannot be used: {error}") from error
        self.listener = socket.create_server((HOST, 0))
        return self.listener

    def close(self) -> None:
        if self.listener is not None:
            self.listener.close()

    def setting(self) -> dict[str, str]:
        """COUNTERSIGN_WITNESSES of this witness; nothing where it does not run."""
        if self.listener is None:
            return {}
        key = Folder(self.folder).public().text()
        return {"COUNTERSIGN_WITNESSES": f"{key}@http://{HOST}:{self.listener.getsockname()[1]}"}
