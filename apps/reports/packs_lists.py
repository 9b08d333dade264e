"""What lies beside the log and the statements of a pack: lists, assessments, bills of materials, reports."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.approvals.models import Approval, Finding, Waiver
from apps.audit.models import Statement
from apps.engine.canonical import digest, rfc3339
from apps.engine.csv_safe import csv_parts
from apps.engine.cyclonedx import Card, bill_of_materials
from apps.engine.oscal import assessment_results
from apps.gates.models import Decision, Run
from apps.inventory.listing import with_standing
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.queries import current_tier
from apps.reports.models import Report
from apps.reports.packs_archive import zip_entry
from apps.reports.packs_scope import PackScope
from apps.reports.tables import TABLES

Named = Mapping[str, Mapping[str, Any]]
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]+")


def file_name(text: str) -> str:
    """A name that every file system takes; two texts never share one."""
    plain = _UNSAFE.sub("_", text)[:80].strip(".")
    return plain if plain == text else f"{plain}-{digest(text.encode())[7:15]}"


def models_of(scope: PackScope, by: Person) -> QuerySet[RegisteredModel]:
    """The models that a pack speaks of."""
    if scope.model is None:
        return visible_models(by)
    return RegisteredModel.objects.filter(pk=scope.model.pk)


def lists_of(models: QuerySet[RegisteredModel]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each list of these models as a CSV file in parts; people stand there by number, never by name."""
    for name, rows in _rows(models).items():
        table = TABLES[name]
        cells = (table.cells(row, named=False) for row in rows.iterator(chunk_size=1_000))
        yield f"lists/{name}.csv", csv_parts(table.head, cells)


def _rows(models: QuerySet[RegisteredModel]) -> dict[str, QuerySet[Any]]:
    of_version = {"version__model__in": models}
    admissions = apps.get_model("deploys", "Admission").objects.filter(**of_version)
    return {
        "models": with_standing(models).select_related("unit", "owner").order_by("key"),
        "versions": ModelVersion.objects.filter(model__in=models).select_related("model", "registered_by"),
        "runs": Run.objects.filter(**of_version).select_related("version__model", "use", "requested_by"),
        "decisions": Decision.objects.filter(**of_version).select_related("version__model", "use"),
        "approvals": Approval.objects.filter(**of_version).select_related(
            "version__model", "use", "decision", "submitter"
        ),
        "findings": Finding.objects.filter(model__in=models).select_related("model", "version", "owner"),
        "waivers": Waiver.objects.filter(**of_version).select_related(
            "version__model", "use", "requested_by", "granted_by"
        ),
        "admissions": admissions.select_related("asked_by"),
        "reports": Report.objects.filter(**of_version).select_related(
            "version__model", "decision", "made_by"
        ),
    }


# --- Drawn from statements -------------------------------------------------------------------------------


def payloads(digests: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What statements say, by digest."""
    rows = Statement.objects.filter(digest__in=list(digests)).values_list("digest", "payload")
    return {key: json.loads(bytes(payload)) for key, payload in rows}


def assessments(models: QuerySet[RegisteredModel], told: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """The OSCAL results of each decision of the pack."""
    rows = Decision.objects.filter(version__model__in=models).select_related("version__model")
    for row in rows.iterator(chunk_size=100):
        if row.statement_digest not in told:
            continue
        doc = assessment_of(row)
        name = file_name(f"{row.version.model.key}@{row.version.label}")
        yield f"oscal/{name}-{row.statement_digest[7:19]}.json", _pretty(doc)


def assessment_of(row: Decision) -> dict[str, Any]:
    """The OSCAL results of one decision, from what was sealed of it and of its evidence."""
    sealed = payloads([row.statement_digest, *_evidence(row)])
    decision = sealed.pop(row.statement_digest)
    return assessment_results(decision, digest=row.statement_digest, evidence=sealed)


def _evidence(row: Decision) -> list[str]:
    return list(row.run.evidence.values_list("statement_digest", flat=True))


def bills(models: QuerySet[RegisteredModel]) -> Iterator[tuple[str, bytes]]:
    """The CycloneDX bill of materials of each version."""
    rows = ModelVersion.objects.filter(model__in=models).select_related("model__unit")
    for row in rows.prefetch_related("datasets").iterator(chunk_size=100):
        name = file_name(f"{row.model.key}@{row.label}")
        yield f"cyclonedx/{name}.json", _pretty(bill_of_materials(card_of(row)))


def card_of(row: ModelVersion) -> Card:
    """What is known of a version, for the formats that others read."""
    decision = row.decisions.first()
    sealed = payloads([decision.statement_digest, *_evidence(decision)]) if decision else {}
    said = sealed.pop(decision.statement_digest)["predicate"] if decision else {}
    measured = {key: doc["predicate"].get("measurement") or {} for key, doc in sealed.items()}
    tier = current_tier(row.model)
    known = {"tier": str(tier or ""), "unit": row.model.unit.key, "decision": _digest(decision)}
    return Card(
        model=row.model.key,
        version=row.label,
        digest=row.digest,
        kind=row.model.kind,
        title=row.model.title,
        purpose=row.model.purpose,
        limitations=row.model.limitations,
        format=row.artifact_format,
        artifact=row.artifact_id or "",
        made_at=rfc3339(row.registered_at),
        datasets={d.name: {"digest": d.digest, "rows": d.rows} for d in row.datasets.all()},
        decision=said,
        measurements=measured,
        properties={name: value for name, value in known.items() if value},
    )


def _digest(decision: Decision | None) -> str:
    return decision.statement_digest if decision else ""


def _pretty(doc: Mapping[str, Any]) -> bytes:
    return json.dumps(doc, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def newest_revisions(told: Iterable[str]) -> dict[str, tuple[str, str]]:
    """By the id of each report of the pack, the digest and file name of the newest revision that it tells."""
    rows = Statement.objects.filter(digest__in=list(told), event__action__startswith="report.")
    found: dict[str, tuple[str, str]] = {}
    own = {r.statement_digest: r for r in _reports(told)}
    for row in rows.order_by("event__leaf__idx"):
        report = own.get(row.digest)
        said = str(json.loads(bytes(row.payload))["predicate"].get("report") or "")
        key = str(report.pk) if report else said
        if key and row.subjects:
            found[key] = str(row.subjects[0]), f"reports/{key}.pdf"
    return found


def _reports(told: Iterable[str]) -> QuerySet[Report]:
    return Report.objects.filter(statement_digest__in=list(told))


def verifier_archive() -> bytes:
    """The separate verifier as one file that runs as it is; the same bytes each time."""
    root = Path(settings.BASE_DIR) / "verifier"
    out = io.BytesIO(b"#!/usr/bin/env python3\n")
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for place in [root / "__main__.py", *sorted(root.glob("countersign_verify/*.py"))]:
            archive.writestr(zip_entry(place.relative_to(root).as_posix()), place.read_bytes())
        archive.writestr(zip_entry("LICENSE"), (Path(settings.BASE_DIR) / "LICENSE").read_bytes())
    return out.getvalue()
