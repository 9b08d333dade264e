from __future__ import annotations

from argparse import ArgumentParser

from governance.management.commands.serve import Command as Serve


class Command(Serve):
    help = "Run everything on this machine, with the demo portfolio played in at the first start."

    fixtures = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reset", action="store_true", help="remove the demo's data and start over")
