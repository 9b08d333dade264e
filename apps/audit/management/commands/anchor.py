from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from apps.audit.anchoring.anchorer import Anchorer
from apps.audit.anchoring.witnesses import configured
from apps.audit.errors import Refused
from apps.audit.management.commands.sequence import until_told
from apps.engine.errors import Problem


class Command(BaseCommand):
    """Brings checkpoints to witnesses, time-stamping authorities and copies, until it is told to stop."""

    help = "Anchor the audit log outside: witnesses, time stamps, git, a folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            configured()
            anchorer = Anchorer()
            if options["once"]:
                anchorer.turn()
            else:
                anchorer.run(until_told())
        except (Refused, Problem) as error:
            raise CommandError(f"The anchorer stops: {error}") from error
        except ProgrammingError as error:
            fault = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The anchorer stops: {fault}. It runs with COUNTERSIGN_DATABASE_ROLE=sequencer."
            ) from error
