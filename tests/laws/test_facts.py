"""Laws 4 and 7: facts are written once; who and when stand together; facts name each other by digest."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from tests import database

pytestmark = pytest.mark.usefixtures("small_bank")

FACTS = (
    "access.CampaignAnswer",
    "access.CampaignItem",
    "access.MappedGrant",
    "access.RoleVersion",
    "access.TokenUse",
    "access.UsedAnswer",
    "approvals.Attestation",
    "approvals.AttestationRound",
    "approvals.Challenge",
    "approvals.Comment",
    "approvals.Document",
    "approvals.Mention",
    "approvals.RoundAnswer",
    "approvals.RoundEnd",
    "approvals.RoundEntry",
    "approvals.SignOff",
    "approvals.Waiver",
    "audit.Checkpoint",
    "audit.Cosignature",
    "audit.Epoch",
    "audit.EpochProposal",
    "audit.Event",
    "audit.HoldRelease",
    "audit.KeyEnd",
    "audit.Leaf",
    "audit.LegalHold",
    "audit.SigningKey",
    "audit.Statement",
    "audit.TimeStamp",
    "costs.BudgetAlert",
    "costs.BudgetExcess",
    "costs.CostEntry",
    "costs.CostImport",
    "costs.CostLine",
    "costs.ExchangeRate",
    "costs.ImportedCost",
    "costs.Quote",
    "deploys.Admission",
    "deploys.Inbound",
    "deploys.TokenUse",
    "deploys.Glass",
    "deploys.GlassEnd",
    "deploys.GlassRequest",
    "deploys.CallCount",
    "deploys.Deployment",
    "deploys.Experiment",
    "deploys.ExperimentEnd",
    "deploys.ExperimentResult",
    "deploys.RevocationList",
    "deploys.Rollback",
    "deploys.Settlement",
    "gates.Decision",
    "gates.Evidence",
    "gates.HardwareConsent",
    "gates.PolicyProposal",
    "gates.PolicyRelease",
    "inventory.ChangeNotice",
    "inventory.Contribution",
    "inventory.Conversion",
    "inventory.ConversionOpening",
    "inventory.DataPart",
    "inventory.DataSet",
    "inventory.Determination",
    "inventory.Idea",
    "inventory.LineageEdge",
    "inventory.LineageEvent",
    "inventory.LineageNode",
    "inventory.ModelDocument",
    "inventory.ModelVersion",
    "inventory.Quota",
    "inventory.RegimeDecision",
    "inventory.ScorecardProposal",
    "inventory.ScorecardRelease",
    "inventory.Tiering",
    "inventory.UnitBytes",
    "inventory.VendorReview",
    "notices.Attempt",
    "notices.Reminder",
    "reports.CertificateRevocation",
    "reports.Report",
    "reports.ReportArchive",
    "reports.ReportChart",
    "reports.ReportRefusal",
    "reports.ReportRequest",
    "reports.ReportSignature",
    "reports.ReportSnapshot",
    "reports.SigningAct",
    "reports.SigningEnd",
    "reports.SigningTry",
)
OURS = {"access", "approvals", "audit", "costs", "deploys", "gates", "inventory", "notices", "reports"}


def ours() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m._meta.app_label in OURS]


def refused(role: str, statement: str) -> str:
    """The sentence with which the database refuses a statement to a role; empty where it does not."""
    try:
        with database.as_role(role), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("label", FACTS)
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
def test_facts_refuse_every_change_to_the_service_and_to_the_owner(label: str, statement: str) -> None:
    meta = apps.get_model(label)._meta
    sql = statement.format(meta.db_table, meta.pk.column)
    assert "permission denied" in refused("app", sql)
    assert "written once" in refused("owner", sql)


@pytest.mark.parametrize("model", ours(), ids=lambda model: model._meta.label)
def test_the_service_may_empty_no_table(model) -> None:
    assert "permission denied" in refused("app", f"TRUNCATE {model._meta.db_table} CASCADE")


def test_whoever_calls_itself_a_fact_is_one() -> None:
    called = {m._meta.label for m in ours() if (m.__doc__ or "").rstrip().endswith("A fact.")}
    assert called <= set(FACTS)


@pytest.mark.parametrize("model", ours(), ids=lambda model: model._meta.label)
def test_who_and_when_are_set_together(model) -> None:
    """Of a pair of nullable `*_at` and `*_by`, a constraint of the table sees to it."""
    fields = {f.name: f for f in model._meta.get_fields() if isinstance(f, models.Field)}
    conditions = [c.condition for c in model._meta.constraints if isinstance(c, models.CheckConstraint)]
    named = [set(_names(condition)) for condition in conditions]
    for name, field in fields.items():
        by = fields.get(f"{name[:-3]}_by") if name.endswith("_at") else None
        if by is not None and field.null and by.null:
            assert any({name, by.name} <= names for names in named), f"{model._meta.label}.{name}"


def _names(condition: models.Q):
    for child in condition.children:
        if isinstance(child, models.Q):
            yield from _names(child)
        elif isinstance(child, tuple):
            yield child[0].partition("__")[0]


def test_statements_name_facts_by_digest() -> None:
    """Whatever a statement calls another statement by is a digest, never the number of a row."""
    import json

    from apps.audit.models import Statement
    from tests.flows import bank

    bank.reported(bank.granted(), signers=())
    wrong = []
    for row in Statement.objects.all():
        predicate = json.loads(bytes(row.payload))["predicate"]
        for name in ("decision", "evidence", "signoffs", "policies", "artifact"):
            wrong += [f"{row.predicate_type}: {name}" for v in _values(predicate.get(name)) if not _digest(v)]
    assert wrong == []


def _values(value: object) -> list[object]:
    if isinstance(value, list):
        return [v.get("digest") if isinstance(v, dict) else v for v in value]
    return [] if value in (None, "") else [value]


def _digest(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sha256:") and len(value) == 71
