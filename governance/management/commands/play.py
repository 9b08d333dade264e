from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from governance.demo import play


class Command(BaseCommand):
    help = "Play the demo portfolio of fixtures/ through the commands, or show its people."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", action="store_true", help="only show who may sign in")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["people"]:
            play.play(self._say)
            return
        for line in play.people():
            self._say(line)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()
