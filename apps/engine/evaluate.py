"""Every gate of the policies: measured, then decided."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apps.engine.decide import Decision, MeasuredGate, SubjectFacts, decide, gates_for
from apps.engine.errors import BadInput, Problem
from apps.engine.manifest import Manifest
from apps.engine.policy.model import Policy
from apps.engine.policy.vocabulary import FIELDS
from apps.engine.version import ENGINE_VERSION

if TYPE_CHECKING:  # reading data takes a numeric library; deciding does not
    from apps.engine.subject import Subject

Progress = Callable[[Mapping[str, Any]], None]


def evaluate(
    subject: Subject,
    policies: Sequence[Policy],
    *,
    now: datetime,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure every gate of the policies here, and decide.

    Every gate is asked whether or not the policy is in force at `now` and speaks of this model: that
    much is only said, as ``in_force`` and ``applies`` of each policy.

    Parameters
    ----------
    now : datetime
        With a time zone: the time of the decision.
    progress : callable, optional
        As in `measure_gates`.

    Returns
    -------
    dict
        The Evaluation of the interface, as plain JSON.

    Raises
    ------
    BadInput
        A file, a column or an argument cannot be used as given.
    """
    facts = facts_of(subject.manifest)
    measurements = measure_gates(subject, questions(policies, facts), seed=seed, progress=progress)
    return evaluation(subject_json(subject), policies, measurements, facts=facts, now=now)


def evaluation(
    about: Mapping[str, Any],
    policies: Sequence[Policy],
    measurements: Mapping[str, Mapping[str, Any]],
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The Evaluation of the interface, from measurements made just now (see `subject_json`)."""
    decision = decided(about, policies, measurements, facts=facts, now=now)
    named = [_named(policy, facts, now) for policy in policies]
    return {
        "kind": "Evaluation",
        "engine": ENGINE_VERSION,
        "subject": about,
        "policy": named[0] if named else None,
        **({"policies": named} if len(named) > 1 else {}),
        "as_of": now.astimezone(UTC).date().isoformat(),
        "outcome": decision.outcome,
        "reasons": list(decision.reasons),
        "gates": [_timeless(gate.as_json()) for gate in decision.gates],
    }


def questions(policies: Sequence[Policy], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the policies' gates ask of a model with these facts, as plain JSON for `measure_gates`."""
    return [
        {
            "id": gate.id,
            "check": gate.check,
            "arguments": dict(gate.arguments),
            "dataset": gate.dataset,
            "reference": gate.reference,
        }
        for gate in gates_for(policies)
        if gate.speaks_of(facts)
    ]


def decided(
    about: Mapping[str, Any],
    policies: Sequence[Policy],
    measurements: Mapping[str, Mapping[str, Any]],
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> Decision:
    """Decide on measurements made just now on the subject that `about` names (see `subject_json`)."""
    digests = {name: data["digest"] for name, data in about["datasets"].items()}
    arguments = {gate.id: gate.arguments for gate in gates_for(policies)}
    measured = {
        name: MeasuredGate(
            measurement=found,
            measured_at=now,
            artifact_digest=about["artifact"],
            dataset_digests=digests,
            arguments=arguments.get(name),
        )
        for name, found in measurements.items()
    }
    subject = SubjectFacts(
        model=about["model"],
        version=about["version"],
        digest=about["digest"],
        artifact_digest=about["artifact"],
        dataset_digests=digests,
        facts=facts,
    )
    return decide(policies=policies, measurements=measured, now=now, subject=subject)


def facts_of(manifest: Manifest) -> dict[str, Any]:
    """What a manifest says of the fields that policies match on."""
    spec = {**manifest.spec, "key": manifest.model, "artifact_format": manifest.format}
    named = {field: spec.get(field.removeprefix("model.")) for field in FIELDS}
    return {field: value for field, value in named.items() if value is not None}


def measure_gates(
    subject: Subject,
    gates: Sequence[Mapping[str, Any]],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure the check of each gate; gates that ask the same question share one measurement.

    Parameters
    ----------
    gates : sequence of mapping
        Each with ``id``, ``check`` and perhaps ``arguments``, ``dataset``, ``reference``.
    progress : callable, optional
        Called with ``{"done": n, "of": m, "gate": id}`` before each gate, and once at the end.

    Returns
    -------
    dict
        The measurement of each gate, as JSON, by gate id.

    Raises
    ------
    BadInput
        Names the gate whose check cannot be used as given.
    """
    say = progress or (lambda _: None)
    _prepare(subject, gates)
    held: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[str, Any]] = {}
    for done, gate in enumerate(gates):
        say({"done": done, "of": len(gates), "gate": gate["id"]})
        question = _question(gate)
        if question not in held:
            held[question] = measured_gate(subject, gate, seed)
        found[gate["id"]] = held[question]
    say({"done": len(gates), "of": len(gates), "gate": None})
    return found


def subject_json(subject: Subject) -> dict[str, Any]:
    """The subject of an evaluation: names and digests of everything it rests on."""
    artifact = subject.artifact
    return {
        "model": subject.manifest.model,
        "version": subject.manifest.version,
        "digest": subject.digest,
        "artifact": None if artifact is None else f"sha256:{artifact.sha256}",
        "datasets": {
            name: {"digest": data.digest, "rows": data.rows} for name, data in subject.datasets.items()
        },
    }


def _named(policy: Policy, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **policy.named(),
        "in_force": policy.effective.covers(now),
        "applies": policy.applies_to.covers(facts, None),
    }


def _timeless(gate: Mapping[str, Any]) -> dict[str, Any]:
    """The gate without the moment it was measured, so that two runs give the same bytes."""
    return {key: value for key, value in gate.items() if key != "measured_at"}


def _prepare(subject: Subject, gates: Sequence[Mapping[str, Any]]) -> None:
    """One pass over each large data set for all gates; a gate that cannot be asked is refused later."""
    from apps.engine.measure import DEVELOPMENT, HOLDOUT

    with contextlib.suppress(Problem):
        if any(data.large for data in subject.datasets.values()):
            from apps.engine.summaries.gates import prepare

            prepare(subject, gates, dataset=HOLDOUT, reference=DEVELOPMENT)


def _question(gate: Mapping[str, Any]) -> str:
    parts = [gate["check"], gate.get("arguments"), gate.get("dataset"), gate.get("reference")]
    return json.dumps(parts, sort_keys=True, default=str)


def measured_gate(subject: Subject, gate: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The measurement of one gate, as JSON; BadInput names the gate."""
    from apps.engine.measure import DEVELOPMENT, HOLDOUT, measure

    try:
        return measure(
            gate["check"],
            subject,
            dataset=gate.get("dataset") or HOLDOUT,
            reference=gate.get("reference") or DEVELOPMENT,
            arguments=gate.get("arguments"),
            seed=seed,
            of_gate=True,
        ).as_json()
    except BadInput as problem:
        raise BadInput(f"The gate {gate['id']} cannot be measured. {problem}") from problem
