"""What statements say of a model: its tier and its regimes. A row that nobody signed narrows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.audit.plain import plain
from apps.audit.states import Ref
from apps.audit.trail import contents
from apps.engine.canonical import canonical, digest
from apps.engine.regimes import applying
from apps.inventory.models import Determination, ModelVersion, RegimeDecision, RegisteredModel, Tiering, Use
from apps.inventory.queries import newest_regimes, subject_fields

TIER = "https://countersign.dev/tier/v1"
REGIME = "https://countersign.dev/regime/v1"
DETERMINATION = "https://countersign.dev/determination/v1"
Statements = Mapping[str, Mapping[str, Any]]


def subject_of(model: RegisteredModel) -> Ref:
    """The model as a statement names it: its key, under a digest of its own."""
    return Ref("model", str(model.pk), f"model:{model.key}", digest(canonical({"model": model.key})))


@dataclass(frozen=True, slots=True)
class SealedFields:
    """What policies may ask of a model, and the statements that its tier and its regimes rest on."""

    fields: dict[str, Any]
    statements: tuple[str, ...]


def sealed_fields(version: ModelVersion, use: Use) -> SealedFields:
    """The subject's fields as gates go by them.

    A tier without a genuine statement counts as unknown, which no policy takes for a reason not to apply;
    a regime is out of scope only where a genuine statement says so.
    """
    model = version.model
    tiering = Tiering.objects.filter(model=model).first()
    decided = newest_regimes(model)
    told = contents(_named([*([tiering] if tiering else []), *decided.values()]))
    genuine = [row for row in decided.values() if says_regime(told, row, model)]
    tier = tiering if tiering is not None and says_tier(told, tiering, model) else None
    fields = {
        **subject_fields(version, use),
        "model.tier": tier.tier if tier else None,
        "model.regimes": applying(row.regime for row in genuine if not row.applies),
    }
    return SealedFields(fields, tuple(sorted(_named([*([tier] if tier else []), *genuine]))))


def _named(rows: Iterable[Tiering | RegimeDecision]) -> list[str]:
    return [row.statement_digest for row in rows if row.statement_digest]


def says_tier(told: Statements, row: Tiering, model: RegisteredModel) -> bool:
    """Whether a statement says what the row says; a row older than the statements stands by itself."""
    if not row.statement_digest:
        return True
    said = {
        "model": model.key,
        "tier": row.tier,
        "answers": row.answers,
        "rationale": row.rationale,
        "reviewDue": row.review_due,
        "assignedBy": str(row.assigned_by_id),
    }
    return _says(told, row.statement_digest, TIER, said)


def says_regime(told: Statements, row: RegimeDecision, model: RegisteredModel) -> bool:
    """Whether a statement says what the row says."""
    said = {
        "model": model.key,
        "regime": row.regime,
        "applies": row.applies,
        "rationale": row.rationale,
        "supersedes": row.supersedes,
        "decidedBy": str(row.decided_by_id),
    }
    return _says(told, row.statement_digest, REGIME, said)


def says_determination(told: Statements, row: Determination, model: RegisteredModel) -> bool:
    """Whether a statement says what the row says."""
    said = {
        "model": model.key,
        "outcome": row.outcome,
        "outcomes": row.outcomes,
        "answers": row.answers,
        "questionnaire": row.questionnaire,
        "rationale": row.rationale,
        "askAgain": row.ask_again,
        "determinedBy": str(row.determined_by_id),
    }
    return _says(told, row.statement_digest, DETERMINATION, said)


def _says(told: Statements, key: str, kind: str, said: Mapping[str, Any]) -> bool:
    found = told.get(key, {})
    predicate = found.get("predicate", {})
    return found.get("predicateType") == kind and all(
        predicate.get(name) == plain(value) for name, value in said.items()
    )
