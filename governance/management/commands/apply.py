from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import commands as access
from apps.access.models import Person
from apps.audit.errors import Refused
from governance import declared
from governance.declared_kinds import NONE, File, Step
from governance.management.commands.administer import ask

WOULD_CHANGE = 2


class Command(BaseCommand):
    help = (
        "Make what files declare: units, environments, roles, schedules, rates; offer policies and "
        "scorecards for release. What is there is left alone. Asks those who act for their passwords."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="FILE|FOLDER")
        parser.add_argument(
            "--plan", action="store_true", help="say what would be done; exit 2 if anything would"
        )
        parser.add_argument(
            "--as", action="append", default=[], dest="by", metavar="USERNAME",
            help="who does it; repeated, each thing is done by the first who may",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            files = declared.files_of(options["paths"])
            steps = declared.plan(files)
            self._say(steps)
            if all(step.action == NONE for step in steps):
                self.stdout.write("Nothing to do.")
            elif options["plan"]:
                raise SystemExit(WOULD_CHANGE)
            else:
                self._apply(files, options["by"])
        except Refused as refused:
            raise CommandError(str(refused)) from refused

    def _apply(self, files: Sequence[File], usernames: Sequence[str]) -> None:
        if not usernames:
            raise CommandError("Say who does it: --as USERNAME.")
        people = [_signed_in(username) for username in usernames]
        done = [step for step in declared.apply(files, people) if step.action != NONE]
        self.stdout.write(f"Done: {len(done)} of {len(done)}.")

    def _say(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.stdout.write(f"{step.action:6}  {step.words}")


def _signed_in(username: str) -> Person:
    password = ask(f"Password of {username}: ")
    return access.sign_in(username=username, password=password, address="this machine")
