"""Raw SQL as the service's own role: rows that say what no statement says move no deploy gate to a yes."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.models import Approval, Finding
from apps.audit.errors import Refused
from apps.audit.models import SigningKey
from apps.deploys.commands import admit
from apps.deploys.models import Admission
from apps.engine.canonical import canonical, digest
from apps.engine.keys import FileSigner
from apps.engine.statement import sign
from apps.gates.models import Decision, PolicyRelease
from apps.gates.queries import find_policy
from apps.inventory.models import Tiering
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def sql(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def copied(table: str, row: Any, /, **changes: str) -> None:
    """A row once more, with some columns as SQL says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            " AND (is_identity = 'NO' OR column_name = ANY(%s))",
            [table, list(changes)],
        )
        columns = [row[0] for row in cursor.fetchall()]
    values = ", ".join(changes.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    sql(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE id = %s", row)  # noqa: S608 - names of this file


def asked(model: str = "credit-pd") -> Admission:
    return admit(by=factories.service(), model=model, version="1", environment="production")


def codes(answer: Admission) -> set[str]:
    return {reason["code"] for reason in answer.reasons}


def granted() -> Approval:
    """A version that may run: both signatures, and the signed report."""
    approval = bank.granted()
    bank.reported(approval, signers=(factories.validator(), factories.risk_officer()))
    assert asked().allowed, asked().reasons
    return approval


def test_a_lowered_tier_takes_no_policy_away() -> None:
    made = bank.unfair()
    bank.decided(made)
    before = codes(asked("card-limit"))
    Tiering.objects.create(
        model=made.model,
        tier=4,
        rationale="forged",
        assigned_by=factories.head(),
        statement_digest="sha256:" + "0" * 64,
    )
    sql(
        "UPDATE inventory_registeredmodel SET domain = 'toys', jurisdictions = '[]' WHERE id = %s",
        made.model_id,
    )
    assert before <= codes(asked("card-limit"))


def critical(made: Any) -> Finding:
    return bank.finding(made, severity="critical")


def test_a_finding_closed_by_raw_sql_still_blocks() -> None:
    found = critical(granted().version)
    by, other = factories.validator(), factories.risk_officer()
    sql(
        "UPDATE approvals_finding SET state = 'remediated', plan = 'x', remediated_by_id = %s,"
        " remediated_at = now() WHERE id = %s",
        by.pk,
        found.pk,
    )
    sql(
        "UPDATE approvals_finding SET state = 'closed', closure = 'x', closed_by_id = %s,"
        " closed_at = now() WHERE id = %s",
        other.pk,
        found.pk,
    )
    assert "open_finding" in codes(asked())


def test_a_finding_closed_by_two_people_blocks_no_more() -> None:
    found = critical(granted().version)
    approvals.remediate_finding(by=factories.owner(), finding=found, plan="trained again")
    approvals.close_finding(by=factories.validator(), finding=found, closure="measured again")
    assert asked().allowed


@pytest.mark.parametrize(
    "change",
    [
        "severity = 'low'",
        "model_id = model_id + 1",
        "title = 'nothing'",
        "version_id = NULL",
        "opened_at = now()",
    ],
)
def test_what_a_finding_says_does_not_change(change: str) -> None:
    critical(bank.version())
    with pytest.raises(DatabaseError, match="what a finding says does not change"):
        sql(f"UPDATE approvals_finding SET {change}")  # noqa: S608 - the attack itself


def test_a_forged_decision_of_monitoring_hides_no_failure() -> None:
    approval = granted()
    run = bank.monitored(approval.version).run
    key = uuid.uuid4()
    copied(
        "gates_run",
        run.pk,
        id=f"'{key}'",
        key="'forged'",
        state="'queued'",
        schedule_id="NULL",
        finished_at="NULL",
    )
    decision = approval.decision
    copied(
        "gates_decision",
        decision.pk,
        run_id=f"'{key}'",
        purpose="'monitoring'",
        decided_at="clock_timestamp() + interval '1 second'",
        statement_digest="'sha256:forged'",
    )
    assert not asked().allowed
    assert Decision.objects.filter(purpose="monitoring").count() == 2


def test_a_decision_under_a_statement_of_something_else_is_not_genuine() -> None:
    """One statement that two rows name is genuine only where it says what both say."""
    from apps.deploys.facts import _Rows

    approval = granted()
    decision, signoffs = approval.decision, list(approval.signoffs.all())
    decision.statement_digest = signoffs[0].statement_digest
    rows = _Rows(decision, None, None, signoffs, [], [], [])
    assert rows.genuine()[signoffs[0].statement_digest] is False


def test_a_forged_policy_decides_nothing() -> None:
    granted()
    release = find_policy("baseline-all")
    document = {**release.document, "metadata": {**release.document["metadata"], "version": "99.0.0"}}
    fake = PolicyRelease(
        policy=release.policy,
        version="99.0.0",
        digest=digest(canonical(document)),
        text=release.text,
        document=document,
        effective_from=release.effective_from,
        proposed_by=release.proposed_by,
        released_by=release.released_by,
        statement_digest=release.statement_digest,
    )
    fake.save(force_insert=True)
    with pytest.raises(Refused, match="no genuine statement"):
        asked()


def test_a_signed_report_of_one_version_serves_no_other() -> None:
    approval = granted()
    document = approval.version.documents.first()
    assert document is not None
    other = bank.granted(bank.submitted(bank.version(label="2", rows=500)))
    copied("approvals_document", document.pk, version_id=str(other.version_id))
    answer = admit(by=factories.service(), model="credit-pd", version="2", environment="production")
    honest = codes(answer)
    sql(
        "INSERT INTO approvals_comment (approval_id, person_id, text, gate, evidence_digest, added_at)"
        " VALUES (%s, %s, 'x', '', '', now())",
        other.pk,
        factories.validator().pk,
    )
    assert not answer.allowed or "document_missing" not in honest
    from apps.deploys.facts import gather
    from apps.deploys.models import Environment

    place = Environment.objects.get(key="production")
    found = gather(other.version, other.use, place, timezone.now())
    assert [found.genuine[d.statement] for d in found.documents] == [False]


def forged_key(by: Person) -> FileSigner:
    """An attacker's key, registered by raw SQL."""
    from django.conf import settings

    signer = FileSigner.create(settings.STATE / f"{uuid.uuid4()}.pem")
    row = SigningKey.objects.filter(purpose="statement").first()
    assert row is not None
    sql(
        "INSERT INTO audit_signingkey (key_id, purpose, public, valid_from, event_id)"
        " VALUES (%s, 'statement', %s, %s, %s)",
        signer.key_id,
        signer.public,
        row.valid_from,
        row.event_id,
    )
    return signer


def test_a_key_that_only_the_database_knows_signs_nothing_genuine() -> None:
    from apps.audit.models import Statement
    from apps.audit.trail import contents

    genuine = Statement.objects.latest("signed_at")
    signer = forged_key(factories.validator())
    said = json.loads(bytes(genuine.payload))
    payload = canonical({**said, "predicate": {**said["predicate"], "forged": True}})
    envelope = canonical(sign(payload, signer))
    Statement.objects.create(
        digest=digest(payload),
        predicate_type=genuine.predicate_type,
        subjects=genuine.subjects,
        payload=payload,
        envelope=envelope,
        key_id=signer.key_id,
        signed_at=genuine.signed_at,
        event=genuine.event,
    )
    assert contents([digest(payload)]) == {}
    assert genuine.digest in contents([genuine.digest])
