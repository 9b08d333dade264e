from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.inventory.commands import remove_strays
from apps.inventory.reconciling import Compared, compared


class Command(BaseCommand):
    """Compares the books with the store by digest, both ways; made for every night."""

    help = "Name bytes that are missing from the store, that no row speaks of, or that were changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--read", action="store_true", help="hash all bytes once more; may take long")
        parser.add_argument(
            "--remove-extra", action="store_true", help="remove what no row speaks of, an hour old or more"
        )
        parser.add_argument("--by", help="with --remove-extra: the username of who removes")
        parser.add_argument("--reason", default="", help="with --remove-extra: why, as the event says it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["remove_extra"]:
                self._remove(options)
                return
            found = compared(read=options["read"])
        except Refused as error:
            raise CommandError(str(error)) from error
        self._tell(found)
        if not found.ok:
            raise CommandError("The store and the books differ.")

    def _remove(self, options: dict[str, Any]) -> None:
        if not options["by"]:
            raise CommandError("Please say who removes: --by USERNAME.")
        for place in remove_strays(by=find_person(options["by"]), reason=options["reason"]):
            self.stdout.write(f"removed   {place}")

    def _tell(self, found: Compared) -> None:
        for word, names in (
            ("missing", found.missing),
            ("extra", [entry.place for entry in found.extra]),
            ("size", found.wrong_size),
            ("changed", found.damaged),
        ):
            for name in names:
                self.stdout.write(f"{word:<9} {name}")
        how = "read and sound" if found.read else "there with their size"
        self.stdout.write(f"{found.sound - len(found.damaged)} {how}")
