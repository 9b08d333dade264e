from __future__ import annotations

import logging
import signal
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection

from apps.access.commands import close_due_campaigns
from apps.approvals.commands import (
    miss_entries,
    open_missed_findings,
    open_missing_lineage_findings,
    open_monitoring_findings,
    open_untold_findings,
    renew_rounds,
)
from apps.audit.forwarding import Forwarder
from apps.audit.states import system
from apps.audit.stopping import LogStopped
from apps.costs.commands import raise_alerts
from apps.deploys.commands import (
    mind_experiments,
    reconcile_integrations,
    send_question_hints,
    send_registry_hints,
)
from apps.gates.commands import (
    note_missed,
    request_due,
    send_hints,
    send_partition_hints,
    take_back,
    take_back_partitions,
    wake_lanes,
)
from apps.inventory.commands import expire_uploads, mind_conversions, sweep_blobs
from apps.notices.commands import follow, gather_letters, remind, send_delivery_hints
from apps.reports.commands import archive_due, complete_waiting, make_asked, make_missing

# One relay works, the others wait; the lock falls with the connection of whoever holds it.
LOCK = 0x72656C61  # "rela"
RELAY, MONITOR = system("relay"), system("monitor")
REMIND_S = 60.0  # how long a report that was asked for is awaited before a worker is told again
log = logging.getLogger("governance.relay")


class Command(BaseCommand):
    help = (
        "Sends messages for waiting runs, reports and signatures, takes back runs whose worker is gone, "
        "asks for runs that are due, opens findings where monitoring fails."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between turns (0.5)")
        parser.add_argument("--once", action="store_true", help="one turn of everything, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        relay = Relay(interval=options["interval"])
        if options["once"]:
            relay.turn()
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, relay.stop)
        relay.work()


@dataclass(slots=True)
class _Duty:
    """Something that a turn does, when it is time for it again."""

    every: float
    do: Callable[[], object]
    due: float = 0.0


class Relay:
    """Turns until it is stopped. A duty that fails stops no other; the database is waited for."""

    def __init__(self, *, interval: float) -> None:
        self._interval, self._end = interval, threading.Event()
        self._locked_on: object = None
        self._told: dict[UUID, float] = {}
        self._forwarder, self._quiet_until = Forwarder(), 0.0
        self._duties = [
            _Duty(0, lambda: take_back(by=RELAY)),
            _Duty(0, lambda: take_back_partitions(by=RELAY)),
            _Duty(0, lambda: send_hints(by=RELAY)),
            _Duty(0, lambda: send_partition_hints(by=RELAY)),
            _Duty(2, lambda: wake_lanes(by=RELAY)),
            _Duty(2, self._send_for_reports),
            _Duty(2, lambda: send_question_hints(by=RELAY)),
            _Duty(5, lambda: send_registry_hints(by=RELAY)),
            _Duty(30, lambda: mind_experiments(by=RELAY)),
            _Duty(0, lambda: follow(by=RELAY)),
            _Duty(0, lambda: send_delivery_hints(by=RELAY)),
            _Duty(10, lambda: gather_letters(by=RELAY)),
            _Duty(60, lambda: remind(by=RELAY)),
            _Duty(60, lambda: miss_entries(by=RELAY)),
            _Duty(60, lambda: renew_rounds(by=RELAY)),
            _Duty(60, lambda: close_due_campaigns(by=RELAY)),
            _Duty(5, lambda: mind_conversions(by=RELAY)),
            _Duty(5, lambda: open_monitoring_findings(by=MONITOR)),
            _Duty(60, lambda: open_untold_findings(by=MONITOR)),
            _Duty(300, lambda: open_missing_lineage_findings(by=MONITOR)),
            _Duty(10, lambda: request_due(by=RELAY)),
            _Duty(30, lambda: note_missed(by=RELAY)),
            _Duty(30, lambda: open_missed_findings(by=MONITOR)),
            _Duty(15, lambda: complete_waiting(by=RELAY)),
            _Duty(20, lambda: make_asked(by=RELAY)),
            _Duty(15, lambda: raise_alerts(by=RELAY)),
            _Duty(300, lambda: archive_due(by=RELAY)),
            _Duty(300, lambda: reconcile_integrations(by=RELAY)),
            _Duty(300, lambda: expire_uploads(by=RELAY)),
            _Duty(3600, lambda: sweep_blobs(by=RELAY)),
        ]

    def stop(self, number: int, frame: FrameType | None) -> None:
        self._end.set()

    def work(self) -> None:
        while not self._end.is_set():
            self._try(self._forwarder.turn)  # of its own host, whoever holds the lock
            try:
                self.turn()
            except (InterfaceError, OperationalError) as error:
                log.warning("the relay waits for the database: %s", error)
                connection.close()
            self._end.wait(self._interval)

    def turn(self) -> None:
        """Everything that is due."""
        if not self._holds_lock():
            return
        now = time.monotonic()
        for duty in self._duties:
            if duty.due <= now:
                duty.due = now + duty.every
                self._try(duty.do)

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except (InterfaceError, OperationalError):
            raise
        except LogStopped as stopped:
            self._tell_of(stopped)
        except Exception:
            log.exception("a duty of the relay failed; the others go on")

    def _tell_of(self, stopped: LogStopped) -> None:
        """Each duty meets the stop in each turn; it is told once a minute."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + REMIND_S
            log.error("%s", stopped)

    def _send_for_reports(self) -> None:
        now = time.monotonic()
        self._told = {key: at for key, at in self._told.items() if now - at < REMIND_S}
        self._told |= dict.fromkeys(make_missing(by=RELAY, told=self._told), now)

    def _holds_lock(self) -> bool:
        connection.ensure_connection()
        if self._locked_on is connection.connection:
            return True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            held: bool = cursor.fetchone()[0]
        self._locked_on = connection.connection if held else None
        return held
