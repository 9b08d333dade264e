"""`countersign measure`: one check, no policy."""

from __future__ import annotations

import argparse
from typing import Any

from apps.cli.output import add_device, add_endpoint, as_json, put
from apps.cli.render_measurement import measurement_text
from apps.engine import strict_yaml
from apps.engine.errors import BadInput

MEASURED, INSUFFICIENT = 0, 3


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser("measure", help="run one check, without a policy", allow_abbrev=False)
    command.add_argument("manifest", metavar="model.yaml")
    command.add_argument("--check", required=True, metavar="ID", help="a check of the catalogue")
    command.add_argument("--dataset", default="holdout", metavar="NAME", help="default: holdout")
    command.add_argument("--reference", default="development", metavar="NAME", help="default: development")
    command.add_argument(
        "--with", dest="arguments", action="append", default=[], metavar="KEY=VALUE",
        help="an argument of the check, as YAML: attributes=[race]",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=0, metavar="N")
    add_device(command)
    add_endpoint(command)
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--out", metavar="FILE", help="write there instead of to the terminal")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0 measured, 3 without a number."""
    from apps.cli.apart import ask, manifest_at
    from apps.engine.arguments import resolve
    from apps.engine.catalogue import find
    from apps.engine.manifest import plain

    arguments = read_arguments(args.arguments)
    path, manifest = manifest_at(args.manifest)
    resolved = plain(resolve(find(args.check), arguments))
    manifest.dataset(args.dataset)
    found = ask(
        {
            "do": "measure",
            "manifest": str(path),
            "check": args.check,
            "dataset": args.dataset,
            "reference": args.reference,
            "arguments": {name: resolved[name] for name in arguments},
            "seed": args.seed,
            "device": args.device,
        },
        recorded=args.recorded,
        transcript=args.transcript,
    )
    put(as_json(found) if args.format == "json" else measurement_text(found), args.out)
    return MEASURED if found["status"] == "measured" else INSUFFICIENT


def read_arguments(pairs: list[str]) -> dict[str, Any]:
    """The ``key=value`` words of the command line; a value is YAML."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BadInput(f'--with takes key=value, not "{pair}".')
        if key in found:
            raise BadInput(f"--with gives {key} twice.")
        found[key] = _value(key, value) if value.strip() else None
    return found


def _value(key: str, text: str) -> Any:
    try:
        return strict_yaml.read(text.encode(), name=key).value
    except BadInput as problem:
        raise BadInput(f'--with {key}: "{text}" is not a YAML value.') from problem
