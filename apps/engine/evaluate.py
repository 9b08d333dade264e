"""Every gate of the policies that apply: measured, then decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.engine.errors import BadInput
from apps.engine.measure import DEVELOPMENT, HOLDOUT, measure
from apps.engine.subject import Subject

Progress = Callable[[Mapping[str, Any]], None]


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
    held: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[str, Any]] = {}
    for done, gate in enumerate(gates):
        say({"done": done, "of": len(gates), "gate": gate["id"]})
        question = _question(gate)
        if question not in held:
            held[question] = _measured(subject, gate, seed)
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


def _question(gate: Mapping[str, Any]) -> str:
    parts = [gate["check"], gate.get("arguments"), gate.get("dataset"), gate.get("reference")]
    return json.dumps(parts, sort_keys=True, default=str)


def _measured(subject: Subject, gate: Mapping[str, Any], seed: int) -> dict[str, Any]:
    try:
        return measure(
            gate["check"],
            subject,
            dataset=gate.get("dataset") or HOLDOUT,
            reference=gate.get("reference") or DEVELOPMENT,
            arguments=gate.get("arguments"),
            seed=seed,
        ).as_json()
    except BadInput as problem:
        raise BadInput(f"The gate {gate['id']} cannot be measured. {problem}") from problem
