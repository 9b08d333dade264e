"""Bills of materials against the schema that CycloneDX publishes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from apps.engine.cyclonedx import Card, bill_of_materials

FOLDER = Path(__file__).parent / "schemas"
DIGEST = "sha256:" + "0123456789abcdef" * 4
BARE = Card(model="credit-pd", version="7", digest=DIGEST, kind="classifier", made_at="2026-03-01T12:00:00Z")
MEASURED = {
    "status": "measured",
    "check": "fairness.selection",
    "value": 0.83,
    "interval": [0.8, 0.86],
    "groups": [
        {"status": "measured", "attribute": "sex", "group": "F", "value": 0.79, "interval": [None, 0.9]},
        {"status": "too_few", "attribute": "sex", "group": "X", "value": None},
    ],
}
FULL = replace(
    BARE,
    title="Probability of default, “retail”",
    purpose="Deciding on loans <b>of households</b>",
    limitations="Not for companies.",
    format="xgboost",
    artifact=DIGEST,
    datasets={"holdout": {"digest": DIGEST, "rows": 400}, "développement": {"digest": DIGEST, "rows": 0}},
    decision={
        "outcome": "fail",
        "gates": [{"id": "fairness", "evidence": DIGEST}, {"id": "told", "measurement": MEASURED}],
    },
    measurements={DIGEST: MEASURED | {"interval": None}},
    properties={"tier": "1", "unit": "retail"},
)


@cache
def validator() -> Any:
    """The published schema of 1.7, with those that it refers to."""
    read = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.SNAPSHOT.schema.json"))]
    found = Registry().with_resources((one["$id"], Resource(one, DRAFT7)) for one in read)
    main = next(one for one in read if one["$id"].endswith("bom-1.7.schema.json"))
    return jsonschema.Draft7Validator(main, registry=found)


@pytest.mark.parametrize(
    "card", [BARE, FULL, replace(FULL, artifact="", datasets={}, decision={}, format="none")]
)
def test_a_bill_of_materials_is_what_the_schema_asks_for(card: Card) -> None:
    faults = [
        f"{error.json_path}: {error.message}" for error in validator().iter_errors(bill_of_materials(card))
    ]
    assert faults == []


def test_the_schema_is_really_asked() -> None:
    wrong = bill_of_materials(FULL)
    wrong["components"][0]["hashes"] = [{"alg": "SHA-256", "content": "nothing"}]
    assert [error.json_path for error in validator().iter_errors(wrong)] == [
        "$.components[0].hashes[0].content"
    ]


def test_the_same_card_gives_the_same_bytes() -> None:
    assert json.dumps(bill_of_materials(FULL)) == json.dumps(bill_of_materials(replace(FULL)))
