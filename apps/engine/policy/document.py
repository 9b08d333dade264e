"""The form of a policy file: every field that may stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.engine.policy import vocabulary as words
from apps.engine.policy.deployment_rules import deployment_form
from apps.engine.policy.form import (
    AnyFields,
    Anything,
    Day,
    Fault,
    Faults,
    Fields,
    Flag,
    Items,
    Number,
    Path,
    Text,
    dotted,
)
from apps.engine.policy.match import Match

NAME = r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?"
_id = Text(pattern=NAME, like="a name of small letters, digits, points and hyphens")
_version = Text(
    pattern=r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", like='a version such as "3.1.0"'
)
_pin = Text(pattern=NAME + r"@(0|[1-9]\d{0,5})", like="a policy and its major version such as baseline-all@2")
_days = Text(pattern=r"P[1-9]\d{0,5}D", like="a duration in days such as P90D")
_zero_days = Text(pattern=r"P\d{1,6}D", like="a duration in days such as P90D")
_texts = Items(Text())
_bound = Fields({"min": Number(), "max": Number()})
_control = Text(
    pattern=NAME + r"/[A-Za-z0-9.-]{1,40}", like="a framework and a control such as nist-ai-rmf/NI-11"
)


def _rule(value: Mapping[str, Any], path: Path) -> Faults:
    if value.get("rule") == "approver_not" and not value.get("of"):
        yield Fault(path, f"{dotted(path)}: approver_not needs the field “of”.")


GATE = Fields(
    {
        "id": _id,
        "title": Text(),
        "note": Text(),
        "check": Text(),
        "with": AnyFields(Anything()),
        "pass": _bound,
        "warn": _bound,
        "basis": Text(words=words.BASES),
        "enforcement": Text(words=words.ENFORCEMENTS),
        "severity": Text(words=words.SEVERITIES),
        "source": Text(words=words.SOURCES),
        "max_age": _days,
        "accept": Text(words=words.ACCEPTS),
        "hardware": Text(words=words.HARDWARE),
        "on_review": Text(words=words.ON_REVIEW),
        "match": Match(),
        "unless": Match(),
        "controls": Items(_control),
    },
    required=("id",),
)

EVIDENCE = Fields(
    {
        "id": _id,
        "title": Text(),
        "note": Text(),
        "type": Text(words=words.DOCUMENT_TYPES),
        "required": Flag(),
        "signed_by": Text(words=words.ROLES),
        "max_age": _days,
        "match": Match(),
        "unless": Match(),
        "controls": Items(_control),
    },
    required=("id",),
)

STEP = Fields(
    {
        "id": _id,
        "title": Text(),
        "role": Text(words=words.SIGNING_ROLES, besides=words.OWN + r"[a-z][a-z0-9-]{0,35}"),
        "quorum": Number(whole=True, low=1, high=50),
        "after": Items(_id),
        "match": Match(),
        "unless": Match(),
    },
    required=("id",),
)

APPROVALS = Fields(
    {
        "separation_of_duties": Items(
            Fields(
                {"rule": Text(words=words.SEPARATION), "of": Items(Text(words=words.SEPARATED), least=1)},
                required=("rule",),
                also=_rule,
            )
        ),
        "steps": Items(STEP),
        "void_on": Items(Text(words=words.VOID_ON)),
    }
)

METADATA = Fields(
    {
        "id": _id,
        "version": _version,
        "title": Text(),
        "owner": Text(words=words.ROLES),
        "description": Text(),
        "controls": Items(_control),
        "change_note": Text(),
        "supersedes": Items(_id),
        "status": Text(words=("live", "announced", "rescinded")),
    },
    required=("id", "version", "title"),
)

POLICY = Fields(
    {
        "apiVersion": Text(words=(words.API_VERSION,)),
        "kind": Text(words=("Policy",)),
        "metadata": METADATA,
        "effective": Fields(
            {"from": Day(), "until": Day(nullable=True), "grace": _zero_days}, required=("from",)
        ),
        "extends": Items(_pin),
        "applies_to": Fields({"environments": Items(_id, least=1), "match": Match(), "unless": Match()}),
        "parameters": AnyFields(Anything()),
        "gates": Items(GATE),
        "on_missing": Text(words=words.ON_MISSING),
        "deployment": deployment_form(_id),
        "hardware": Fields({"approval": Items(Text(words=words.HARDWARE))}, required=("approval",)),
        "disclosure": Fields({"min_rows": Number(whole=True, low=2, high=10_000)}, required=("min_rows",)),
        "evidence": Items(EVIDENCE),
        "submission": Fields(
            {
                "completeness": Number(whole=True, low=1, high=100),
                "parts": Items(Text(words=words.ENTRY_PARTS), least=1),
            }
        ),
        "approvals": APPROVALS,
        "validity": Fields(
            {
                "approval": _days,
                "conditional": _days,
                "remind_before": Items(_days),
                "on_expiry": Text(words=words.ON_EXPIRY),
            }
        ),
        "waivers": Fields(
            {
                "approval": Fields(
                    {
                        "role": Text(words=words.SIGNING_ROLES),
                        "quorum": Number(whole=True, low=1, high=50),
                    },
                    required=("role",),
                ),
                "max_duration": _days,
                "max_renewals": Number(whole=True, low=0, high=100),
                "requires": Items(Text(words=words.WAIVER_REQUIRES)),
            }
        ),
    },
    required=("apiVersion", "kind", "metadata", "effective", "gates"),
)
