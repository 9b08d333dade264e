"""manage.py revoke_signer: withdraw the certificate with which somebody signs reports."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.reports.commands import revoke_certificate
from apps.reports.states import Cause


class Command(BaseCommand):
    """Withdraws a signer's certificate, as an administrator."""

    help = "Withdraw the certificate with which somebody signs reports; what was signed before stays good."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, by whom, and why."""
        parser.add_argument("username", help="whose certificate")
        parser.add_argument("--by", required=True, metavar="USERNAME", help="the administrator who does it")
        parser.add_argument("--cause", required=True, choices=list(Cause))
        parser.add_argument("--reason", required=True, help="a sentence for the record")

    def handle(self, *args: Any, **options: Any) -> None:
        """Withdraw it, and say which."""
        try:
            by, person = find_person(options["by"]), find_person(options["username"])
            row = revoke_certificate(by=by, person=person, cause=options["cause"], reason=options["reason"])
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{row.certificate_sha256} counts no more since {row.revoked_at:%Y-%m-%d %H:%M:%S} UTC."
        )
