"""`countersign evaluate`: every gate of a policy, here, without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.cli.output import add_device, add_endpoint, as_json, put
from apps.engine.errors import BadInput

EXITS = {"pass": 0, "fail": 1, "insufficient": 3}
COULD_NOT = 4
_CLEAR = "\r\x1b[K"


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser("evaluate", help="run every gate of a policy here", allow_abbrev=False)
    command.add_argument("manifest", metavar="model.yaml")
    command.add_argument(
        "--policy", required=True, action="append", metavar="FILE",
        help="a policy file, its folder, or the id of one that comes with the program; may be repeated",
    )  # fmt: skip
    command.add_argument("--as-of", metavar="DATE", help="decide as of that day (default: now)")
    command.add_argument("--seed", type=int, default=0, metavar="N")
    add_device(command)
    add_endpoint(command)
    command.add_argument("--format", choices=("text", "json", "junit", "sarif"), default="text")
    command.add_argument("--out", metavar="FILE", help="write there instead of to the terminal")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print; 0 pass, 1 fail, 3 insufficient, 4 could not evaluate."""
    now = moment(args.as_of)
    from apps.cli.policy_files import read_named

    policies = read_named(args.policy)
    show = _progress if sys.stderr.isatty() else None
    try:
        found = _evaluated(args, policies, now, show)
    finally:
        if show:
            sys.stderr.write(_CLEAR)
    put(_rendered(found, args), args.out)
    return EXITS.get(found["outcome"], COULD_NOT)


def _evaluated(args: argparse.Namespace, policies: list[Any], now: datetime, show: Any) -> dict[str, Any]:
    """The evaluation: measured in a child process, decided here."""
    from apps.cli.apart import ask, manifest_at
    from apps.engine.evaluate import evaluation, facts_of, questions

    path, manifest = manifest_at(args.manifest)
    facts = facts_of(manifest)
    gates = questions(policies, facts)
    task = {"do": "gates", "manifest": str(path), "gates": gates, "seed": args.seed, "device": args.device}
    found = ask(task, progress=show, recorded=args.recorded, transcript=args.transcript)
    return evaluation(found["subject"], policies, found["measurements"], facts=facts, now=now)


def moment(text: str | None) -> datetime:
    """The time to decide at: a day begins at midnight UTC."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise BadInput(f'--as-of takes a date such as 2027-01-31, not "{text}".') from problem
    return found.replace(tzinfo=found.tzinfo or UTC)


def _rendered(found: Mapping[str, Any], args: argparse.Namespace) -> str:
    if args.format == "json":
        return as_json(found)
    if args.format == "junit":
        from apps.engine.junit import junit_of

        return junit_of(found)
    if args.format == "sarif":
        from apps.engine.sarif import sarif_of

        return as_json(sarif_of(found, args.manifest))
    from apps.cli.render_evaluation import evaluation_text

    return evaluation_text(found)


def _progress(step: Mapping[str, Any]) -> None:
    """One line on the terminal that the next one overwrites."""
    text = "" if step["gate"] is None else f"{step['done'] + 1} of {step['of']}  {step['gate']}"
    sys.stderr.write(f"{_CLEAR}{text}")
    sys.stderr.flush()
