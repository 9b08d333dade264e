"""The facts of a run: evidence for each gate, the decision, the cost; all sealed in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.costs.commands import enter
from apps.engine.decide import Decision as Decided
from apps.engine.decide import GateResult, MeasuredGate, SubjectFacts, decide
from apps.engine.disclosure import least_rows, withheld
from apps.engine.policy import Gate, Policy
from apps.engine.version import ENGINE_VERSION
from apps.gates.clock import database_now
from apps.gates.commands.leases import still_mine
from apps.gates.measuring import Found
from apps.gates.models import Decision, Evidence, Run
from apps.gates.queries import data_read
from apps.gates.states import RunState

EVIDENCE = "https://countersign.dev/evidence/v1"
DECISION = "https://countersign.dev/decision/v1"


@transaction.atomic
def decide_and_seal(
    *, by: Acting, run: Run, policies: Sequence[Policy], gates: Sequence[Gate], found: Found
) -> Run:
    """Seal evidence, decision and cost, and end the run; all of it, or for a worker too late nothing."""
    held = still_mine(run)
    least = least_rows(policies)
    measured = {gate.id: _measured(held, gate, found, least) for gate in gates}
    now = database_now()
    decided = decide(policies=policies, measurements=measured, now=now, subject=_subject(held))
    digests = {gate.id: _seal_evidence(by, held, gate, measured[gate.id], found) for gate in gates}
    _seal_decision(by, held, decided, digests)
    enter(by=by, run=held, usage=found.usage)
    return _finish(by, held, decided, now)


def _measured(run: Run, gate: Gate, found: Found, least: int) -> MeasuredGate:
    measurement = withheld(found.measurements[gate.id], least)
    return MeasuredGate(
        measurement=measurement,
        measured_at=found.measured_at,
        artifact_digest=run.pinned["artifact"],
        dataset_digests=data_read(run, measurement),
        arguments=gate.arguments,
    )


def _subject(run: Run) -> SubjectFacts:
    return SubjectFacts(
        model=run.version.model.key,
        version=run.version.label,
        digest=run.pinned["version"],
        artifact_digest=run.pinned["artifact"],
        dataset_digests=run.pinned["datasets"],
        facts=run.pinned["fields"],
    )


def _version(run: Run) -> Ref:
    return Ref("version", str(run.version_id), str(run.version), run.pinned["version"])


def _seal_evidence(by: Acting, run: Run, gate: Gate, measured: MeasuredGate, found: Found) -> str:
    statement = audit.seal(
        by=by,
        predicate_type=EVIDENCE,
        subjects=[_version(run)],
        predicate={
            "run": run.pk,
            "gate": gate.id,
            "use": run.use.key,
            "purpose": run.purpose,
            "artifact": measured.artifact_digest,
            "datasets": measured.dataset_digests,
            "engine": ENGINE_VERSION,
            "seed": run.seed,
            "measuredAt": measured.measured_at,
            "measurement": measured.measurement,
            "walls": found.walls,
            "machine": found.machine,
            **({"endpoint": found.endpoint} if found.endpoint else {}),
            **_partitions(measured, found),
        },
        event=EventName.EVIDENCE_SEALED,
    )
    Evidence.objects.create(
        run=run,
        gate=gate.id,
        check_id=measured.measurement["check"],
        check_version=measured.measurement["check_version"],
        artifact_digest=measured.artifact_digest or "",
        dataset_digest=measured.dataset_digests.get(gate.dataset, ""),
        measurement=measured.measurement,
        measured_at=measured.measured_at,
        statement_digest=statement.digest,
    )
    return statement.digest


def _partitions(measured: MeasuredGate, found: Found) -> dict[str, Any]:
    """The statements of the partitions that a measurement was merged from; nothing where it was not."""
    merged = {name: found.partitions[name] for name in measured.dataset_digests if name in found.partitions}
    return {"partitions": merged} if merged else {}


def _seal_decision(by: Acting, run: Run, decided: Decided, digests: Mapping[str, str]) -> Decision:
    document = decided.as_json()
    for gate in document["gates"]:
        gate["evidence"] = digests.get(gate["id"])
    statement = audit.seal(
        by=by,
        predicate_type=DECISION,
        subjects=[_version(run)],
        predicate={
            **document,
            "run": run.pk,
            "use": run.use.key,
            "purpose": run.purpose,
            "pins": run.pins,
            "seed": run.seed,
            # A fact names other facts by digest: the numbers stand in the evidence.
            "gates": [{k: v for k, v in gate.items() if k != "measurement"} for gate in document["gates"]],
        },
        event=EventName.DECISION_SEALED,
    )
    return Decision.objects.create(
        run=run,
        version=run.version,
        use=run.use,
        purpose=run.purpose,
        outcome=decided.outcome,
        document=document,
        policies=document["policies"],
        decided_at=decided.decided_at,
        statement_digest=statement.digest,
    )


def _finish(by: Acting, run: Run, decided: Decided, now: datetime) -> Run:
    results = {result.id: result for result in decided.gates}
    shown = [_shown(row, results.get(row["gate"])) for row in run.progress]
    Run.objects.filter(pk=run.pk, fence=run.fence).update(progress=shown)
    run.progress = shown
    return audit.move(
        run,
        RunState.DECIDED,
        by=by,
        event=EventName.RUN_DECIDED,
        where={"fence": run.fence},
        finished_at=now,
        lease_until=None,
        gates_done=len(shown),
        cause="",
    )


def _shown(row: Mapping[str, Any], result: GateResult | None) -> dict[str, Any]:
    return {**row, "state": "measured", "outcome": result.outcome if result else "missing"}
