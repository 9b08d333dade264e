"""Reports of one version: the dossier, the technical documentation of Annex IV, the bias audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.approvals.models import Approval
from apps.approvals.queries import (
    approvals_of,
    latest_attestation,
    open_findings,
    revealed_signoffs,
    valid_waivers,
)
from apps.audit.errors import Refused
from apps.inventory.models import ModelVersion
from apps.inventory.queries import current_tier
from apps.reports.documents import MEASURED, RECORDED, SEALED, Document, Section, Table, number, words
from apps.reports.kinds.log import challenge_log
from apps.reports.kinds.sealed import Sealed, gates_table, outcome_sentence, sealed_decisions

LL144 = ("fairness.ll144_selection", "fairness.ll144_scoring")


def dossier(version: ModelVersion, now: datetime) -> Document:
    """Everything that is on record of a version: what it is, what was measured, who said what."""
    found = sealed_decisions(version)
    approvals = approvals_of(version)
    findings = list(open_findings(version.model))
    summary = [
        f"{version.model.title} is {_tier(version)} and accounted for by {version.model.owner}.",
        *[outcome_sentence(one) for one in found],
        *([] if found else ["Nothing has been decided about this version, so nothing permits its use."]),
        f"{len(findings)} finding{'s are' if len(findings) != 1 else ' is'} open.",
    ]
    sections = [
        identity(version),
        Section(
            "What was measured", [] if found else ["No run has decided."], [gates_table(s) for s in found]
        ),
        Section("Who reviewed it", [], [_approvals(approvals), _signoffs(approvals)]),
        Section(
            "Findings, waivers, attestation", _attested(version), [_findings(version), _waivers(version)]
        ),
        challenge_log(version),
    ]
    return Document("Model dossier", str(version), summary, sections, _statements(found))


def identity(version: ModelVersion) -> Section:
    """What the version is: its names and the digests of all that belongs to it."""
    model = version.model
    rows = [
        [words("Purpose"), words(model.purpose or "no purpose was written down")],
        [words("Known limits"), words(model.limitations or "none were written down")],
        [words("Owner"), words(model.owner)],
        [words("Tier"), words(_tier(version), SEALED)],
        [words("Version"), words(version.digest, SEALED)],
        [words("Artifact"), words(version.artifact_id or "none: scores come in a column", SEALED)],
    ]
    sets = [[words(d.name), number(d.rows, SEALED), words(d.digest, SEALED)] for d in version.datasets.all()]
    return Section(
        "What it is",
        [],
        [Table("Identity", ("What", "Value"), rows), Table("Data sets", ("Name", "Rows", "Digest"), sets)],
    )


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


def _findings(version: ModelVersion) -> Table:
    return Table(
        "Open findings",
        ("Finding", "Severity", "State", "Owner", "Due"),
        [
            [words(f.title), words(f.severity), words(f.state), words(f.owner), words(f.due)]
            for f in open_findings(version.model)
        ],
        empty="No finding is open.",
    )


def _waivers(version: ModelVersion) -> Table:
    held = [w for use in version.model.uses.all() for w in valid_waivers(version, use)]
    return Table(
        "Waivers that hold",
        ("Gate", "Until", "Rationale", "Compensating control"),
        [
            [
                words(w.gate, SEALED, w.statement_digest),
                words(f"{w.valid_to:%Y-%m-%d}", SEALED, w.statement_digest),
                words(w.rationale, SEALED, w.statement_digest),
                words(w.compensating_control, SEALED, w.statement_digest),
            ]
            for w in held
        ],
        empty="Nothing is waived.",
    )


def _attested(version: ModelVersion) -> list[str]:
    last = latest_attestation(version.model)
    if last is None:
        return ["Nobody has attested the entry of this model."]
    return [f"{last.person} attested the entry on {last.attested_at:%Y-%m-%d}."]


def _statements(found: Sequence[Sealed]) -> dict[str, Any]:
    return {digest: said for one in found for digest, said in one.statements.items()}


# --- Annex IV --------------------------------------------------------------------------------------------


def annex_iv(version: ModelVersion, now: datetime) -> Document:
    """The technical documentation of Article 11 as far as it is on record; each gap is named."""
    found = sealed_decisions(version)
    given = {d.key: d for d in version.documents.order_by("given_at")}
    there = bool(found)
    parts = [
        ("1. General description", identity(version).tables, bool(version.model.purpose)),
        ("2. Elements and development; validation and testing", [gates_table(s) for s in found], there),
        ("3. Monitoring, functioning, control", [_by_family(found, ("fairness", "stability"))], there),
        ("4. Appropriateness of the performance metrics", [_by_family(found, ("performance",))], there),
        ("5. Risk management", [_findings(version), _waivers(version)], True),
        ("6. Changes through the lifecycle", [_versions(version)], True),
        *_given_parts(given),
    ]
    missing = [title for title, _, present in parts if not present]
    summary = [
        f"{len(parts) - len(missing)} of {len(parts)} sections of Annex IV have something on record.",
        *[f"Nothing is on record for section {title}." for title in missing],
        *[outcome_sentence(one) for one in found],
        "The Act sets no figure that accuracy or fairness must reach; every bound below is the firm's own.",
    ]
    sections = [
        Section(title, [] if present else ["Nothing is on record for this section."], tables)
        for title, tables, present in parts
    ]
    title = "EU AI Act: technical documentation (Annex IV)"
    return Document(title, str(version), summary, sections, _statements(found))


def _given_parts(given: Mapping[str, Any]) -> list[tuple[str, Sequence[Table], bool]]:
    """The sections that only a document which somebody gives can fill."""
    named = (
        ("7. Harmonised standards applied", "standards"),
        ("8. EU declaration of conformity", "eu-declaration"),
        ("9. Post-market monitoring plan", "monitoring-plan"),
    )
    return [(title, [_documents(given, key)], key in given) for title, key in named]


def _by_family(found: Sequence[Sealed], families: tuple[str, ...]) -> Table:
    rows = [
        [
            words(one.use.key, SEALED, one.digest),
            words(gate["check"], SEALED, one.digest),
            words(gate["outcome"], SEALED, one.digest),
            number(one.measurement(gate).get("value"), MEASURED, str(gate.get("evidence") or "")),
        ]
        for one in found
        for gate in one.predicate["gates"]
        if str(gate["check"]).split(".")[0] in families
    ]
    return Table(f"Measured: {', '.join(families)}", ("Use", "Check", "Result", "Value"), rows)


def _versions(version: ModelVersion) -> Table:
    rows = version.model.versions.order_by("registered_at")
    return Table(
        "Versions",
        ("Version", "Registered", "Digest"),
        [
            [words(v.label, SEALED), words(f"{v.registered_at:%Y-%m-%d}", SEALED), words(v.digest, SEALED)]
            for v in rows
        ],
    )


def _documents(given: Mapping[str, Any], key: str) -> Table:
    found = [given[key]] if key in given else []
    return Table(
        "Document",
        ("Key", "Given", "Digest"),
        [
            [
                words(d.key, SEALED, d.statement_digest),
                words(f"{d.given_at:%Y-%m-%d}", SEALED, d.statement_digest),
                words(d.blob_digest, SEALED, d.statement_digest),
            ]
            for d in found
        ],
        empty=f"No document “{key}” was given.",
    )


# --- LL144 -----------------------------------------------------------------------------------------------


def bias_audit(version: ModelVersion, now: datetime) -> Document:
    """The public summary of New York City's bias audit: rates and impact ratios by category."""
    found = sealed_decisions(version)
    measured = [
        (one, gate)
        for one in found
        for gate in one.predicate["gates"]
        if gate["check"] in LL144 and one.measurement(gate)
    ]
    seen: dict[str, tuple[Sealed, Mapping[str, Any]]] = {}
    for one, gate in measured:
        seen.setdefault(str(gate["check"]) + one.use.key, (one, gate))
    if not seen:
        raise Refused(
            f"No impact ratio of {version} was measured: it has no gate of fairness.ll144_selection or "
            "fairness.ll144_scoring."
        )
    summary = [
        f"This is the summary of a bias audit of {version.model.title}, version {version.label}.",
        "A selection rate is the share of a category that was selected; a scoring rate the share that scored "
        "above the median. An impact ratio divides it by the highest rate of any category.",
        "The law asks that these numbers are published. It sets none that passes or fails.",
    ]
    sections = [section for one, gate in seen.values() for section in _audited(one, gate)]
    return Document("Bias audit (NYC Local Law 144)", str(version), summary, sections, _statements(found))


def _audited(one: Sealed, gate: Mapping[str, Any]) -> list[Section]:
    said, evidence = one.measurement(gate), str(gate.get("evidence") or "")
    rate = "Selection rate" if gate["check"] == LL144[0] else "Scoring rate"
    by: dict[str, list[Any]] = {}
    for group in said.get("groups") or ():
        by.setdefault(str(group.get("attribute") or "category"), []).append(group)
    tables = [
        Table(
            f"{rate}s and impact ratios by {attribute.replace('_', ' ')}",
            ("Category", "Number", rate, "Impact ratio", "Status"),
            [
                [
                    words(g["group"], MEASURED, evidence),
                    number(g["n"], MEASURED, evidence),
                    number(g.get("value"), MEASURED, evidence, digits=3),
                    number(g.get("ratio"), MEASURED, evidence, digits=3),
                    words(g.get("status"), MEASURED, evidence),
                ]
                for g in groups
            ],
        )
        for attribute, groups in by.items()
    ]
    told = [f"Use {one.use.key}; {said.get('n')} applicants; decided {one.predicate.get('decided_at')}."]
    return [Section(str(gate.get("title") or gate["id"]), [*told, *(said.get("notes") or ())], tables)]
