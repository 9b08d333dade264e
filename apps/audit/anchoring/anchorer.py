"""The one process that brings checkpoints outside, and stops the log where the outside disagrees."""

from __future__ import annotations

import logging
import threading

from django.db import InterfaceError, OperationalError, connection

from apps.audit.anchoring import duties, store
from apps.audit.anchoring.witnesses import Forked
from apps.audit.errors import Refused
from apps.audit.stopping import raise_alarm, stopped
from apps.engine.errors import Problem

TICK = 0.5
_LOCK = 0x616E6368  # "anch"
_log = logging.getLogger("countersign.anchorer")


class Anchorer:
    """One anchorer of one log; a second one waits."""

    def __init__(self) -> None:
        self._alone = False

    def run(self, stop: threading.Event) -> None:
        """Work until stopped; wait out another anchorer and a database that is away."""
        pause = TICK
        while not stop.is_set():
            try:
                self.turn()
                pause = TICK
            except (OperationalError, InterfaceError) as error:
                _log.warning("the anchorer waits for the database: %s", str(error).strip().split("\n")[0])
                self._alone = False
                connection.close()
                pause = min(pause * 2, 5.0)
            stop.wait(pause)
        connection.close()

    def turn(self) -> None:
        """Do what is due. Where the log is stopped, nothing is vouched for."""
        if not self._is_alone():
            return
        wanted = duties.wanted()
        known = store.places()
        for duty in wanted:
            if duty.name not in known:
                store.known(duty.name, duty.kind)
        head, known = store.head(), store.places()
        if head is None or stopped() is not None:
            return
        for duty in wanted:
            if duty.due(head, known[duty.name]):
                self._try(duty, head)

    def _try(self, duty: duties.Duty, head: store.Head) -> None:
        row = store.places()[duty.name]
        try:
            store.succeeded(duty.name, head, duty.do(head, row))
        except Forked as error:
            store.failed(duty.name, str(error))
            raise_alarm(str(error), for_good=True)
        except (Refused, Problem) as error:
            store.failed(duty.name, str(error))
            if row.failure != str(error):
                _log.warning("%s was not reached: %s", duty.name, error)

    def _is_alone(self) -> bool:
        if not self._alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                self._alone = bool(cursor.fetchone()[0])
        return self._alone
