from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.commands import place_hold, release_hold
from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.audit.holds import find_hold, standing_holds


class Command(BaseCommand):
    """Places, releases and lists legal holds, in the name of a person of the right."""

    help = "Place, release and list legal holds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every hold that stands")
        place = actions.add_parser("place", help="of a model, of days, or of everything")
        place.add_argument("--model", default="", help="the key of a model; without it all models")
        place.add_argument(
            "--from", dest="first_day", type=date.fromisoformat, help="the first day, 2026-01-31"
        )
        place.add_argument("--to", dest="last_day", type=date.fromisoformat, help="the last day")
        release = actions.add_parser("release", help="by another person than who placed it")
        release.add_argument("hold", help="the id of the hold")
        for parser_of in (place, release):
            parser_of.add_argument("--by", required=True, help="the username of who does it")
            parser_of.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "place":
                self._place(options)
            elif options["action"] == "release":
                hold, by = find_hold(options["hold"]), find_person(options["by"])
                release_hold(by=by, hold=hold, reason=options["reason"])
        except Refused as error:
            raise CommandError(str(error)) from error
        for hold in standing_holds():
            self.stdout.write(f"{hold.pk}  {hold}  since {hold.placed_at:%Y-%m-%d}: {hold.reason}")

    def _place(self, options: dict[str, Any]) -> None:
        named = {name: options[name] for name in ("model", "first_day", "last_day", "reason")}
        place_hold(by=find_person(options["by"]), **named)
