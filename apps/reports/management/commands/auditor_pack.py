from __future__ import annotations

import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access.queries import find_person
from apps.audit.errors import Refused
from apps.reports.commands.packing import make_pack
from apps.reports.packs_scope import asked_scope


class Command(BaseCommand):
    """Makes an auditor pack of any size in the name of a person who may export it."""

    help = "Make an auditor pack: of a model, of a time, or of everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, metavar="USERNAME", help="who exports; it is recorded")
        parser.add_argument("--out", required=True, type=Path, help="a folder, or the file to write")
        parser.add_argument("--model", default="", metavar="KEY", help="only what belongs to one model")
        parser.add_argument("--from", dest="since", default="", metavar="DAY", help="events from this day on")
        parser.add_argument("--to", dest="until", default="", metavar="DAY", help="up to and with this day")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            by = find_person(options["by"])
            told = {"model": options["model"], "from": options["since"], "to": options["until"]}
            scope = asked_scope(by, told)
            packed = make_pack(by=by, scope=scope, most=None, progress=self._progress)
        except Refused as error:
            raise CommandError(str(error)) from error
        with packed.file:
            place = _place(options["out"], packed.name)
            with _new(place) as out:
                shutil.copyfileobj(packed.file, out, 1 << 20)
        counts = ", ".join(f"{number} {what}" for what, number in packed.counts.items())
        self.stdout.write(f"{place}: {counts}; manifest {packed.digest}")

    def _progress(self, words: str) -> None:
        self.stderr.write(f"packing {words} …")


def _place(out: Path, name: str) -> Path:
    return out / name if out.is_dir() else out


def _new(place: Path) -> Any:
    try:
        return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise CommandError(f"{place} cannot be written: {error.strerror}.") from error
