"""Model card, in-toto, OpenLineage and SPDX against what their projects publish."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement
from spdx_python_model import v3_0_1 as spdx

from apps.engine.cyclonedx import Card
from apps.engine.errors import BadInput
from apps.engine.intoto import test_result as result_of
from apps.engine.intoto import verification_result
from apps.engine.model_card import model_card
from apps.engine.openlineage import run_event
from apps.engine.spdx import spdx_document
from tests.engine.test_cyclonedx import BARE, DIGEST, FULL

SCHEMA = Path(__file__).parent / "schemas" / "openlineage-2-0-2-run-event.schema.json"
AT = "2026-03-01T12:00:00.000000Z"
POLICY = {"id": "credit-tier1", "version": "3.1.0", "digest": DIGEST}
GATES = [
    {
        "id": "auc",
        "outcome": "pass",
        "bound": {"min": 0.7},
        "measurement": {"status": "measured", "value": 0.8},
    },
    {"id": "drift", "outcome": "warn", "enforcement": "advisory"},
    {"id": "fairness", "outcome": "fail", "evidence": DIGEST, "bound": {"min": 0.8}},
    {"id": "sbom", "outcome": "not_applicable"},
    {"id": "stability", "outcome": "insufficient"},
]
DECIDED = replace(FULL, decision={"outcome": "fail", "policies": [POLICY], "gates": GATES})


@cache
def lineage() -> Any:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


# Model card ----------------------------------------------------------------------------------------------


def front(card: Card) -> dict[str, Any]:
    _, head, _ = model_card(card).split("---\n", 2)
    return dict(yaml.safe_load(head))


def test_the_front_matter_is_what_a_hub_reads() -> None:
    found = front(DECIDED)
    assert (found["pipeline_tag"], found["library_name"]) == ("tabular-classification", "xgboost")
    (index,) = found["model-index"]
    assert index["name"] == "credit-pd@7"
    for result in index["results"]:
        assert {"type"} <= result["task"].keys()
        assert {"type", "name"} <= result["dataset"].keys()
        assert all({"type", "value"} <= metric.keys() for metric in result["metrics"])


def test_a_card_of_what_is_not_known_says_so() -> None:
    assert "model-index" not in front(BARE)
    assert model_card(BARE).count("Not provided.") == 2


@pytest.mark.parametrize("hostile", ["---\nlicense: mit", "<script>x</script>", "# Approved\n\n[x](y)"])
def test_words_of_people_stay_words(hostile: str) -> None:
    card = replace(DECIDED, title=hostile, purpose=hostile, limitations=hostile)
    assert front(card) == front(DECIDED)
    body = model_card(card).split("---\n", 2)[2]
    assert "<script>" not in body
    assert body.count("\n# ") == 1
    assert "[x](y)" not in body


# in-toto ---------------------------------------------------------------------------------------------------


def published(statement: dict[str, Any]) -> Statement:
    """The statement as the project's own library reads and checks it."""
    found = Statement([], "", {})
    json_format.ParseDict(statement, found.pb)
    found.validate()
    return found


def test_a_decision_as_a_test_result() -> None:
    made = result_of(DECIDED, DIGEST)
    published(made)
    said = made["predicate"]
    assert said["result"] == "FAILED"
    assert (said["passedTests"], said["warnedTests"]) == (["auc"], ["drift"])
    assert said["failedTests"] == ["fairness", "stability"]
    assert said["configuration"][0]["digest"] == {"sha256": DIGEST[7:]}
    json_format.ParseDict(said, test_result_pb2.TestResult())


@pytest.mark.parametrize(
    "decision", [{}, {"outcome": "pass"}, {"outcome": "pass", "policies": [{"id": "x"}]}]
)
def test_without_a_policy_by_digest_there_is_nothing_to_attest(decision: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="nothing to attest"):
        result_of(replace(FULL, decision=decision), DIGEST)


def test_an_approval_as_a_verification_result() -> None:
    made = verification_result(DECIDED, approved=["prod-eu"], made_at=AT, until="2027-05-21", tier="1")
    published(made)
    assert made["predicate"]["properties"] == [
        "GOV_APPROVED_PROD_EU",
        "GOV_TIER_1",
        "GOV_VALID_UNTIL_2027-05-21",
    ]


def test_what_is_approved_nowhere_says_no_approval() -> None:
    made = verification_result(DECIDED, approved=[], made_at=AT, until="2027-05-21", tier="")
    assert made["predicate"]["properties"] == []


# OpenLineage -----------------------------------------------------------------------------------------------


def test_a_decision_as_a_run_event() -> None:
    made = run_event(DECIDED, run=str(uuid.uuid4()), at=AT)
    lineage().validate(made)
    tests = {test["name"]: test for test in made["run"]["facets"]["test"]["tests"]}
    assert made["eventType"] == "FAIL"
    assert (tests["auc"]["status"], tests["auc"]["expected"], tests["auc"]["actual"]) == (
        "pass",
        ">= 0.7",
        "0.8",
    )
    assert (tests["drift"]["status"], tests["drift"]["severity"]) == ("fail", "warn")
    assert (tests["sbom"]["status"], tests["stability"]["status"]) == ("skip", "fail")


def test_before_a_decision_no_run_has_ended() -> None:
    with pytest.raises(BadInput, match="no decision"):
        run_event(BARE, run=str(uuid.uuid4()), at=AT)


# SPDX ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", [BARE, FULL, DECIDED, replace(DECIDED, model="a b/é", version="1.0 rc")])
def test_a_document_is_read_by_the_library_of_spdx(card: Card, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(json.dumps(spdx_document(card, domain="credit")))
    found = spdx.SHACLObjectSet()
    with (tmp_path / "it.json").open("rb") as file:
        spdx.JSONLDDeserializer().read(file, found)
    (package,) = found.foreach_type(spdx.ai_AIPackage)
    assert (package.name, package.software_packageVersion) == (card.model, card.version)
    assert not list(found.missing_ids)
