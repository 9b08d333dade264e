from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit import queries
from apps.audit.commands import end_key, register_key
from apps.audit.errors import Refused
from apps.audit.states import system
from apps.engine.keys import Purpose


class Command(BaseCommand):
    """Makes and registers the service's keys where there are none, and prints the public ones."""

    help = "Make, register, list and end the service's signing keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the key set that verifiers pin")
        parser.add_argument("--retire", metavar="KEY_ID", help="put a key away from now on")
        parser.add_argument(
            "--revoke", metavar="KEY_ID", help="a key may have been stolen: it no longer counts"
        )
        parser.add_argument("--reason", default="", help="why the key ends")

    def handle(self, *args: Any, **options: Any) -> None:
        operator = system("manage.py keys")
        ended = options["revoke"] or options["retire"]
        try:
            if ended:
                revoked = bool(options["revoke"])
                end_key(by=operator, key_id=ended, reason=options["reason"], revoked=revoked)
            else:
                for purpose in Purpose:
                    register_key(by=operator, purpose=purpose)
        except Refused as error:
            raise CommandError(str(error)) from error
        keys = queries.keys()
        if options["json"]:
            self.stdout.write(json.dumps(keys.as_json(), indent=2))
            return
        if options["verbosity"] == 0:
            return
        for key in keys:
            state = "revoked" if key.revoked_at else "retired" if key.valid_to else "in force"
            self.stdout.write(f"{key.purpose:<11} {key.key_id} {state}")
