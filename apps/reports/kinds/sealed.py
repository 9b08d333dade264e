"""The newest decisions of a version as their statements say them, with the measurements they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.audit.queries import keys, read_statement
from apps.gates.queries import latest_decision
from apps.inventory.models import ModelVersion, Use
from apps.inventory.queries import uses_of
from apps.reports.documents import MEASURED, SEALED, Cell, Table, label, number, rounded, words

ORDER = ("error", "fail", "missing", "insufficient", "warn", "pass", "not_applicable")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A decision for one use, read only after every signature held."""

    use: Use
    digest: str
    predicate: Mapping[str, Any]
    statements: Mapping[str, Any]

    def measurement(self, gate: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a gate's evidence seals; nothing where the gate was not measured."""
        found = self.statements.get(str(gate.get("evidence")))
        return found["predicate"]["measurement"] if found else {}


def sealed_decisions(version: ModelVersion) -> list[Sealed]:
    """The newest decision for each use that has one."""
    trusted, found = keys(), []
    for use in uses_of(version.model):
        decision = latest_decision(version, use)
        if decision is None:
            continue
        behind = decision.run.evidence.values_list("statement_digest", flat=True)
        digests = [decision.statement_digest, *behind]
        statements = {d: read_statement(d, trusted=trusted) for d in digests}
        said = statements[decision.statement_digest]["predicate"]
        found.append(Sealed(use, decision.statement_digest, said, statements))
    return found


def gates_table(sealed: Sealed) -> Table:
    """Every gate with its value, interval and bound, each linked to its evidence."""
    return Table(
        f"Gates for {sealed.use.key}",
        ("Gate", "Result", "Value", "95 % interval", "Must hold", "Bound set by", "n"),
        [_gate_row(sealed, gate) for gate in ranked(sealed.predicate["gates"])],
        empty="No gate applied.",
    )


def ranked(gates: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Gates, those first that are not met."""
    return sorted(gates, key=_rank)


def _rank(gate: Mapping[str, Any]) -> int:
    """What is not met stands first."""
    return ORDER.index(gate["outcome"]) if gate["outcome"] in ORDER else len(ORDER)


def _gate_row(sealed: Sealed, gate: Mapping[str, Any]) -> list[Cell]:
    found, evidence = sealed.measurement(gate), str(gate.get("evidence") or "")
    low, high = found.get("interval") or (None, None)
    interval = f"{rounded(low)} to {rounded(high)}" if low is not None and high is not None else ""
    bound = ", ".join(
        f"{'at least' if k == 'min' else 'at most'} {v}" for k, v in (gate.get("bound") or {}).items()
    )
    return [
        label(gate["id"]),
        words(gate["outcome"], SEALED, sealed.digest),
        number(found.get("value"), str(found.get("provenance") or MEASURED), evidence),
        words(interval, str(found.get("provenance") or MEASURED), evidence),
        words(bound, SEALED, sealed.digest),
        label(gate.get("source") or "–"),
        number(found.get("n"), MEASURED, evidence),
    ]


def outcome_sentence(sealed: Sealed) -> str:
    """One sentence of what was decided for a use."""
    gates = sealed.predicate["gates"]
    unmet = [gate for gate in gates if gate["outcome"] not in ("pass", "warn", "not_applicable")]
    stops = sum(gate.get("enforcement") != "advisory" for gate in unmet)
    told = f"{len(gates) - len(unmet)} of {len(gates)} gates are met"
    if unmet:
        told += f"; {len(unmet)} {'is' if len(unmet) == 1 else 'are'} not, "
        told += f"{stops} of them binding" if stops else "and none of them binds"
    return f"For {sealed.use.key} the decision is {sealed.predicate['outcome']}: {told}."
