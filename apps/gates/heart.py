"""A thread that keeps a run's lease while its worker waits for the child process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)


class Heart:
    """Calls `keep` on a connection of its own until it is stopped; `lost` is set once `keep` says no."""

    def __init__(self, keep: Callable[[], bool], *, every: float) -> None:
        self._keep, self._every = keep, every
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
            while not self._end.wait(self._every) and self._beats():
                pass
        finally:
            connection.close()

    def _beats(self) -> bool:
        """One beat. A database that is away for a moment is no loss: the fence decides in the end."""
        try:
            kept = self._keep()
        except DatabaseError as error:
            log.warning("a lease could not be kept this time: %s", error)
            connection.close()
            return True
        if not kept:
            self.lost.set()
        return kept
