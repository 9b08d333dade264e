from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.commands import erase_person
from apps.access.queries import find_person
from apps.audit.errors import Refused


class Command(BaseCommand):
    """Erases the personal data of one person, in the name of an administrator."""

    help = "Erase a person's name, addresses and sign-ins; what they signed stays and still verifies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="the account whose person is erased; it ends with that")
        parser.add_argument("--by", required=True, help="the username of the administrator who erases")
        parser.add_argument("--reason", required=True, help="why, as it stands in the event")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            by, person = find_person(options["by"]), find_person(options["username"])
            erased = erase_person(by=by, person=person, reason=options["reason"])
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Erased; the account is called {erased.username} from now on.")
