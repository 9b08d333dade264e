"""The challenge log: who asked, answered or remarked what, on which thing as it stood then.

A piece of evidence is the measurement of one gate for one use of a version, a decision that of a use: both
keep their name when they are measured again, and have another digest then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import models_with
from apps.access.states import Permission
from apps.approvals.models import Challenge, Finding, Mention
from apps.approvals.queries import find_finding
from apps.approvals.states import Thing
from apps.audit.errors import Forbidden, NotFound
from apps.audit.past import clock
from apps.engine.statement import canonical, digest
from apps.gates.models import Decision, Evidence
from apps.gates.queries import find_decision, find_evidence, latest_decision
from apps.inventory.models import ModelVersion, RegisteredModel, Use

CALLED = timedelta(days=90)
_TOKEN = re.compile(r"@\{(\d+)\}")


@dataclass(frozen=True, slots=True)
class About:
    """A thing that can be spoken of: its lasting name, and the digest of it as it is shown."""

    thing: Thing
    id: str
    name: str
    digest: str
    model: RegisteredModel
    version: ModelVersion | None


def about_evidence(by: Person, key: str) -> About:
    """The piece of evidence with this digest, for somebody who may read it."""
    row = find_evidence(by, key)
    run = row.run
    _readable(by, run.version.model)
    return About(
        Thing.EVIDENCE,
        evidence_id(run.use, row.gate),
        f"{row.gate} of {run.version}"[:400],
        row.statement_digest,
        run.version.model,
        run.version,
    )


def about_decision(by: Person, key: str) -> About:
    """The decision with this digest, for somebody who may read it."""
    row = find_decision(by, key)
    _readable(by, row.version.model)
    name = f"decision on {row.version} for {row.use.key}"[:400]
    return About(Thing.DECISION, row.use.key, name, row.statement_digest, row.version.model, row.version)


def about_finding(by: Person, key: str) -> About:
    """The finding, as it says now."""
    row = find_finding(by, key)
    _readable(by, row.model)
    name = f"finding “{row.title}”"[:400]
    return About(Thing.FINDING, str(row.pk), name, finding_digest(row), row.model, row.version)


def evidence_id(use: Use, gate: str) -> str:
    """What a piece of evidence is called through all its measurements."""
    return f"{use.key}/{gate}"


def finding_digest(row: Finding) -> str:
    """The digest of what a finding says as it stands."""
    said = {
        "id": str(row.pk),
        "title": row.title,
        "detail": row.detail,
        "severity": row.severity,
        "state": row.state,
        "due": row.due.isoformat(),
        "plan": row.plan,
        "closure": row.closure,
    }
    return digest(canonical(said))


def _readable(by: Person, model: RegisteredModel) -> None:
    if not may(by, Permission.EVIDENCE_SEE, model):
        raise Forbidden(f"You may not read the evidence of {model.key}.")


# --- Reading ---------------------------------------------------------------------------------------------


def visible_challenges(by: Person) -> QuerySet[Challenge]:
    """Every entry on models whose evidence the person may read."""
    rows = Challenge.objects.filter(model__in=models_with(by, Permission.EVIDENCE_SEE), said_at__lte=clock())
    return rows.select_related("person", "model", "version").prefetch_related("mentions__person")


def find_challenge(by: Person, key: UUID | str) -> Challenge:
    """One entry, or NotFound."""
    try:
        row = visible_challenges(by).filter(pk=key).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise NotFound(f"There is no entry {key} of the challenge log.")
    return row


def thread_of(by: Person, row: Challenge) -> list[Challenge]:
    """The entry that a thread began with, and its answers in order."""
    root = row.answers_id or row.pk
    return list(visible_challenges(by).filter(Q(pk=root) | Q(answers=root)))


def calls_on(by: Person) -> list[Challenge]:
    """The newest entries that call on a person who has not spoken in their thread since."""
    root = Coalesce("answers_id", "pk")
    later = Challenge.objects.annotate(root=root).filter(
        root=OuterRef("root"), person=by, said_at__gt=OuterRef("said_at")
    )
    called = Mention.objects.filter(person=by, challenge=OuterRef("pk"))
    rows = visible_challenges(by).filter(Exists(called), said_at__gte=clock() - CALLED)
    return list(rows.annotate(root=root).exclude(Exists(later)).exclude(person=by).order_by("-said_at")[:25])


def shown_text(row: Challenge) -> str:
    """What was said, with those called on by their present names."""
    return worded(row.text, {m.person_id: m.person.name for m in row.mentions.all()})


def worded(text: str, names: Mapping[int, str]) -> str:
    """The text with a name for each person called on; nobody else is named by number."""
    return _TOKEN.sub(lambda m: f"@{names[int(m[1])]}" if int(m[1]) in names else m[0], text)


# --- As it stands today ----------------------------------------------------------------------------------


def present_digests(rows: Sequence[Challenge]) -> dict[tuple[int | None, str, str], str]:
    """The digest today of each thing but reports that entries speak of, by version, thing and name."""
    found: dict[tuple[int | None, str, str], str] = {}
    for row in rows:
        key = (row.version_id, row.thing, row.thing_id)
        if key not in found and row.thing != Thing.REPORT:
            found[key] = _present(row)
    return found


def _present(row: Challenge) -> str:
    if row.thing == Thing.FINDING:
        finding = Finding.objects.filter(pk=row.thing_id).first()
        return finding_digest(finding) if finding is not None else ""
    decision = _newest(row.version, row.thing_id.partition("/")[0])
    if decision is None or row.thing == Thing.DECISION:
        return decision.statement_digest if decision is not None else ""
    gate = row.thing_id.partition("/")[2]
    evidence = Evidence.objects.filter(run=decision.run_id, gate=gate).first()
    return evidence.statement_digest if evidence is not None else ""


def _newest(version: ModelVersion | None, use: str) -> Decision | None:
    found = Use.objects.filter(model=version.model, key=use).first() if version is not None else None
    return latest_decision(version, found) if version is not None and found is not None else None
