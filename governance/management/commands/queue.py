from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.access import commands as access
from apps.audit.errors import NotFound, Refused
from apps.engine.errors import Problem
from apps.gates import commands, queries, queue
from apps.gates.models import Run
from apps.gates.states import RunState
from governance.management.commands.administer import ask


class Command(BaseCommand):
    """What waits in the lanes, and what a person with the right does about a run."""

    help = "Show the queue; requeue a dead run, place a waiting one, cancel one, each with a reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word", metavar="WORD")
        words.add_parser("show", help="the lanes in numbers, and the runs that were given up")
        for word, told in (("requeue", "give a dead run another life"), ("cancel", "take a run back")):
            self._for_a_run(words.add_parser(word, help=told))
        place = words.add_parser("place", help="put a waiting run before or behind the others")
        self._for_a_run(place)
        place.add_argument("--place", required=True, help="first, last, or 'in turn'")

    def _for_a_run(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="the run's id")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--as", required=True, dest="by", metavar="USERNAME", help="who does it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["word"] in (None, "show"):
            self._show()
            return
        try:
            run = self._do(options)
        except (NotFound, Refused, Problem) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{run.pk} is {run.state}.")

    def _do(self, options: dict[str, Any]) -> Run:
        password = ask(f"Password of {options['by']}: ")
        by = access.sign_in(username=options["by"], password=password, address="this machine")
        run, reason = queries.find_run(by, options["run"]), options["reason"]
        if options["word"] == "requeue":
            return commands.requeue(by=by, run=run, reason=reason)
        if options["word"] == "cancel":
            return commands.cancel(by=by, run=run, reason=reason)
        return commands.place_run(by=by, run=run, place=options["place"], reason=reason)

    def _show(self) -> None:
        for depth in queue.depths():
            self.stdout.write(
                f"{depth.lane:<10} {depth.queued:>5} wait {depth.running:>4} at work "
                f"{depth.dead:>4} given up, oldest {depth.oldest_wait_seconds:.0f} s"
            )
        for run in Run.objects.filter(state=RunState.DEAD).select_related("version__model"):
            self.stdout.write(f"{run.pk} {run.version}: {run.cause}")
