"""A model version as SPDX 3.0.1 with the AI profile; what is not known is left out."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from apps.engine.cyclonedx import Card
from apps.engine.model_card import measured

CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"


def spdx_document(card: Card, *, domain: str = "") -> dict[str, Any]:
    """A document of one AI package and the data sets that it was evaluated on.

    Examples
    --------
    >>> digest = "sha256:" + "0" * 64
    >>> card = Card(model="m", version="1", digest=digest, kind="classifier", made_at="2026-03-01T12:00:00Z")
    >>> [thing["type"] for thing in spdx_document(card)["@graph"]]
    ['CreationInfo', 'SoftwareAgent', 'ai_AIPackage', 'SpdxDocument']
    """
    base = f"urn:countersign:{quote(card.model, safe='')}:{quote(card.version, safe='')}"
    made = "_:made"
    data = [_data(base, name, str(told["digest"]), made) for name, told in sorted(card.datasets.items())]
    agent = {"type": "SoftwareAgent", "spdxId": f"{base}:agent", "creationInfo": made, "name": "Countersign"}
    graph: list[dict[str, Any]] = [
        _creation(card, made, f"{base}:agent"),
        agent,
        _package(card, base, made, domain),
    ]
    graph += data
    if data:
        graph.append({
            "type": "Relationship",
            "spdxId": f"{base}:tested-on",
            "creationInfo": made,
            "from": f"{base}:model",
            "relationshipType": "testedOn",
            "to": [one["spdxId"] for one in data],
        })  # fmt: skip
    graph.append({
        "type": "SpdxDocument",
        "spdxId": f"{base}:document",
        "creationInfo": made,
        "name": f"{card.model}@{card.version}",
        "profileConformance": ["core", "software", "ai", *(["dataset"] if data else [])],
        "rootElement": [f"{base}:model"],
    })  # fmt: skip
    return {"@context": CONTEXT, "@graph": graph}


def _creation(card: Card, made: str, agent: str) -> dict[str, Any]:
    at = card.made_at.split(".")[0].removesuffix("Z") + "Z"  # SPDX knows whole seconds only
    return {"type": "CreationInfo", "@id": made, "created": at, "createdBy": [agent], "specVersion": "3.0.1"}


def _package(card: Card, base: str, made: str, domain: str) -> dict[str, Any]:
    metrics = [
        {"type": "DictionaryEntry", "key": gate, "value": repr(told["value"])}
        for gate, told in measured(card)
    ]
    found: dict[str, Any] = {
        "type": "ai_AIPackage",
        "spdxId": f"{base}:model",
        "creationInfo": made,
        "name": card.model,
        "software_packageVersion": card.version,
        "software_primaryPurpose": "model",
        "description": card.title,
        "verifiedUsing": [_hash(card.artifact or card.digest)],
        "ai_typeOfModel": [card.kind],
        "ai_domain": [domain] if domain else [],
        "ai_limitation": card.limitations,
        "ai_informationAboutApplication": card.purpose,
        "ai_metric": metrics,
    }
    return {name: value for name, value in found.items() if value}


def _data(base: str, name: str, digest: str, made: str) -> dict[str, Any]:
    return {
        "type": "dataset_DatasetPackage",
        "spdxId": f"{base}:data:{quote(name, safe='')}",
        "creationInfo": made,
        "name": name,
        "software_primaryPurpose": "data",
        "dataset_datasetType": ["structured"],
        "verifiedUsing": [_hash(digest)],
    }


def _hash(digest: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": digest.removeprefix("sha256:")}
