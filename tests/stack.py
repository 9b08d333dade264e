"""The real processes, for tests that go from end to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from governance.local.installation import Installation
from governance.local.places import Places
from governance.local.port import listen, wait_answer
from governance.local.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class LiveStack:
    """Everything that `serve` starts. A process that ended stays so until `tend` is called."""

    installation: Installation
    said: list[str]

    @property
    def address(self) -> str:
        return self.installation.address

    def pid(self, name: str) -> int | None:
        """Of `web`, `sequencer`, `relay`, `worker-quick`, `worker-heavy`, `Valkey`; None while it is down."""
        service = next(s for s in self.installation.supervisor.services if s.name == name)
        return service.process.pid if service.process is not None else None

    def tend(self) -> None:
        self.installation.supervisor.tend()

    def until(self, condition: Callable[[], bool], patience: float = 60) -> None:
        """Wait for a condition, restarting what ends meanwhile."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, self.last_words()
            self.tend()
            time.sleep(0.1)

    def last_words(self) -> str:
        """The ends of the logs, for the message of a failing test."""
        logs = sorted(self.installation.places.logs.glob("*.log"))
        return "\n".join([*self.said, *(f"== {log.name}\n{log.read_text()[-2000:]}" for log in logs)])


@contextmanager
def running(
    folder: Path,
    environment: Mapping[str, str],
    *,
    first: Callable[[Installation], None] | None = None,
) -> Iterator[LiveStack]:
    """The processes over a database that stands, or over one that `first` fills once the servers run."""
    said: list[str] = []
    with listen(0, said.append) as listener, Supervisor(said.append) as supervisor:
        settings = {**environment, "COUNTERSIGN_STATE": str(folder)}
        settings.pop("COUNTERSIGN_BASE_URL", None)
        settings.pop("COUNTERSIGN_DATABASE_ROLE", None)  # each process takes its own
        installation = Installation(Places(folder), listener, supervisor, settings)
        installation.servers()
        if first is not None:
            first(installation)
        installation.work()
        installation.web()
        wait_answer(listener)
        yield LiveStack(installation, said)
