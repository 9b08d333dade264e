from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import commands as access
from apps.access.models import Person
from apps.audit.anchoring.introduction import introduce_beside, verifier_keys
from apps.audit.errors import Refused
from apps.engine.errors import Problem
from governance.management.commands.administer import ask


class Command(BaseCommand):
    """Begins a new audit log after events were lost, by two people, on the log's own machine."""

    help = "Begin a new log after events were lost: one person proposes it, another confirms it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
        propose = words.add_parser("propose", help="say what was lost, and ask for a new log")
        propose.add_argument("--reason", required=True)
        confirm = words.add_parser("confirm", help="begin the log that somebody else proposed")
        for word in (propose, confirm):
            word.add_argument("--as", required=True, dest="by", metavar="USERNAME", help="who does it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            password = ask(f"Password of {options['by']}: ")
            by = access.sign_in(username=options["by"], password=password, address="this machine")
            self.stdout.write(_propose(by, options) if options["word"] == "propose" else _confirm(by))
        except (Refused, Problem) as error:
            raise CommandError(str(error)) from error


def _propose(by: Person, options: dict[str, Any]) -> str:
    made = access.propose_epoch(by=by, reason=options["reason"])
    return (
        f"Proposed: {made.origin}, which begins with the {made.base} events that are left. The newest "
        f"checkpoint of {made.after_origin} covers {made.after_size}. Another person confirms it with "
        "`manage.py audit_epoch confirm`."
    )


def _confirm(by: Person) -> str:
    made = access.confirm_epoch(by=by)
    introduce_beside()
    keys = "\n".join(line for line in verifier_keys() if line.startswith(f"{made.proposal.origin}+"))
    return (
        f"{made.proposal.origin} is begun. Start the sequencer again, and give its witnesses this "
        f"verifier key:\n{keys}"
    )
