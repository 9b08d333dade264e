"""The tables as they were at a second, so that every list, record and answer can be asked for as of then.

Within `reading(at)` a temporary view stands in front of each table: rows that were not there yet are not
there, and a row that changed since has the values which the trail holds from before the change. Everything
above reads as it always does, and nothing can be written. The right to see is that of today.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import InternalError, connection, models, transaction
from django.utils import timezone

from apps.audit.errors import Invalid, Refused

GOVERNED = ("approvals", "audit", "costs", "deploys", "gates", "inventory", "reports")
# Rows that change, and what their events call them: older values come from the trail.
CHANGING = {
    "approvals.Approval": "approval",
    "approvals.Finding": "finding",
    "gates.Partition": "partition",
    "gates.Run": "run",
    "inventory.BusinessUnit": "unit",
    "inventory.ConversionJob": "conversion_job",
    "inventory.RegisteredModel": "model",
}
# When a row came to be, where that is not its first time that is never empty.
BORN = {
    "approvals.Mention": "(SELECT c.said_at FROM public.approvals_challenge c WHERE c.id = r.challenge_id)",
    "costs.CostLine": "(SELECT c.entered_at FROM public.costs_costentry c WHERE c.id = r.entry_id)",
    "gates.Partition": "(SELECT g.requested_at FROM public.gates_run g WHERE g.id = r.run_id)",
    "inventory.DataPart": "(SELECT d.registered_at FROM public.inventory_dataset d "
    "WHERE d.id = r.dataset_id)",
    "approvals.WaiverRequest": "r.requested_at",
    "costs.BudgetExcess": "r.granted_at",
    "costs.ImportedCost": "r.entered_at",
    "costs.Rate": "coalesce((SELECT min(e.occurred_at) FROM public.audit_event e "
    "WHERE e.object_type = 'rate' AND e.object_id = r.id::text), r.valid_from)",
    "deploys.Experiment": "r.begun_at",
    "deploys.ExperimentResult": "r.reported_at",
    "inventory.ConversionOpening": "r.opened_at",
    "audit.Event": "r.occurred_at",
    "gates.Evidence": "(SELECT s.signed_at FROM public.audit_statement s "
    "WHERE s.digest = r.statement_digest)",
    "audit.KeyEnd": "(SELECT e.occurred_at FROM public.audit_event e WHERE e.id = r.event_id)",
    "audit.SigningKey": "(SELECT e.occurred_at FROM public.audit_event e WHERE e.id = r.event_id)",
    "gates.Schedule": "r.set_at",
    "inventory.Use": "(SELECT min(e.occurred_at) FROM public.audit_event e "
    "WHERE e.object_type = 'use' AND e.object_id = r.id::text)",
    "inventory.BusinessUnit": "(SELECT min(e.occurred_at) FROM public.audit_event e "
    "WHERE e.object_type = 'unit' AND e.object_id = r.id::text)",
    "reports.ReportChart": "(SELECT m.made_at FROM public.reports_report m WHERE m.id = r.report_id)",
}
# The log's own growth is what it is: the past is told by it, not it by the past.
AS_THEY_ARE = frozenset(
    {
        "audit.AnchorPlace",
        "audit.Checkpoint",
        "audit.Cosignature",
        "audit.Epoch",
        "audit.EpochProposal",
        "audit.Leaf",
        "audit.LogStop",
        "audit.Node",
        "audit.Pending",
        "audit.Personal",
        "audit.TimeStamp",
        "audit.TreeState",
    }
)
# Times at which something ends once, whoever ended it: until then they were empty.
ENDS = frozenset({"ended_at", "gone_at"})
# Columns that follow from others, or that no event holds from before.
FOLLOWS = {
    "inventory.RegisteredModel": {"searched": "lower(p.key || ' ' || p.title || ' ' || p.purpose)"},
    "approvals.WaiverRequest": {
        "refused_reason": "CASE WHEN r.refused_at <= {at} THEN r.refused_reason ELSE '' END",
        "waiver_id": "(SELECT w.id FROM public.approvals_waiver w "
        "WHERE w.id = r.waiver_id AND w.granted_at <= {at})",
    },
}

_OVERLAY = """
LEFT JOIN LATERAL (
  SELECT jsonb_object_agg(b.name, b.value) || jsonb_object_agg(b.name || '_id', b.value) AS was FROM (
    SELECT DISTINCT ON (f.key) f.key AS name, f.value
    FROM public.audit_event e, jsonb_each(convert_from(e.body, 'UTF8')::jsonb -> 'before') f
    WHERE e.object_id = r.{key}::text AND e.object_type = '{type}' AND e.occurred_at > {at}
      AND jsonb_typeof(convert_from(e.body, 'UTF8')::jsonb -> 'before') = 'object'
    ORDER BY f.key, e.occurred_at, e.id
  ) b
) o ON true
CROSS JOIN LATERAL jsonb_populate_record(r, coalesce(o.was, '{{}}'::jsonb)) p
"""
_READ_ONLY = "read-only transaction"

if TYPE_CHECKING:
    AnyField = models.Field[Any, Any]

_at: ContextVar[datetime | None] = ContextVar("countersign_as_of", default=None)


def as_of() -> datetime | None:
    """The second that is read of; None for today."""
    return _at.get()


def clock() -> datetime:
    """The time that reads compare with: now, or the second that is read of."""
    return _at.get() or timezone.now()


def moment(text: str) -> datetime:
    """The second that somebody asks for, in UTC where it names no zone; Invalid when there is none yet."""
    try:
        found = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise Invalid(f'"{text[:40]}" is no time; write it as 2026-03-01T12:00:00Z.', field="at") from None
    if "T" not in text:
        raise Invalid(
            f'"{text[:40]}" names no second of its day; write it as 2026-03-01T12:00:00Z.', field="at"
        )
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found > timezone.now():
        raise Invalid(f"{text[:40]} is still to come.", field="at")
    return found


@contextmanager
def reading(at: datetime) -> Iterator[None]:
    """Everything read within is as it was at that second; Refused where something would be written."""
    token = _at.set(at)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("; ".join([*views(at), "SET TRANSACTION READ ONLY"]))
            yield
            transaction.set_rollback(True)  # the views go with the transaction
    except InternalError as error:
        if _READ_ONLY not in str(error):
            raise
        raise Refused("The past is only read: nothing can be done in it.", code="past") from error
    finally:
        _at.reset(token)


def views(at: datetime) -> list[str]:
    """SQL of a view for each table of the house, by the names that the tables have."""
    told = f"'{at.astimezone(UTC).isoformat()}'::timestamptz"
    return [_view(model, told) for model in covered()]


def covered() -> list[type[models.Model]]:
    """Every table that has a past of its own."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in GOVERNED and model._meta.label not in AS_THEY_ARE and born(model)
    ]


