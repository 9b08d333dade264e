"""The closed word lists of a policy, weakest first where one word is stricter than another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

Basis = Literal["estimate", "interval"]
Enforcement = Literal["advisory", "waivable", "mandatory"]
Severity = Literal["low", "medium", "high", "critical"]
Source = Literal["firm", "guidance", "law"]

API_VERSION = "governance/v1"
BASES: tuple[Basis, ...] = ("estimate", "interval")
ENFORCEMENTS: tuple[Enforcement, ...] = ("advisory", "waivable", "mandatory")
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
SOURCES: tuple[Source, ...] = ("firm", "guidance", "law")
ACCEPTS = ("supplied", "asked", "governed")
HARDWARE = ("cpu", "memory", "gpu")
ON_REVIEW = ("warn", "fail")
ON_MISSING = ("pending", "fail")
DOCUMENT_TYPES = ("document", "attestation", "study", "report", "scan")
ON_EXPIRY = ("block_new_deployments", "block_all")
VOID_ON = ("artifact_digest", "policy_major", "mandatory_gate_failure", "critical_finding")
WAIVER_REQUIRES = ("rationale", "compensating_control", "remediation_due", "finding")
SEPARATION = ("approver_not", "distinct_people_across_steps")
SEPARATED = ("model.owner", "model.developers", "submission.submitter", "policy.author")
SIGNING_ROLES = ("validator", "risk-officer", "committee", "head-of-model-risk")
# What begins the name of a role of the installation's own in a step, which only the service knows.
OWN = "own/"
ROLES = (*SIGNING_ROLES, "developer", "owner", "model-risk-policy", "auditor", "administrator", "pipeline")
# What an entry must have before anybody is asked to review; an approval and monitoring follow the review.
ENTRY_PARTS = (
    "owner",
    "purpose",
    "limitations",
    "use",
    "tier",
    "determination",
    "version",
    "intended_use",
    "data_lineage",
    "attestation",
    "vendor_review",
    "document.development-document",
    "document.user-guide",
    "document.monitoring-plan",
    "document.data-sheet",
    "document.vendor-file",
)
MODEL_KINDS = ("classifier", "scorecard", "regressor", "ranker", "generative", "rule-set")

# What a policy may ask of a model before it applies: field → the type of its value.
FIELDS = {
    "model.key": "text",
    "model.tier": "number",
    "model.domain": "text",
    "model.kind": "text",
    "model.use": "text",
    "model.unit": "text",
    "model.owner": "text",
    "model.vendor": "boolean",
    "model.jurisdictions": "texts",
    "model.regimes": "texts",
    "model.exposure_eur": "number",
    "model.artifact_format": "text",
    "model.autonomy": "text",
}


def nearest(word: object, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """A hint for a person: the nearest right word, or all of them when they are few.

    Examples
    --------
    >>> nearest("enforcment", ["enforcement", "severity"])
    ' Did you mean "enforcement"?'
    """
    words = list(known)
    near = difflib.get_close_matches(str(word), words, n=1, cutoff=cutoff)
    if near:
        return f' Did you mean "{near[0]}"?'
    return f" Known: {', '.join(words)}." if 0 < len(words) <= 16 else ""
