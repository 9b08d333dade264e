from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from governance.env import EnvironmentRefused
from governance.local.commands import Wish, run
from governance.local.errors import LocalRefused


class Command(BaseCommand):
    help = "Run web, workers, sequencer and relay on this machine under one supervisor."
    requires_system_checks = ()

    fixtures = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the web's port on 127.0.0.1 (8000)")
        parser.add_argument("--until-ready", action="store_true", help="stop again once everything runs")

    def handle(self, *args: Any, **options: Any) -> None:
        wish = Wish(
            port=options["port"],
            reset=options.get("reset", False),
            fixtures=self.fixtures,
            until_ready=options["until_ready"],
        )
        try:
            run(settings.PLACES, wish, self._say)
        except (EnvironmentRefused, LocalRefused) as refused:
            raise CommandError(str(refused)) from refused

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()
