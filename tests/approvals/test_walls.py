"""What the database itself refuses, whatever the code above it does."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from apps.access.models import Person
from apps.approvals.models import Approval, SignOff
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")

INSERT = """
INSERT INTO approvals_signoff (approval_id, round, submitter_id, person_id, identity, step, role, meaning,
  reason, limits, decision_digest, signed_at, statement_digest)
VALUES (%s, 1, %s, %s, %s, 'validation', 'validator', 'approve', 'ok', '{}', '', now(), %s)
"""


def insert(approval: Approval, by: Person, *, submitter: int | None = None, identity: str = "") -> None:
    """A sign-off past every command, as the role that the service runs under."""
    given = [approval.pk, submitter or approval.submitter_id, by.pk, identity or by.identity, f"x{by.pk}"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, given)


def run(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize("who", [factories.developer, factories.owner])
def test_submitter_developer_and_owner_cannot_sign_by_raw_sql(who) -> None:
    approval = bank.submitted()
    with pytest.raises(DatabaseError, match=r"built, owns or submitted|signer_is_not_submitter"):
        insert(approval, who())
    assert not SignOff.objects.exists()


def test_a_submitter_is_named_truly_or_the_row_is_refused() -> None:
    approval = bank.submitted()
    with pytest.raises(DatabaseError, match="signoff_names_the_submitter"):
        insert(approval, factories.validator(), submitter=factories.validator().pk + 1000)


def test_a_second_account_of_the_submitter_and_a_borrowed_name_are_refused() -> None:
    approval = bank.submitted()
    second = factories.person("dev-two", identity=approval.submitter.identity)
    with pytest.raises(DatabaseError, match="built, owns or submitted"):
        insert(approval, second)
    with pytest.raises(DatabaseError, match="not the person named"):
        insert(approval, factories.validator(), identity="somebody else")


def test_a_service_account_signs_nothing() -> None:
    with pytest.raises(DatabaseError, match="not the person named"):
        insert(bank.submitted(), factories.service())


def test_one_human_signs_a_round_once() -> None:
    approval = bank.submitted()
    insert(approval, factories.validator())
    twin = factories.person("val-two", identity=factories.validator().identity)
    with pytest.raises(DatabaseError, match="one_signoff_per_human"):
        insert(approval, twin)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approvals_approval SET limits = '{}'",
        "UPDATE approvals_approval SET expires_at = now() + interval '9 years'",
        "UPDATE approvals_approval SET subject = '{}'",
        "UPDATE approvals_approval SET submitter_id = submitter_id + 1",
        "UPDATE approvals_approval SET decision_id = decision_id + 1",
        "UPDATE approvals_approval SET state = 'revoked', limits = '{}'",
        "UPDATE approvals_approval SET state = 'revoked', round = 7",
    ],
)
def test_what_was_granted_does_not_change(change: str) -> None:
    bank.granted(population="adults")
    with pytest.raises(DatabaseError, match="does not change"):
        run(change)


def test_a_grant_by_raw_sql_moves_no_deploy_gate() -> None:
    from apps.deploys.commands import admit

    approval = bank.submitted()
    for state in ("consolidating", "granted"):
        run("UPDATE approvals_approval SET state = %s WHERE id = %s", state, approval.pk)
    answer = admit(by=factories.service(), model="credit-pd", version="1", environment="production")
    assert not answer.allowed
    assert {"signature_invalid", "signoff_missing"} <= {r["code"] for r in answer.reasons}


def test_a_signoff_with_a_borrowed_statement_does_not_count() -> None:
    from apps.deploys.commands import admit

    approval = bank.submitted()
    steps = [
        ("validation", "validator", factories.validator()),
        ("risk", "risk-officer", factories.risk_officer()),
    ]
    digests = list(approval.decision.run.evidence.values_list("statement_digest", flat=True))
    for (step, role, by), digest in zip(steps, digests, strict=False):
        row = INSERT.replace("'validation'", "%s").replace("'validator'", "%s")
        run(row, approval.pk, approval.submitter_id, by.pk, by.identity, step, role, digest)
    for state in ("consolidating", "granted"):
        run("UPDATE approvals_approval SET state = %s WHERE id = %s", state, approval.pk)
    answer = admit(by=factories.service(), model="credit-pd", version="1", environment="production")
    assert not answer.allowed
    assert "signoff_missing" in {r["code"] for r in answer.reasons}


def test_a_waiver_needs_two_people_and_an_end() -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|written once"):
        run("UPDATE approvals_waiver SET valid_to = now()")
    with pytest.raises(DatabaseError, match="written once"):
        run("DELETE FROM approvals_waiverrequest")


def test_the_submitter_of_one_version_is_barred_from_the_next() -> None:
    bank.submitted()
    other = bank.version(label="2")
    bank.decided(other)
    submitter = factories.person("second-dev", "developer")
    approval = bank.resubmitted(other, by=submitter)
    with pytest.raises(DatabaseError, match="built, owns or submitted"):
        insert(approval, factories.developer())
