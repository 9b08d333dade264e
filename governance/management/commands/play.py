from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand

from apps.access.models import Person
from apps.access.queries import roles_held

FIXTURES = "governance.demo.play"


class Command(BaseCommand):
    help = "Play the demo portfolio of fixtures/ through the commands, or show its people."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", action="store_true", help="only show who may sign in, and as what")

    def handle(self, *args: Any, **options: Any) -> None:
        fixtures = import_module(FIXTURES)
        if options["people"]:
            for line in _people(fixtures.PASSWORD):
                self._say(line)
        else:
            fixtures.play(self._say)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def _people(password: str) -> Iterator[str]:
    """Who may sign in, with the roles held, as a table."""
    people = list(Person.objects.filter(is_service=False, is_active=True).order_by("pk"))
    width = max((len(person.username) for person in people), default=0)
    yield f"Sign in as one of these; the password of each is {password}"
    for person in people:
        titles = ", ".join(role.title for role in roles_held(person)) or "no role"
        yield f"  {person.username:<{width}}  {person}, {titles}"
