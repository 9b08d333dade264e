"""A model version as a CycloneDX 1.7 bill of materials with its model card.

What is not known is left out; nothing is guessed. The same facts give the same bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.7.schema.json"
_SPACE: Final = uuid.UUID("0b0a5f4e-2d27-5a53-8f2b-1d3e4c5b6a79")
_SUPERVISED: Final = frozenset({"classifier", "regressor", "scorecard", "ranker"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of a version.

    Parameters
    ----------
    model, version, kind, title, purpose, limitations, format, made_at : str
        Of the inventory; empty where nothing was said.
    digest : str
        The digest that names the version.
    artifact : str
        The digest of the artifact's bytes; empty where scores come in a column.
    datasets : Mapping
        By name, digest and rows of each data set.
    decision : Mapping
        The predicate of the newest decision; empty before the first.
    properties : Mapping
        More that is known, by name.
    """

    model: str
    version: str
    digest: str
    kind: str
    made_at: str
    title: str = ""
    purpose: str = ""
    limitations: str = ""
    format: str = ""
    artifact: str = ""
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    measurements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


def bill_of_materials(card: Card) -> dict[str, Any]:
    """The bill of materials of a version.

    Examples
    --------
    >>> digest = "sha256:" + "0" * 64
    >>> card = Card(model="m", version="1", digest=digest, kind="classifier", made_at="2026-03-01T12:00:00Z")
    >>> found = bill_of_materials(card)
    >>> found["specVersion"], found["components"][0]["type"]
    ('1.7', 'machine-learning-model')
    """
    name = f"{card.model}@{card.version}"
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, card.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": card.made_at,
            "tools": {"components": [{"type": "application", "name": "countersign"}]},
            "component": {"type": "application", "bom-ref": f"version:{name}", "name": card.model},
        },
        "components": [_model(card, name), *_data(card)],
    }


def _model(card: Card, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": card.model,
        "version": card.version,
        "modelCard": {
            "bom-ref": f"card:{name}",
            "modelParameters": _parameters(card),
            "properties": [{"name": f"countersign:{k}", "value": v} for k, v in _properties(card)],
        },
    }
    if card.title:
        found["description"] = card.title
    if card.artifact:
        found["hashes"] = _hashes(card.artifact)
    if metrics := [m for gate in card.decision.get("gates", ()) for m in _metrics(gate, card)]:
        found["modelCard"]["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    if considered := _considerations(card):
        found["modelCard"]["considerations"] = considered
    return found


def _hashes(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]


def _parameters(card: Card) -> dict[str, Any]:
    found: dict[str, Any] = {
        "task": card.kind,
        "datasets": [{"ref": f"data:{n}"} for n in sorted(card.datasets)],
    }
    if card.kind in _SUPERVISED:
        found["approach"] = {"type": "supervised"}
    if card.format and card.format != "none":
        found["modelArchitecture"] = card.format
    return {k: v for k, v in found.items() if v}


def _properties(card: Card) -> Iterator[tuple[str, str]]:
    yield "version-digest", card.digest
    if card.decision:
        yield "decision-outcome", str(card.decision.get("outcome"))
    yield from sorted(card.properties.items())


def _metrics(gate: Mapping[str, Any], card: Card) -> Iterator[dict[str, Any]]:
    told = gate.get("measurement") or card.measurements.get(str(gate.get("evidence")), {})
    if told.get("status") != "measured" or not isinstance(told.get("value"), (int, float)):
        return
    yield {
        "type": told.get("check", gate["id"]),
        "slice": "all",
        **_value(told["value"], told.get("interval")),
    }
    for group in told.get("groups") or ():
        value = group.get("value")
        if group.get("status") == "measured" and isinstance(value, (int, float)):
            words = f"{group.get('attribute')} = {group.get('group')}"
            yield {
                "type": told.get("check", gate["id"]),
                "slice": words,
                **_value(value, group.get("interval")),
            }


def _value(value: float, interval: Sequence[float | None] | None) -> dict[str, Any]:
    found: dict[str, Any] = {"value": repr(value)}
    if interval and all(isinstance(bound, (int, float)) for bound in interval):
        lower, upper = interval
        found["confidenceInterval"] = {"lowerBound": repr(lower), "upperBound": repr(upper)}
    return found


def _considerations(card: Card) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if card.purpose:
        found["useCases"] = [card.purpose]
    if card.limitations:
        found["technicalLimitations"] = [card.limitations]
    return found


def _data(card: Card) -> list[dict[str, Any]]:
    return [
        {
            "type": "data",
            "bom-ref": f"data:{name}",
            "name": name,
            "hashes": _hashes(str(told["digest"])),
            "data": [{"type": "dataset", "name": name, "description": f"{told['rows']} rows"}],
        }
        for name, told in sorted(card.datasets.items())
    ]
