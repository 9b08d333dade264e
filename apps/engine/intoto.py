"""A decision and an approval as in-toto statements: test-result v0.1 and svr v0.2.

Both name their policies by digest and what was sealed here as where they come from; without a policy there is
no statement. Whoever gives them out signs them; here only what they say is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apps.engine.cyclonedx import Card
from apps.engine.errors import BadInput
from apps.engine.statement import STATEMENT_TYPE

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
VERIFIER: Final = "https://countersign.dev/deploy-gate"
_RESULTS: Final = {"pass": "PASSED", "warn": "WARNED"}


def test_result(card: Card, statement: str) -> dict[str, Any]:
    """The newest decision as a test result; `statement` is the digest of what was sealed.

    Raises
    ------
    BadInput
        Where there is no decision, or none that names a policy.
    """
    said = card.decision
    configuration = [{"name": f"{p['id']}@{p['version']}", **_resource(p)} for p in _policies(said)]
    by_outcome: dict[str, list[str]] = {}
    for gate in said.get("gates", ()):
        by_outcome.setdefault(str(gate.get("outcome")), []).append(str(gate["id"]))
    passed, warned = by_outcome.pop("pass", []), by_outcome.pop("warn", [])
    by_outcome.pop("not_applicable", None)
    return _statement(card, TEST_RESULT, {
        "result": _RESULTS.get(str(said.get("outcome")), "FAILED"),
        "configuration": configuration,
        "url": f"countersign://statements/{statement}",
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": [gate for gates in by_outcome.values() for gate in gates],
    })  # fmt: skip


def verification_result(
    card: Card, *, approved: Sequence[str], made_at: str, until: str, tier: str
) -> dict[str, Any]:
    """What is approved as properties of a simple verification result; `approved` names environments.

    Raises
    ------
    BadInput
        Where there is no decision that names a policy.
    """
    properties = [f"GOV_APPROVED_{_word(place)}" for place in sorted(approved)]
    properties += [f"GOV_TIER_{tier}"] if tier else []
    properties += [f"GOV_VALID_UNTIL_{until}"] if approved and until else []
    policies = [_resource(p) for p in _policies(card.decision)]
    verifier = {"id": VERIFIER, "policies": policies}
    return _statement(card, SVR, {"verifier": verifier, "timeCreated": made_at, "properties": properties})


def _statement(card: Card, kind: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    digest = (card.artifact or card.digest).removeprefix("sha256:")
    subject = {"name": f"{card.model}@{card.version}", "digest": {"sha256": digest}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def _policies(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [policy for policy in said.get("policies") or () if policy.get("digest")]
    if not found:
        raise BadInput("There is no decision under a policy yet, so there is nothing to attest.")
    return found


def _resource(policy: Mapping[str, Any]) -> dict[str, Any]:
    digest = str(policy["digest"]).removeprefix("sha256:")
    uri = f"countersign://policies/{policy['id']}@{policy['version']}"
    return {"uri": uri, "digest": {"sha256": digest}}


def _word(text: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in text.upper())
