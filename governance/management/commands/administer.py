from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.errors import Refused
from governance import administer


class Command(BaseCommand):
    help = (
        "Make people, roles, tokens, units, environments; release policies. Asks who acts for the password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        administer.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(administer.run(Namespace(**options), ask))
        except Refused as refused:
            raise CommandError(str(refused)) from refused


def ask(words: str) -> str:
    """A secret from the terminal, or the next line of what is piped in."""
    if sys.stdin.isatty():
        return getpass.getpass(words)
    return sys.stdin.readline().rstrip("\n")
