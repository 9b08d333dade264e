from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.errors import NotFound
from apps.engine.policy import Library
from apps.gates.clock import database_now
from apps.gates.queries import find_policy
from apps.reports.supersession import replaced_by, still_named


class Command(BaseCommand):
    """Tells what still names a policy that another took the place of; changes nothing."""

    help = "Show which policies, models, reports and waivers still name a superseded policy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policy", help="the pack that supersedes, or the one that is superseded")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        old = replaced_by(options["policy"], _text(options["policy"])) or (options["policy"],)
        found = [still_named(name, now=database_now()) for name in old]
        if options["format"] == "json":
            told = json.dumps([one.as_json() for one in found], indent=2, ensure_ascii=False)
        else:
            told = "\n".join(line for one in found for line in one.lines())
        self.stdout.write(told)


def _text(name: str) -> bytes:
    """The newest released text of that id; where none is released, the newest that ships."""
    try:
        return bytes(find_policy(name).text)
    except NotFound:
        entries = [entry for entry in Library.shipped().entries() if entry.id == name]
    if not entries:
        raise CommandError(f"There is no policy {name}, neither released nor shipped.")
    return entries[-1].data
