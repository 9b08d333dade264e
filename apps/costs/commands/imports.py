"""Bills of others, brought in by the model that each charge is tagged with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.costs.bills import BillRefused, Charge, Read, keyed, tally
from apps.costs.models import CostImport, ImportedCost
from apps.costs.states import Source
from apps.inventory.models import RegisteredModel

LOCK = 0x62696C6C  # "bill": one import at a time, so that a charge gets its next revision once
_REPORTED = 1_000  # rows of which the stored report tells one by one
_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of each row of a bill, how many of each kind there were, whose tags are unknown."""

    rows: list[dict[str, Any]]
    counts: dict[str, int]
    unknown_tags: list[str]
    stored: CostImport | None = None


@dataclass(frozen=True, slots=True)
class _Sorted:
    result: str
    number: int
    why: str = ""
    charge: Charge | None = None
    key: str = ""
    revision: int = 1

    def told(self) -> dict[str, Any]:
        tag = {"tag": self.charge.tag} if self.charge else {}
        return {"row": self.number, "result": self.result, **tag, **({"why": self.why} if self.why else {})}


@transaction.atomic
def bring_in(
    *, by: Person, source: Source, name: str, digest: str, rows: Iterable[Read], dry_run: bool = False
) -> Told:
    """Take the charges of a bill that name a model of ours; a second time nothing changes.

    A charge that costs something else than the last time is a new revision, which counts in its stead.
    """
    require(by, Permission.COST_IMPORT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    try:
        found = sorted(_sorted(list(rows)), key=lambda one: one.number)
    except BillRefused as refused:
        raise Invalid(str(refused), field="file") from None
    counts = tally(one.result for one in found)
    told = Told(
        rows=[one.told() for one in found],
        counts=counts,
        unknown_tags=sorted({one.charge.tag for one in found if one.charge and one.result == "unknown"}),
    )
    if dry_run or not counts["new"] + counts["changed"]:
        return told
    stored = _store(by, source, name[:200], digest, found, told)
    return Told(rows=told.rows, counts=counts, unknown_tags=told.unknown_tags, stored=stored)


def _sorted(rows: list[Read]) -> Iterator[_Sorted]:
    """Each row with what is to become of it."""
    charges = [row for row in rows if isinstance(row, Charge)]
    yield from (_Sorted("refused", row.number, row.why) for row in rows if not isinstance(row, Charge))
    models = set(
        RegisteredModel.objects.filter(key__in={c.tag for c in charges}).values_list("key", flat=True)
    )
    known = [charge for charge in charges if charge.tag in models]
    yield from (_Sorted("unknown", c.number, _unknown(c), charge=c) for c in charges if c.tag not in models)
    named = list(keyed(known))
    newest = _newest([key for key, _ in named])
    for key, charge in named:
        revision, digest = newest.get(key, (0, ""))
        result = "new" if not revision else "unchanged" if digest == charge.digest else "changed"
        yield _Sorted(result, charge.number, charge=charge, key=key, revision=revision + 1)


def _unknown(charge: Charge) -> str:
    if not charge.tag:
        return "The charge is tagged with no model."
    return f"There is no model {charge.tag[:60]!a} in the inventory."


def _newest(keys: list[str]) -> dict[str, tuple[int, str]]:
    rows = ImportedCost.objects.filter(key__in=keys).order_by("key", "-revision").distinct("key")
    return {row.key: (row.revision, row.digest) for row in rows.only("key", "revision", "digest")}


def _store(
    by: Person, source: Source, name: str, digest: str, found: list[_Sorted], told: Told
) -> CostImport:
    report = [row for row in told.rows if row["result"] != "unchanged"][:_REPORTED]
    bill = CostImport.objects.create(
        source=source, name=name, digest=digest, counts=told.counts, report=report, imported_by=by
    )
    units = dict(RegisteredModel.objects.values_list("key", "unit__key"))
    taken = [_row(bill, one, units) for one in found if one.result in ("new", "changed")]
    ImportedCost.objects.bulk_create(taken, batch_size=_BATCH)
    after = {"source": source, "name": name, "digest": digest, "rows": told.counts}
    audit.record(by=by, action=EventName.COST_IMPORTED, subject=bill, after=after)
    return bill


def _row(bill: CostImport, one: _Sorted, units: dict[str, str]) -> ImportedCost:
    charge = one.charge
    assert charge is not None  # noqa: S101 - only charges are new or changed
    return ImportedCost(
        origin=bill,
        key=one.key,
        revision=one.revision,
        digest=charge.digest,
        source=charge.source,
        model_key=charge.tag,
        unit_key=units[charge.tag],
        provider=charge.provider,
        service=charge.service,
        category=charge.category,
        description=charge.description,
        resource=charge.resource,
        period_start=charge.period_start,
        period_end=charge.period_end,
        billed=charge.billed,
        amount=charge.amount,
        currency=charge.currency,
    )
