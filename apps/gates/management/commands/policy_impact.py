from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.audit.errors import Refused
from apps.engine.impact import Effect, Impact
from apps.gates.impacts import impact_on_all


class Command(BaseCommand):
    """Decides the latest evidence of every model again, as now and with a draft; changes no state."""

    help = "Show which decisions a draft policy would change, by model, with reasons."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the draft: a policy file")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            found = impact_on_all(data=path.read_bytes(), name=path.name, progress=self._progress)
        except OSError as problem:
            raise CommandError(f"{path} cannot be read: {problem.strerror}.") from problem
        except Refused as problem:
            raise CommandError(str(problem)) from problem
        if options["format"] == "json":
            self.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines(found)))

    def _progress(self, done: int) -> None:
        self.stderr.write(f"{done:,} models", ending="\r")


def lines(found: Impact) -> list[str]:
    """The impact in words."""
    policy, old = found.policy, found.replaces
    against = f" in place of {old['version']}" if old else ""
    whole = len(found.effects)
    said = [
        f"{policy['id']}@{policy['version']}{against}: {whole:,} models in scope, {found.outside:,} outside, "
        f"{len(found.changed):,} decisions would change."
    ]
    said += [f"  {move}: {count:,}" for move, count in found.moves.items()]
    for effect in found.effects:
        if effect.changes or effect.unmeasured:
            said += _told(effect)
    return said


def _told(effect: Effect) -> list[str]:
    head = f"{effect.model} {effect.version} for {effect.use}: {effect.before} → {effect.after}"
    reasons = [f"  {gate.why}" for gate in effect.gates if gate.after not in ("pass", "warn")]
    return [head, *(reasons or [f"  {reason}" for _, reason in effect.unmeasured])]