def born(model: type[models.Model]) -> str:
    """SQL of when a row came to be; empty where nothing says so."""
    if model._meta.label in BORN:
        return BORN[model._meta.label]
    times = (f for f in model._meta.concrete_fields if isinstance(f, models.DateTimeField) and not f.null)
    return next((f"r.{f.column}" for f in times), "")


def _view(model: type[models.Model], at: str) -> str:
    meta = model._meta
    table, row = connection.ops.quote_name(meta.db_table), "p" if meta.label in CHANGING else "r"
    overlay = ""
    if meta.label in CHANGING:
        overlay = _OVERLAY.format(key=meta.pk.column, type=CHANGING[meta.label], at=at)
    columns = ", ".join(
        f"{_value(model, field, row, at)} AS {connection.ops.quote_name(str(field.column))}"
        for field in meta.concrete_fields
    )
    source = f"FROM public.{table} r {overlay} WHERE {born(model)} <= {at}"
    return f"CREATE TEMPORARY VIEW {table} AS SELECT {columns} {source}"


def _value(model: type[models.Model], field: AnyField, row: str, at: str) -> str:
    told = FOLLOWS.get(model._meta.label, {}).get(str(field.column))
    if told:
        return told.format(at=at)
    column = f"{row}.{connection.ops.quote_name(str(field.column))}"
    done = _done_at(model, field)
    return column if done is None else f"CASE WHEN {row}.{done} <= {at} THEN {column} END"


def _done_at(model: type[models.Model], field: AnyField) -> str | None:
    """Of a pair such as `retired_at` and `retired_by`: the column that says when; None for any other."""
    if field.name in ENDS and field.null:
        return str(field.column)
    name, _, kind = field.name.rpartition("_")
    if kind not in ("at", "by"):
        return None
    pair = {f.name: f for f in model._meta.concrete_fields if f.name in (f"{name}_at", f"{name}_by")}
    both = len(pair) == 2 and all(f.null for f in pair.values())
    return str(pair[f"{name}_at"].column) if both else None
