"""The `countersign` program: one word chooses the module that does the work, which is imported then."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from apps.cli.text import safe
from apps.engine.errors import Problem
from apps.engine.process import claim

COMMANDS = {
    "evaluate": ("apps.cli.evaluate", "run every gate of a policy here, without a server"),
    "measure": ("apps.cli.measure", "run one check, without a policy"),
    "catalogue": ("apps.cli.catalogue", "list the checks, or explain one"),
    "policy": ("apps.cli.policy", "lint, test and compare policies"),
    "register": ("apps.cli.server", "upload a model version to the server"),
    "submit": ("apps.cli.server", "request a run on the server and wait for it"),
    "gate": ("apps.cli.server", "ask the server whether a version may run"),
    "export": ("apps.cli.export", "take a version from the server in a format that others read"),
    "vendor-pack": ("apps.cli.vendor_pack", "hold a vendor's evidence pack against the checklist"),
    "verify": ("apps.cli.verify", "verify statements, packs and reports offline"),
    "verifier": ("apps.cli.verifier", "answer an admission controller without the service"),
    "replay": ("apps.cli.replay", "decide and measure again from a pack"),
}
COULD_NOT = 4
USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; the exit code says how it ended."""
    if argv is None:
        claim()
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(words)
    except Problem as problem:
        return _say(str(problem), COULD_NOT)
    except KeyboardInterrupt:
        return _say("stopped.", 128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as problem:
        if os.environ.get("COUNTERSIGN_DEBUG"):
            raise
        what = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return _say(f"internal error, {what} (COUNTERSIGN_DEBUG=1 shows where).", COULD_NOT)


def _run(words: list[str]) -> int:
    module = _module(words)
    if isinstance(module, int):
        return module
    args = parser(module, words).parse_args(words)
    if args.command is None:
        parser(None, words).print_help(sys.stderr)
        return USAGE
    status = int(module.run(args)) if module else USAGE
    sys.stdout.flush()
    return status


def _module(words: list[str]) -> ModuleType | int | None:
    """The module of the word that was typed; an exit code where this build lacks it."""
    word = next((w for w in words if not w.startswith("-")), None)
    if word not in COMMANDS:
        return None
    name = COMMANDS[word][0]
    try:
        return import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name != name:
            raise
        return _say(f'"{word}" is not part of this build.', USAGE)


def parser(module: ModuleType | None, words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The program's parser, with the full arguments of that module's commands only."""
    top = argparse.ArgumentParser(
        prog="countersign",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=16),
        description="May this machine-learning model run, and can you prove why?",
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    if module is not None:
        module.add(commands)
    for name, (_, text) in COMMANDS.items():
        if name not in commands.choices:
            commands.add_parser(name, help=text, add_help=False)
    return top


class _Version(argparse.Action):
    def __call__(self, *_: object, **__: object) -> None:
        from apps.engine.version import ENGINE_VERSION

        print(f"countersign {ENGINE_VERSION}")
        raise SystemExit(0)


def _say(sentence: str, status: int) -> int:
    print(f"countersign: {safe(sentence)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
