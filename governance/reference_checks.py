"""The reference pages of lifecycles and of the catalogue: one for each check."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby

from apps.approvals.states import APPROVAL_MOVES, FINDING_MOVES
from apps.engine.catalogue import Arg, Check, all_checks
from apps.engine.catalogue.spec import REQUIRED
from apps.engine.measure import function_of
from apps.engine.policy import Library, Policy, read_policy
from apps.gates.states import PARTITION_MOVES, RUN_MOVES
from apps.inventory.states import CONVERSION_MOVES
from governance.settings import BASE_DIR

GENERATED = "<!-- Written by `./countersign write_reference`; change the code, not this page. -->\n"
LIFECYCLES: Mapping[str, tuple[str, Mapping[str, frozenset[str]]]] = {
    "Run": ("One evaluation of all gates that apply. A lost lease leads back to queued.", RUN_MOVES),
    "Partition": (
        "Some parts of a run's data. It ends with its run; what was summed up and is gone is done again.",
        PARTITION_MOVES,
    ),
    "ConversionJob": (
        "A file that can run code, made by a worker into one that is data. A lost worker leads back.",
        CONVERSION_MOVES,
    ),
    "Approval": ("The sum of the sign-offs that the tier requires. Expiry is a date.", APPROVAL_MOVES),
    "Finding": ("A weakness with severity, owner and due date.", FINDING_MOVES),
}
_INTRODUCTION = (
    "One page for each check: what it is for, what it computes exactly, and what a validator should know "
    "before relying on it. A check has one definition; where two good books differ, the choice is an "
    "argument and the value used is printed with the number. `countersign measure ID model.yaml` measures "
    "one, `countersign catalogue ID` prints its page in a terminal."
)


def pages() -> dict[str, str]:
    """The text of each page by its name below docs."""
    checks = all_checks()
    found = {"reference/lifecycles.md": lifecycles(), "checks/index.md": index(checks.values())}
    return found | {f"checks/{check.id}.md": page_of(check) for check in checks.values()}


def lifecycles() -> str:
    """A state diagram for each lifecycle."""
    parts = [
        "# Lifecycles\n",
        GENERATED,
        "Only these things have a state; the database refuses any other move.\n",
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
    """Every check with its title, unit and direction, by family."""
    parts = ["# Checks\n", GENERATED, f"{_INTRODUCTION}\n"]
    for family, members in groupby(checks, key=lambda check: check.family):
        rows = [[f"[`{c.id}`]({c.id}.md)", c.title, c.unit, c.direction] for c in members]
        parts += [f"## {family.capitalize()}\n", _table(["check", "measures", "unit", "better"], rows), ""]
    return "\n".join(parts)


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
    parts += [*_inputs(check), *_example(check), *_used(check)]
    return "\n".join([*parts, "## References\n", *(f"- {r}" for r in check.references), ""])


def _argument(arg: Arg) -> list[str]:
    default = "required" if arg.default is REQUIRED else f"`{arg.default!r}`"
    return [f"`{arg.name}`", _type(arg), default, arg.help]


def _type(arg: Arg) -> str:
    if arg.choices:
        listed = " or ".join(f"`{choice}`" for choice in arg.choices)
        return listed + (", or a list of ascending numbers" if arg.type == "bins" else "")
    low, high = arg.minimum, arg.maximum
    if low is None and high is None:
        return arg.type
    ends = (f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else "")
    return f"{arg.type} {' '.join(end for end in ends if end)}"


def _inputs(check: Check) -> list[str]:
    """What the check reads, whether it takes weights, and whether parts of a data set can be merged."""
    needs = [need.removesuffix("?") for need in check.needs]
    read = ", ".join(f"`{need}`" for need in needs if need not in ("count", "seed", "roles"))
    lines = [f"- Reads: {read}." if read else "- Reads no data."]
    if "weight" in needs:
        lines.append("- Is handed the weight column where the manifest names one; see Conventions.")
    if "count" in needs:
        lines.append("- Needs counts only: the parts of a data set can be summarised apart and merged.")
    lines.append(f"- Takes {check.takes.words()}.")
    return ["## Inputs\n", *lines, ""]


def _example(check: Check) -> list[str]:
    """The worked example that stands in the function's docstring and runs as a test."""
    text = inspect.getdoc(function_of(check)) or ""
    _, found, rest = text.partition("Examples\n--------\n")
    if not found:
        return []
    return ["## Worked example\n", "```python", rest.split("\n\n\n")[0].strip(), "```\n"]


@cache
def _shipped() -> tuple[Policy, ...]:
    """The policies that come with the product."""
    folder = BASE_DIR / "policies"
    library = Library.folder(folder)
    files = sorted(folder.glob("*/policy.yaml"))
    return tuple(read_policy(file.read_bytes(), name=file.parent.name, library=library) for file in files)


def _used(check: Check) -> list[str]:
    gates = [
        [f"`{policy.id}`", f"`{gate.id}`", gate.bound.words(), gate.enforcement, gate.source]
        for policy in _shipped()
        for gate in policy.gates
        if gate.check == check.id
    ]
    if not gates:
        return []
    return [
        "## Gates that ship with it\n",
        _table(["policy", "gate", "bound", "enforcement", "source"], gates),
        "",
    ]
