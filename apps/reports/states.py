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


TITLES = {
    ReportKind.VALIDATION: "Validation report",
    ReportKind.DOSSIER: "Model dossier",
    ReportKind.ANNEX_IV: "EU AI Act: technical documentation (Annex IV)",
    ReportKind.BIAS_AUDIT: "Bias audit (NYC Local Law 144)",
    ReportKind.ATTESTATIONS: "Period attestation",
    ReportKind.PORTFOLIO: "Portfolio report",
    ReportKind.ACCESS_REVIEW: "Access review",
    ReportKind.COVERAGE: "Policy coverage",
}


class Standing(StrEnum):
    """How far a report's signatures have come; told by its facts, never stored."""

    UNSIGNED = "unsigned"
    AWAITING_TIMESTAMP = "awaiting_timestamp"
    SIGNED = "signed"
    COMPLETE = "complete"
    ARCHIVED = "archived"


class Cause(StrEnum):
    """Why a signer's certificate is withdrawn, as revocation lists know it."""

    COMPROMISED = "compromised"
    LEFT = "left"
    REPLACED = "replaced"
    ENDED = "ended"
