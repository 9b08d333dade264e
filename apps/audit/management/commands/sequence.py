from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from apps.audit.anchors import anchor_file
from apps.audit.errors import Refused
from apps.audit.sequencer import Sequencer
from apps.engine.errors import Problem


class Command(BaseCommand):
    """Gives every event its place in the log and signs checkpoints, until it is told to stop."""

    help = "Run the audit log's sequencer."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="sequence what waits now, publish, and end")
        parser.add_argument(
            "--adopt", action="store_true", help="go on with the database's newest checkpoint on a new host"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sequencer = Sequencer(anchor_file(), adopt=options["adopt"])
        try:
            if options["once"]:
                self.stdout.write(f"{sequencer.drain()} events sequenced")
            else:
                sequencer.run(until_told())
        except (Refused, Problem) as error:
            raise CommandError(f"The sequencer stops: {error}") from error
        except ProgrammingError as error:
            fault = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The sequencer stops: {fault}. It runs with COUNTERSIGN_DATABASE_ROLE=sequencer."
            ) from error


def until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
