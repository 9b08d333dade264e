"""Catalogue entries of the family `documents`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.catalogue.takes import NOTHING

CHECKS: tuple[Check, ...] = (
    Check(
        id="documents.present",
        function="documents:present",
        title="Required documents not offered as asked",
        unit="document types",
        range="[0, inf)",
        direction="lower",
        needs=("declared",),
        definition=(
            "The number of required types without a document that has a digest, a date and what is asked."
        ),
        conventions="Documents are entries of the manifest: type, sha256, date, signed_by, title.",
        edge_cases=(
            "No documents at all: every required type counts. A digest of other than 64 hexadecimal "
            "digits is none. No required type: refused."
        ),
        interval="none: the count is exact",
        cost="negligible",
        takes=NOTHING,
        references=(
            "Mitchell et al. (2019), Model cards for model reporting",
            "Regulation (EU) 2024/1689, Article 11 and Annex IV: technical documentation",
        ),
        purpose="Makes the papers that people owe a gate like any other.",
        mechanism="Looks up each required type among the manifest's documents.",
        signs_of_high_risk="A missing or stale model card, challenger study or monitoring plan.",
        strengths="Names what each document lacks.",
        limitations="Sees that a document is there, dated and signed for, not that it is good.",
        args=(
            Arg(name="types", type="strings", default=["model-card"], help="Types that must be there."),
            Arg(name="signed", type="boolean", default=False, help="Each must name who signed it."),
            Arg(name="as_of", type="string", help="Day against which age is held (YYYY-MM-DD)."),
            Arg(name="max_age_days", type="integer", minimum=0, help="Oldest accepted; needs as_of."),
        ),
        sentence="{value} required documents are not offered as asked.",
    ),
)
