"""`countersign catalogue`: the checks, with arguments, units, direction, definitions, references."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from apps.cli.output import as_json, put
from apps.cli.text import safe, table, wrapped
from apps.engine.catalogue import Check, all_checks, find
from apps.engine.catalogue.spec import REQUIRED, Arg

_PROSE = (
    "definition", "conventions", "edge_cases", "interval", "cost", "purpose", "mechanism",
    "signs_of_high_risk", "strengths", "limitations",
)  # fmt: skip


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser("catalogue", help="list the checks, or explain one", allow_abbrev=False)
    command.add_argument("id", nargs="?", metavar="ID", help="a check, such as performance.auc, or a family")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--out", metavar="FILE", help="write there instead of to the terminal")


def run(args: argparse.Namespace) -> int:
    """Print the catalogue, one family of it, or one check."""
    family = {i: c for i, c in all_checks().items() if c.family == args.id}
    if args.id and not family:
        check = find(args.id)
        put(as_json(document(check)) if args.format == "json" else explained(check), args.out)
        return 0
    checks = family or dict(all_checks())
    if args.format == "json":
        put(as_json({"kind": "Catalogue", "checks": [document(c) for c in checks.values()]}), args.out)
    else:
        rows = [(c.id, c.unit, c.direction, c.title) for c in checks.values()]
        lines = table([("CHECK", "UNIT", "BETTER", "MEASURES"), *rows], indent="")
        put("\n".join(lines) + "\n", args.out)
    return 0


def document(check: Check) -> dict[str, Any]:
    """One entry as JSON; `arguments` is a JSON Schema."""
    required = [arg.name for arg in check.args if arg.default is REQUIRED]
    return {
        "id": check.id,
        "version": check.version,
        "title": check.title,
        "unit": check.unit,
        "range": check.range,
        "direction": check.direction,
        "needs": list(check.needs),
        "hardware": check.hardware,
        "takes": asdict(check.takes),
        **{name: getattr(check, name) for name in _PROSE},
        "references": list(check.references),
        "arguments": {
            "type": "object",
            "additionalProperties": False,
            "properties": {arg.name: arg.schema() for arg in check.args},
            "required": required,
        },
    }


def explained(check: Check) -> str:
    """One entry as text for a terminal."""
    facts = f"{check.unit}, {check.range}; {check.direction} is better; version {check.version}"
    facts += f"; computed on {check.hardware}; takes {check.takes.words()}"
    lines = [f"{check.id}: {check.title}", "", *wrapped(facts)]
    for name in _PROSE:
        lines += ["", name.replace("_", " ").capitalize(), *wrapped(getattr(check, name))]
    if check.args:
        lines += ["", "Arguments"]
        for arg in check.args:
            lines += [f"  {arg.name} ({_kind(arg)})", *wrapped(arg.help, indent="      ")]
    lines += ["", "Needs", *wrapped(", ".join(check.needs)), "", "References"]
    lines += [line for reference in check.references for line in wrapped(reference)]
    return "\n".join(lines) + "\n"


def _kind(arg: Arg) -> str:
    words = f"one of {', '.join(map(str, arg.choices))}" if arg.choices else arg.type
    words += ", or a list of ascending numbers" if arg.type == "bins" else ""
    if arg.default is REQUIRED:
        return f"{words}; required"
    return words if arg.default is None else f"{words}; {safe(arg.default)} by default"
