from __future__ import annotations

from enum import StrEnum


class ReportKind(StrEnum):
    """What a report is of."""

    VALIDATION = "validation"
    DOSSIER = "dossier"
    ANNEX_IV = "annex-iv"
    BIAS_AUDIT = "bias-audit"
    ATTESTATIONS = "attestations"
    PORTFOLIO = "portfolio"
    ACCESS_REVIEW = "access-review"
    COVERAGE = "coverage"


class Standing(StrEnum):
    """How far a report's signatures have come; told by its facts, never stored."""

    UNSIGNED = "unsigned"
    AWAITING_TIMESTAMP = "awaiting_timestamp"
    SIGNED = "signed"
    COMPLETE = "complete"
    ARCHIVED = "archived"
