"""A thread that keeps a run's lease while its worker waits for the child process, and sees it taken away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

LOOK_S = 1.0
log = logging.getLogger(__name__)


class Heart:
    """Calls `keep` on a connection of its own until it is stopped; `lost` is set once `keep` says no.

    Between two beats `mine` is asked about once a second, so that a run that is cancelled ends soon.
    """

    def __init__(
        self, keep: Callable[[], bool], *, every: float, mine: Callable[[], bool] | None = None
    ) -> None:
        self._keep, self._every, self._mine = keep, every, mine or _always
        self._end, self.lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            due = time.monotonic() + self._every
            while not self._end.wait(min(LOOK_S, max(due - time.monotonic(), 0.01))):
                beat = time.monotonic() >= due
                if not self._says(self._keep if beat else self._mine):
                    return
                due = time.monotonic() + self._every if beat else due
        finally:
            connection.close()

    def _says(self, ask: Callable[[], bool]) -> bool:
        """A database that is away for a moment is no loss: the fence decides in the end."""
        try:
            kept = ask()
        except DatabaseError as error:
            log.warning("a lease could not be kept this time: %s", error)
            connection.close()
            return True
        if not kept:
            self.lost.set()
        return kept


def _always() -> bool:
    return True
