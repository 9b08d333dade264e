"""The reference pages of lifecycles and of the catalogue: one for each check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.approvals.states import APPROVAL_MOVES, FINDING_MOVES
from apps.engine.catalogue import Arg, Check, all_checks
from apps.engine.catalogue.spec import REQUIRED
from apps.gates.states import RUN_MOVES

GENERATED = "<!-- Written by `./countersign write_reference`; change the code, not this page. -->\n"
LIFECYCLES: Mapping[str, tuple[str, Mapping[str, frozenset[str]]]] = {
    "Run": ("One evaluation of all gates that apply. A lost lease leads back to queued.", RUN_MOVES),
    "Approval": ("The sum of the sign-offs that the tier requires. Expiry is a date.", APPROVAL_MOVES),
    "Finding": ("A weakness with severity, owner and due date.", FINDING_MOVES),
}


def pages() -> dict[str, str]:
    """The text of each page by its name below docs/reference."""
    checks = all_checks()
    found = {"lifecycles.md": lifecycles(), "checks/index.md": index(checks.values())}
    return found | {f"checks/{check.id}.md": page_of(check) for check in checks.values()}


def lifecycles() -> str:
    """A state diagram for each of the three lifecycles."""
    parts = [
        "# Lifecycles\n",
        GENERATED,
        "Only these three things have a state; the database refuses any other move.\n",
    ]
    for name, (sentence, moves) in LIFECYCLES.items():
        parts += [f"## {name}\n", f"{sentence}\n", _diagram(moves)]
    return "\n".join(parts)


def _diagram(moves: Mapping[str, frozenset[str]]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    lines += [f"    {old} --> {new}" for old, targets in moves.items() for new in sorted(targets)]
    lines += [f"    {state} --> [*]" for state, targets in moves.items() if not targets]
    return "\n".join([*lines, "```\n"])


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def index(checks: Iterable[Check]) -> str:
    """Every check with its title, unit and direction."""
    rows = [[f"[`{c.id}`]({c.id}.md)", c.title, c.unit, c.direction] for c in checks]
    return "\n".join(["# Checks\n", GENERATED, _table(["check", "measures", "unit", "better"], rows), ""])


def page_of(check: Check) -> str:
    """The reference page of one check."""
    parts = [
        f"# {check.title}\n",
        GENERATED,
        f"`{check.id}`, version {check.version}. Unit: {check.unit}; range {check.range}; "
        f"better: {check.direction}.\n",
    ]
    sections = {
        "Purpose": check.purpose,
        "Definition": check.definition,
        "Conventions": check.conventions,
        "Edge cases": check.edge_cases,
        "Interval": check.interval,
        "Mechanism": check.mechanism,
        "Signs of high risk": check.signs_of_high_risk,
        "Strengths": check.strengths,
        "Limitations": check.limitations,
        "Cost": check.cost,
    }
    for title, text in sections.items():
        parts += [f"## {title}\n", f"{text}\n"]
    if check.args:
        parts += [
            "## Arguments\n",
            _table(["argument", "type", "default", "meaning"], map(_argument, check.args)),
            "",
        ]
    return "\n".join([*parts, "## References\n", *(f"- {r}" for r in check.references), ""])


def _argument(arg: Arg) -> list[str]:
    default = "required" if arg.default is REQUIRED else f"`{arg.default!r}`"
    return [f"`{arg.name}`", arg.type, default, arg.help]
