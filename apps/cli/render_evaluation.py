"""An evaluation as text for a terminal: what stops it first, one sentence why, the numbers aligned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.cli.render_measurement import with_interval
from apps.cli.text import number, safe, table, wrapped

ORDER = ("fail", "missing", "insufficient", "error", "warn", "pass", "not_applicable")
_WORDS = {"not_applicable": "n/a"}
Gate = Mapping[str, Any]


def evaluation_text(found: Mapping[str, Any]) -> str:
    """The outcome, then each gate with its number, its bound and its reason."""
    gates = sorted(found["gates"], key=lambda gate: _rank(gate["outcome"]))
    subject = found["subject"]
    lines = [
        safe(
            f"{subject['model']} {subject['version']} against {policies(found)}: {found['outcome'].upper()}"
        ),
        f"  {_counts(gates)}",
        *_remarks(found),
        "",
    ]
    rows = table([_cells(gate) for gate in gates])
    for gate, row in zip(gates, rows, strict=True):
        lines.append(row)
        if gate["outcome"] != "pass":
            lines += wrapped(gate["why"], indent="      ")
    return "\n".join(lines).rstrip() + "\n"


def policies(found: Mapping[str, Any]) -> str:
    """The policies by id and version."""
    listed = found.get("policies") or [found["policy"]]
    return ", ".join(f"{policy['id']} {policy['version']}" for policy in listed)


def bound_text(gate: Gate) -> str:
    """``at least 0.8 and at most 1.25, whole interval``.

    >>> bound_text({"bound": {"min": 0.8}, "basis": "interval"})
    'at least 0.8, whole interval'
    """
    bound = gate.get("bound") or {}
    words = {"min": "at least", "max": "at most", "equals": "equal to"}
    parts = [f"{words.get(key, key)} {number(value)}" for key, value in bound.items() if value is not None]
    return " and ".join(parts) + (", whole interval" if parts and gate.get("basis") == "interval" else "")


def value_text(gate: Gate) -> str:
    """The gate's number with its interval, or what stands in its place."""
    measurement = gate.get("measurement")
    if not measurement:
        return "-"
    return with_interval(measurement) if measurement["status"] == "measured" else measurement["status"]


def _cells(gate: Gate) -> Sequence[str]:
    word = str(_WORDS.get(gate["outcome"], gate["outcome"])).upper()
    needs = bound_text(gate)
    worth = ", ".join(safe(gate[key]) for key in ("severity", "enforcement") if gate.get(key))
    return (word, safe(gate["id"]), value_text(gate), f"needs {needs}" if needs else "", worth)


def _remarks(found: Mapping[str, Any]) -> list[str]:
    """Where a policy was asked although it does not bind this model on this day."""
    lines = []
    for policy in found.get("policies") or [found["policy"]]:
        named = f"{policy['id']} {policy['version']}"
        if not policy.get("in_force", True):
            lines += wrapped(
                f"{named} is not in force on {found['as_of']}; its gates were asked all the same."
            )
        if not policy.get("applies", True):
            lines += wrapped(f"{named} does not apply to this model; its gates were asked all the same.")
    if not found["gates"]:
        lines += [line for reason in found["reasons"] for line in wrapped(reason)]
    return lines


def _rank(outcome: str) -> int:
    return ORDER.index(outcome) if outcome in ORDER else 0


def _counts(gates: Sequence[Gate]) -> str:
    outcomes = [gate["outcome"] for gate in gates]
    parts = [f"{outcomes.count(o)} {_WORDS.get(o, o)}" for o in ORDER if o in outcomes]
    return f"{len(gates)} gates: {', '.join(parts)}" if parts else "no gate was evaluated"
