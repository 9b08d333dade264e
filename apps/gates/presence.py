"""The thread of a worker's main process that says the worker is here, and the rows that others read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, connection

from apps.gates.clock import database_now
from apps.gates.models import Presence
from apps.gates.pacing import GONE, SAYS_SO_S

log = logging.getLogger(__name__)


class Voice:
    """Calls `say` at once and every quarter of a minute, on a connection of its own, until it is stopped."""

    def __init__(self, say: Callable[[], None], *, every: float = SAYS_SO_S) -> None:
        self._say, self._every, self._end = say, every, threading.Event()
        self._thread = threading.Thread(target=self._work, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(self._every)

    def _work(self) -> None:
        while True:
            try:
                self._say()
            except DatabaseError as error:
                log.warning("the worker could not say that it is here: %s", error)
            finally:
                # Children are forked at any time; none of them shall inherit this connection.
                connection.close()
            if self._end.wait(self._every):
                return


def workers_known() -> list[Presence]:
    """Workers that were heard of within a day, by name."""
    return list(Presence.objects.order_by("name"))


def is_here(worker: Presence, now: datetime) -> bool:
    return worker.seen_at > now - GONE


def lanes_served(now: datetime | None = None) -> set[str]:
    """The lanes for which a worker is here."""
    at = now or database_now()
    return {lane for worker in Presence.objects.filter(seen_at__gt=at - GONE) for lane in worker.lanes}
