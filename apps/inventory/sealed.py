"""What statements say of a model: its tier and its regimes. A row that nobody signed narrows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.audit.plain import plain
from apps.audit.states import Ref
from apps.audit.trail import contents
from apps.engine.canonical import canonical, digest
from apps.inventory.models import Determination, ModelVersion, RegimeDecision, RegisteredModel, Tiering, Use
from apps.inventory.queries import described, newest_regimes

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


@dataclass(frozen=True, slots=True)
class Ground:
    """The newest rows about a model's tier and regimes, not yet held against their statements."""

    model: RegisteredModel
    tiering: Tiering | None
    decided: Mapping[str, RegimeDecision]

    def digests(self) -> list[str]:
        """The statements that the rows name."""
        return _named([*([self.tiering] if self.tiering else []), *self.decided.values()])

    def fields(self, version: ModelVersion, use: Use, told: Statements) -> SealedFields:
        """The subject's fields as statements bear them out; `told` is what `contents` gave of `digests`.

        A tier without a genuine statement counts as unknown, which no policy takes for a reason not to
        apply; a regime is out of scope only where a genuine statement says so.
        """
        genuine = [row for row in self.decided.values() if says_regime(told, row, self.model)]
        tier = self.tiering if self.tiering and says_tier(told, self.tiering, self.model) else None
        excluded = [row.regime for row in genuine if not row.applies]
        fields = described(version, use, tier=tier.tier if tier else None, excluded=excluded)
        return SealedFields(fields, tuple(sorted(_named([*([tier] if tier else []), *genuine]))))


def ground_of(model: RegisteredModel) -> Ground:
    """The rows as they stand now."""
    return Ground(model, Tiering.objects.filter(model=model).first(), newest_regimes(model))


def sealed_fields(version: ModelVersion, use: Use) -> SealedFields:
    """The subject's fields as gates go by them."""
    ground = ground_of(version.model)
    return ground.fields(version, use, contents(ground.digests()))


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
