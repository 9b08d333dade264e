"""The signed list of revocations: sealed once an epoch, and enough to refuse every older answer."""

from __future__ import annotations

import json

import pytest

from apps.approvals import commands as approvals
from apps.audit.anchors import anchor_file
from apps.audit.queries import keys, statement
from apps.deploys.commands import seal_revocations
from apps.deploys.models import RevocationList
from apps.engine.allowed import allowed_here
from apps.engine.offline import newest_epoch
from apps.engine.verified import Question
from apps.gates.clock import database_now
from tests import factories
from tests.deploys.test_admissions import ask
from tests.flows import bank
from tests.standing import token
from tests.verifier.sequencing import sequenced_now

pytestmark = pytest.mark.usefixtures("small_bank")


def sealed() -> RevocationList:
    return seal_revocations(by=factories.service())


def told_here(answer: bytes, artifact: str) -> tuple[bool, str]:
    """What a verifier without the service says, which has the newest list."""
    data, now = bytes(statement(sealed().statement_digest).envelope), database_now()
    epoch = newest_epoch(data, keys(), at=now)
    return allowed_here(
        [answer],
        Question(at=now, keys=keys(), artifact=artifact, environment="production", epoch=epoch),
    )


def test_a_list_is_sealed_once_an_epoch() -> None:
    approval = bank.granted()
    first = sealed()
    assert sealed() == first
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    assert sealed().epoch == first.epoch + 1


def test_what_was_allowed_is_refused_without_the_service_once_it_is_revoked() -> None:
    approval = bank.granted()
    answer, artifact = bytes(ask().answer), approval.version.artifact_id or approval.version.digest
    assert told_here(answer, artifact) == (True, "")
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    allowed, why = told_here(answer, artifact)
    assert not allowed
    assert "Ask again" in why


def test_an_answer_proves_without_the_service_that_its_decision_is_in_the_log() -> None:
    approval = bank.granted()
    artifact = approval.version.artifact_id or approval.version.digest
    early = bytes(ask().answer)
    sequenced_now()
    try:
        late = bytes(ask().answer)
    finally:
        anchor_file().path.unlink()

    asked = Question(at=database_now(), keys=keys(), artifact=artifact, environment="production", logged=True)
    assert "does not prove" in allowed_here([early], asked)[1], "it was given before the log was written"
    assert allowed_here([late], asked) == (True, "")


def test_a_cluster_fetches_the_list_with_its_token(client) -> None:
    bank.production()
    bearer = {"Authorization": f"Bearer {token(factories.service())}"}
    told = client.get("/api/v1/revocations", headers=bearer)
    assert newest_epoch(json.dumps(told.json()).encode(), keys(), at=database_now()) >= 0
    assert client.get("/api/v1/revocations").status_code == 401
