"""The technical documentation that Annex IV of the EU AI Act asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.inventory.models import ModelVersion
from apps.reports.documents import MEASURED, SEALED, Document, Section, Table, number, words
from apps.reports.kinds.gated import gate_tables
from apps.reports.kinds.model import identity, named, statements, weak
from apps.reports.kinds.sealed import Sealed, gates_table, outcome_sentence, sealed_decisions

TESTED = ("data", "explainability", "robustness", "security")
WATCHED = ("fairness", "stability")
SCORED = ("performance", "calibration")


def annex_iv(version: ModelVersion, now: datetime) -> Document:
    """The technical documentation of Article 11 as far as it is on record; each gap is named."""
    found = sealed_decisions(version)
    given = {d.key: d for d in version.documents.order_by("given_at")}
    there = bool(found)
    parts = [
        ("1. General description", identity(version).tables, bool(version.model.purpose)),
        (
            "2. Elements and development; validation and testing",
            [*(gates_table(s) for s in found), *gate_tables(found, TESTED)],
            there,
        ),
        (
            "3. Monitoring, functioning, control",
            [*_by_family(found, WATCHED), *gate_tables(found, WATCHED)],
            there,
        ),
        (
            "4. Appropriateness of the performance metrics",
            [*_by_family(found, SCORED), *gate_tables(found, SCORED)],
            there,
        ),
        ("5. Risk management", weak(version, now), True),
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
        Section(title, [], tables) if present else Section(title, ["Nothing is on record for this section."])
        for title, tables, present in parts
    ]
    title = "EU AI Act: technical documentation (Annex IV)"
    return Document(title, named(version), summary, sections, statements(found))


def _given_parts(given: Mapping[str, Any]) -> list[tuple[str, Sequence[Table], bool]]:
    """The sections that only a document which somebody gives can fill."""
    named = (
        ("7. Harmonised standards applied", "standards"),
        ("8. EU declaration of conformity", "eu-declaration"),
        ("9. Post-market monitoring plan", "monitoring-plan"),
    )
    return [(title, [_documents(given, key)], key in given) for title, key in named]


def _by_family(found: Sequence[Sealed], families: tuple[str, ...]) -> list[Table]:
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
    return [Table(f"Measured: {', '.join(families)}", ("Use", "Check", "Result", "Value"), rows)]


def _versions(version: ModelVersion) -> Table:
    rows = version.model.versions.order_by("registered_at")
    return Table(
        "Versions",
        ("Version", "Registered", "Digest"),
        [[words(v.label), words(f"{v.registered_at:%Y-%m-%d}"), words(v.digest)] for v in rows],
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
