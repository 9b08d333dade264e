"""Jobs: deciding a policy of twelve gates, many models under ten policies, and reading policy files."""

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


POLICIES, MODELS = 10, 1_000


@job
def portfolio_ours(rounds: str) -> dict[str, Any]:
    """Every model decided under ten policies of twelve gates, a sentence for each gate."""
    from datetime import UTC, datetime

    from apps.engine.decide import MeasuredGate, SubjectFacts, decide
    from apps.engine.policy import Library, read_policy, select

    texts = [_policy().replace(b'"bench"', f'"bench-{k}"'.encode()) for k in range(POLICIES)]
    texts = [text.replace(b"performance.auc-", f"p{k}.auc-".encode()) for k, text in enumerate(texts)]
    policies = [read_policy(text, name="bench", library=Library.shipped()) for text in texts]
    now, data = datetime(2026, 11, 1, tzinfo=UTC), {"holdout": "sha256:" + "1" * 64}
    gates = [gate for policy in policies for gate in policy.gates]

    def model(i: int) -> tuple[Any, Any]:
        subject = SubjectFacts(
            model=f"m-{i}", version="1", digest="sha256:0", dataset_digests=data, facts={"model.tier": 1}
        )
        value = {"value": 0.7 + (i % 97) / 1000, "interval": [0.69 + (i % 97) / 1000, 0.71 + (i % 97) / 1000]}
        return subject, {
            gate.id: MeasuredGate(
                measurement={**_measurement(gate), **value}, measured_at=now, dataset_digests=data
            )
            for gate in gates
        }

    models = [model(i) for i in range(MODELS)]

    def way() -> None:
        for subject, measured in models:
            chosen = select(policies, facts=subject.facts, now=now, environment="production")
            decide(policies=chosen, measurements=measured, now=now, subject=subject)

    return {"seconds": _middle(way, int(rounds)), "rows": MODELS}


@peer("cel-python")
def portfolio_cel(rounds: str) -> dict[str, Any]:
    """The same number of compiled conditions for a fiftieth of the models; no reasons."""
    import celpy

    kept = celpy.Environment()
    every = POLICIES * GATES
    programs = [kept.program(kept.compile(f"m.g{k} >= {0.5 + k % GATES / 100}")) for k in range(every)]
    values = {"m": celpy.json_to_cel({f"g{k}": 0.8 for k in range(every)})}
    some = MODELS // 50
    way = lambda: [program.evaluate(values) for _ in range(some) for program in programs]  # noqa: E731
    return {"seconds": _middle(way, int(rounds)), "rows": some}


def _shipped() -> list[bytes]:
    from tests.bench.measuring import ROOT

    return [path.read_bytes() for path in sorted((ROOT / "policies").glob("*/policy.yaml"))]


@job
def reading_ours(rounds: str) -> dict[str, Any]:
    """`lint` of every policy that ships: strict YAML, form, catalogue, inheritance, controls."""
    from apps.engine.policy import Library
    from apps.engine.policy.lint import lint
    from apps.engine.policy.regulation import shipped_controls

    library, controls, texts = Library.shipped(), shipped_controls(), _shipped()
    faults = [lint(text, name="p.yaml", library=library, controls=controls) for text in texts]

    def way() -> None:
        for text in texts:
            lint(text, name="p.yaml", library=library, controls=controls)

    return {"seconds": _middle(way, int(rounds)), "rows": len(texts), "faults": sum(map(len, faults))}


@peer("PyYAML", "jsonschema")
def reading_schema(rounds: str) -> dict[str, Any]:
    """The same files by libyaml and a JSON Schema of the outer form."""
    import jsonschema
    import yaml

    texts, loader = _shipped(), getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    checked = jsonschema.Draft202012Validator(_schema())

    def way() -> None:
        for text in texts:
            checked.validate(yaml.load(text, Loader=loader))  # noqa: S506 - text only, our own files

    return {"seconds": _middle(way, int(rounds)), "rows": len(texts)}


def _schema() -> dict[str, Any]:
    text, any_object = {"type": "string"}, {"type": "object"}
    gate = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$"},
            "enforcement": {"enum": ["advisory", "waivable", "mandatory"]},
            "severity": {"enum": ["low", "medium", "high", "critical"]},
            "pass": any_object,
            "controls": {"type": "array", "items": text},
        },
    }
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "effective", "gates"],
        "properties": {
            "apiVersion": text,
            "kind": {"const": "Policy"},
            "metadata": {"type": "object", "required": ["id", "version", "title"]},
            "effective": any_object,
            "gates": {"type": "array", "items": gate},
            "evidence": {"type": "array", "items": any_object},
            "approvals": any_object,
        },
    }


def _middle(work: Any, rounds: int) -> float:
    """The median of single calls."""
    import time

    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken[1:])
