"""The dossier of one version: everything that is on record of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.approvals.models import Approval
from apps.approvals.queries import (
    approvals_of,
    latest_attestation,
    open_findings,
    revealed_signoffs,
)
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.queries import current_tier, uses_of
from apps.reports.documents import (
    RECORDED,
    SEALED,
    SELF_REPORTED,
    Cell,
    Document,
    Section,
    Table,
    label,
    many,
    number,
    who,
    words,
)
from apps.reports.kinds import emergencies, weaknesses
from apps.reports.kinds.gated import gate_tables
from apps.reports.kinds.log import challenge_log
from apps.reports.kinds.sealed import Sealed, gates_table, outcome_sentence, sealed_decisions
from apps.reports.kinds.tried import runs_before

YEAR = timedelta(days=366)


def dossier(version: ModelVersion, now: datetime) -> Document:
    """Everything that is on record of a version: what it is, what was measured, who said what."""
    found = sealed_decisions(version)
    approvals = list(approvals_of(version))
    broken = emergencies.emergencies([version.model], now - YEAR, now)
    summary = [
        f"{version.model.title} is {_tier(version)} and accounted for by {version.model.owner}.",
        *[outcome_sentence(one) for one in found],
        *([] if found else ["Nothing has been decided about this version, so nothing permits its use."]),
        *weaknesses.permitted(approvals, now),
        _open(version),
        emergencies.sentence(broken, "in the last twelve months"),
    ]
    measured = [gates_table(s) for s in found]
    sections = [
        identity(version),
        Section("What permits its use", [], [_approvals(approvals), weaknesses.limits_table(approvals, now)]),
        Section("What was measured", [] if found else ["No run has decided."], measured),
        *([Section("Behind the gates", [], behind)] if (behind := gate_tables(found)) else []),
        Section("Who reviewed it", _attested(version), [_signoffs(approvals)]),
        Section("Findings and waivers", [], weak(version, now)),
        emergencies.section(broken),
        Section("Documents", [], [_all_documents(version)]),
        challenge_log(version),
    ]
    return Document("Model dossier", named(version), summary, sections, statements(found))


def named(version: ModelVersion) -> str:
    return f"{version.model.title} ({version})"


def _open(version: ModelVersion) -> str:
    return many(open_findings(version.model).count(), "finding is open.", "findings are open.")


def weak(version: ModelVersion, now: datetime) -> list[Table]:
    return [weaknesses.findings_table(version), weaknesses.waivers_table(version, now)]


def identity(version: ModelVersion) -> Section:
    """What the version is: its names and the digests of all that belongs to it."""
    model = version.model
    tiered = model.tierings.order_by("-assigned_at", "-id").first() if current_tier(model) else None
    rows = [
        [label("Model"), words(f"{model.title} ({model.key})")],
        [label("Purpose"), words(model.purpose or "no purpose was written down")],
        [label("Known limits"), words(model.limitations or "none were written down")],
        [label("Owner"), who(model.owner)],
        [label("Unit"), words(model.unit)],
        [label("Uses"), words(", ".join(use.key for use in uses_of(model)) or "none is in service")],
        [label("Tier"), _tier_cell(model, tiered.statement_digest if tiered else "")],
        [label("Version"), words(f"{version.label}, registered {version.registered_at:%Y-%m-%d}")],
        [label("Digest of the version"), words(version.digest)],
        [label("Artifact"), words(version.artifact_id or "none: scores come in a column")],
        *([label(f"Runs before it ({n})"), words(told, SELF_REPORTED)] for n, told in runs_before(version)),
    ]
    sets = [[words(d.name), number(d.rows, RECORDED), words(d.digest)] for d in version.datasets.all()]
    return Section(
        "What it is",
        [],
        [Table("Identity", ("What", "Value"), rows), Table("Data sets", ("Name", "Rows", "Digest"), sets)],
    )


def _tier_cell(model: RegisteredModel, digest: str) -> Cell:
    tier = current_tier(model)
    return words(tier or "none yet", SEALED if digest else RECORDED, digest)


def _tier(version: ModelVersion) -> str:
    tier = current_tier(version.model)
    return f"of tier {tier}" if tier else "of no tier yet"


def _approvals(rows: Sequence[Approval]) -> Table:
    return Table(
        "Reviews",
        ("Use", "State", "Submitted by", "Opened", "Ends"),
        [
            [
                words(a.use.key),
                words(a.state, SEALED if a.statement_digest else RECORDED, a.statement_digest),
                words(a.submitter),
                words(f"{a.opened_at:%Y-%m-%d}"),
                words(f"{a.expires_at:%Y-%m-%d}" if a.expires_at else ""),
            ]
            for a in rows
        ],
    )


def _signoffs(rows: Sequence[Approval]) -> Table:
    given = [s for a in rows for s in revealed_signoffs(a)]
    return Table(
        "Sign-offs",
        ("Who", "Role", "Meaning", "Reason", "When"),
        [
            [
                words(s.person, SEALED, s.statement_digest),
                words(s.role, SEALED, s.statement_digest),
                words(s.meaning, SEALED, s.statement_digest),
                words(s.reason, SEALED, s.statement_digest),
                words(f"{s.signed_at:%Y-%m-%d %H:%M} UTC", SEALED, s.statement_digest),
            ]
            for s in given
        ],
        empty="No sign-off is in, or the review is still blind.",
    )


def _attested(version: ModelVersion) -> list[str]:
    last = latest_attestation(version.model)
    if last is None:
        return ["Nobody has attested the entry of this model."]
    return [f"{last.person} attested the entry on {last.attested_at:%Y-%m-%d}."]


def statements(found: Sequence[Sealed]) -> dict[str, Any]:
    return {digest: said for one in found for digest, said in one.statements.items()}


def _all_documents(version: ModelVersion) -> Table:
    """Everything that was handed in beside the version, newest of each kind first."""
    rows = version.documents.select_related("given_by").order_by("key", "-given_at")
    return Table(
        "Documents given",
        ("Document", "Given by", "On", "Digest"),
        [
            [
                words(d.key, SEALED, d.statement_digest),
                words(d.given_by, SEALED, d.statement_digest),
                words(f"{d.given_at:%Y-%m-%d}", SEALED, d.statement_digest),
                words(d.blob_digest, SEALED, d.statement_digest),
            ]
            for d in rows
        ],
        empty="No document was given.",
    )
