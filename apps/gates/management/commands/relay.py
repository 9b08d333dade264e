from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection

from apps.audit.states import system
from apps.gates.commands import request_due, send_hints, take_back

# One relay works, the others wait; the lock falls with the connection of whoever holds it.
LOCK = 0x72656C61  # "rela"
SCHEDULES_EVERY = 20
log = logging.getLogger("apps.gates.relay")


class Command(BaseCommand):
    help = (
        "Sends messages for waiting runs, takes back runs whose worker is gone, asks for runs that are due."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between turns (0.5)")
        parser.add_argument("--once", action="store_true", help="one turn, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        relay = Relay(interval=options["interval"])
        if options["once"]:
            relay.turn(schedules=True)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, relay.stop)
        relay.work()


class Relay:
    """Turns until it is stopped. A database or broker that is away is waited for."""

    def __init__(self, *, interval: float) -> None:
        self._interval, self._end = interval, threading.Event()
        self._locked_on: object = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        self._end.set()

    def work(self) -> None:
        turn = 0
        while not self._end.is_set():
            self._try_turn(schedules=turn % SCHEDULES_EVERY == 0)
            turn += 1
            self._end.wait(self._interval)

    def _try_turn(self, *, schedules: bool) -> None:
        try:
            self.turn(schedules=schedules)
        except (InterfaceError, OperationalError) as error:
            log.warning("the relay waits for the database: %s", error)
            connection.close()

    def turn(self, *, schedules: bool) -> None:
        if not self._holds_lock():
            return
        by = system("relay")
        take_back(by=by)
        if schedules:
            request_due(by=by)
        send_hints(by=by)

    def _holds_lock(self) -> bool:
        connection.ensure_connection()
        if self._locked_on is connection.connection:
            return True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            held: bool = cursor.fetchone()[0]
        self._locked_on = connection.connection if held else None
        return held
