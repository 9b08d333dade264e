"""Where things lie under the state folder. No Django, no side effects: settings and launchers read it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A unix socket's path may take 107 bytes; ".s.PGSQL.5432.lock" and a slash need 19 of them.
_LONGEST_SOCKET_FOLDER = 107 - 19


def default_state() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/countersign")
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "countersign"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one state folder."""

    state: Path

    @property
    def postgres_data(self) -> Path:
        return self.state / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.state / "valkey"

    @property
    def binaries(self) -> Path:
        return self.state / "binaries"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def lock(self) -> Path:
        return self.state / "supervisor.lock"

    @property
    def secret_key(self) -> Path:
        return self.state / "secret-key"

    @property
    def played(self) -> Path:
        """How far the demo's fixtures have been played into this installation."""
        return self.state / "demo-played"

    @property
    def test_authority(self) -> Path:
        """The key, the certificates and the address of the time-stamping authority for demonstrations."""
        return self.state / "test-authority"

    @property
    def witness(self) -> Path:
        """The key and the store of the witness that runs beside the service."""
        return self.state / "witness"

    def removable(self) -> list[Path]:
        """What starting over removes. The lock stays, it is held; so do the copied server programs."""
        kept = {self.lock, self.binaries, self.secret_key}
        known = {
            "anchor-git",
            "blobs",
            "checkpoints.jsonl",
            "demo-pipeline",
            "demo-played",
            "epochs.jsonl",
            "event-digests.jsonl",
            "event-digests.sent",
            "files",
            "inspecting",
            "keys",
            "log-stopped",
            "logs",
            "postgres",
            "postgres.new",
            "test-authority",
            "valkey",
            "witness",
        }
        return [p for p in self.state.glob("*") if p.name in known and p not in kept]

    @property
    def sockets(self) -> Path:
        """The folder of the unix sockets; a hashed short one when the state folder's path is too long."""
        folder = self.state / "sockets"
        if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
            return folder
        digest = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"countersign-{os.geteuid()}-{digest}"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"
