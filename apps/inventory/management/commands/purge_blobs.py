from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.engine.errors import Problem
from apps.inventory.commands import purge_blobs
from apps.inventory.retention import removable, retention


class Command(BaseCommand):
    """Removes uploaded data sets and artifacts whose retention ended; without --remove it only shows them."""

    help = "Show, and with --remove remove, uploaded bytes whose retention ended and that no hold covers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove them; without it nothing changes")
        parser.add_argument("--by", help="with --remove: the username of who removes")
        parser.add_argument("--reason", default="", help="with --remove: why, as it stands in each event")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if retention() is None:
                self.stdout.write("Everything is kept for ever: COUNTERSIGN_RETENTION names no file.")
                return
            found = self._removed(options) if options["remove"] else removable(timezone.now().date())
        except (Refused, Problem) as error:
            raise CommandError(str(error)) from error
        for one in found:
            self.stdout.write(f"{one.blob.digest}  {one.blob.size} bytes  {', '.join(one.models)}")
        self.stdout.write(f"{len(found)} {'removed' if options['remove'] else 'could be removed'}")

    def _removed(self, options: dict[str, Any]) -> Any:
        if not options["by"]:
            raise CommandError("Please say who removes: --by USERNAME.")
        return purge_blobs(by=find_person(options["by"]), reason=options["reason"])
