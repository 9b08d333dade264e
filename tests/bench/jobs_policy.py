"""Jobs: deciding a policy of twelve gates."""

from __future__ import annotations

from typing import Any

from tests.bench.measuring import median
from tests.bench.registry import job, peer

GATES = 12


@job
def policy_ours(rounds: str) -> dict[str, Any]:
    """`decide` with every reason in words, measurements judged with their intervals and pins."""
    from datetime import UTC, datetime

    from apps.engine.decide import MeasuredGate, SubjectFacts, decide
    from apps.engine.policy import Library, read_policy

    policy = read_policy(_policy(), name="bench", library=Library.shipped())
    now = datetime(2026, 11, 1, tzinfo=UTC)
    subject = SubjectFacts(
        model="credit-pd", version="1", digest="sha256:" + "0" * 64, facts={"model.tier": 1}
    )
    data = {"holdout": "sha256:" + "1" * 64}
    subject = SubjectFacts(
        model="credit-pd", version="1", digest=subject.digest, dataset_digests=data, facts=subject.facts
    )
    measured = {
        gate.id: MeasuredGate(measurement=_measurement(gate), measured_at=now, dataset_digests=data)
        for gate in policy.gates
    }

    def way() -> Any:
        return decide(policies=[policy], measurements=measured, now=now, subject=subject)

    outcomes = [gate.outcome for gate in way().gates]
    return {"seconds": _middle(way, int(rounds)), "outcome": way().outcome, "gates": outcomes}


def _policy() -> bytes:
    import json

    gates = [
        {
            "id": f"performance.auc-{k}",
            "title": f"Gate {k}",
            "check": "performance.auc",
            "with": {"dataset": "holdout"},
            "pass": {"min": 0.5 + k / 100},
            "warn": {"min": 0.55 + k / 100},
            "enforcement": "mandatory",
            "severity": "high",
            "source": "firm",
            "max_age": "P180D",
        }
        for k in range(GATES)
    ]
    kept = {"id": "bench", "version": "1.0.0", "title": "Twelve gates", "owner": "model-risk-policy"}
    return json.dumps(
        {
            "apiVersion": "governance/v1",
            "kind": "Policy",
            "metadata": kept,
            "effective": {"from": "2026-01-01", "until": None},
            "applies_to": {"environments": ["production"], "match": {"model.tier": [1]}},
            "gates": gates,
        }
    ).encode()


def _measurement(gate: Any) -> dict[str, Any]:
    from apps.engine.catalogue import find

    return {
        "check": gate.check,
        "check_version": find(gate.check).version,
        "status": "measured",
        "value": 0.8,
        "interval": [0.78, 0.82],
        "n": 10_000,
        "provenance": "governed",
        "parameters": {"dataset": "holdout"},
    }


@peer("cel-python")
def policy_cel(rounds: str) -> dict[str, Any]:
    """Twelve compiled conditions in CEL, evaluated; no reasons."""
    import celpy

    kept = celpy.Environment()
    programs = [kept.program(kept.compile(f"m.g{k} >= {0.5 + k / 100}")) for k in range(GATES)]
    values = {"m": celpy.json_to_cel({f"g{k}": 0.8 for k in range(GATES)})}
    return {"seconds": _middle(lambda: [program.evaluate(values) for program in programs], int(rounds))}


def _middle(work: Any, rounds: int) -> float:
    """The median of single calls."""
    import time

    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken[1:])
