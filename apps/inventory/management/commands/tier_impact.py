from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.engine.errors import BadInput
from apps.engine.tier import case_faults, read_scorecard
from apps.inventory.scorecards import Move, moves


class Command(BaseCommand):
    """Judges the kept answers of every model again by a draft scorecard; changes no state."""

    help = "Show which models a draft scorecard would move to another tier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the draft: a scorecard file")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            draft = read_scorecard(path.read_bytes(), name=path.name)
        except OSError as problem:
            raise CommandError(f"{path} cannot be read: {problem.strerror}.") from problem
        except BadInput as problem:
            raise CommandError(str(problem)) from problem
        if faults := case_faults(draft):
            raise CommandError(f"A case of {path.name} fails: {faults[0]}")
        found = list(moves(draft))
        self.stdout.write(f"{draft.id}@{draft.version}: {len(found)} models would move or cannot be judged.")
        for one in found:
            self.stdout.write(_told(one))


def _told(one: Move | tuple[str, str]) -> str:
    if isinstance(one, Move):
        return f"{one.key}: tier {one.before} → {one.after}. {one.reasons[-1]}"
    return f"{one[0]} cannot be judged: {one[1]}"
