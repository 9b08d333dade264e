"""Permissions and the roles that hold them. Roles are code; grants of them are data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Permission(StrEnum):
    """What a person may be allowed to do, `noun.verb`."""

    MODEL_SEE = "model.see"
    MODEL_REGISTER = "model.register"
    MODEL_TIER = "model.tier"
    MODEL_ATTEST = "model.attest"
    ATTESTATION_ASK = "attestation.ask"
    USE_RETIRE = "use.retire"
    VERSION_REGISTER = "version.register"
    RUN_REQUEST = "run.request"
    RUN_REQUEUE = "run.requeue"
    RUN_HARDWARE = "run.hardware"
    RUN_REORDER = "run.reorder"
    EVIDENCE_SEE = "evidence.see"
    APPROVAL_SUBMIT = "approval.submit"
    APPROVAL_VALIDATE = "approval.validate"
    APPROVAL_RISK = "approval.risk"
    APPROVAL_COMMITTEE = "approval.committee"
    APPROVAL_REVOKE = "approval.revoke"
    FINDING_OPEN = "finding.open"
    FINDING_REMEDIATE = "finding.remediate"
    FINDING_CLOSE = "finding.close"
    WAIVER_REQUEST = "waiver.request"
    WAIVER_GRANT = "waiver.grant"
    COMMENT_ADD = "comment.add"
    REPORT_MAKE = "report.make"
    REPORT_SIGN = "report.sign"
    POLICY_PROPOSE = "policy.propose"
    POLICY_RELEASE = "policy.release"
    ADMISSION_ASK = "admission.ask"
    ADMISSION_SEE = "admission.see"
    BREAK_GLASS_ASK = "break_glass.ask"
    BREAK_GLASS_GRANT = "break_glass.grant"
    ENVIRONMENT_DECLARE = "environment.declare"
    INTEGRATION_MANAGE = "integration.manage"
    EVENT_SEE = "event.see"
    EXPORT_MAKE = "export.make"
    COST_SEE = "cost.see"
    BUDGET_SET = "budget.set"
    BUDGET_EXCEED = "budget.exceed"
    RATE_SET = "rate.set"
    COST_IMPORT = "cost.import"
    SYSTEM_SEE = "system.see"
    PERSON_MANAGE = "person.manage"
    PERSON_PROVISION = "person.provision"
    ROLE_GRANT = "role.grant"
    ROLE_DEFINE = "role.define"
    CAMPAIGN_OPEN = "campaign.open"
    TOKEN_ISSUE = "token.issue"  # noqa: S105 - the name of a permission
    EPOCH_OPEN = "epoch.open"
    HOLD_MANAGE = "hold.manage"
    STORAGE_MANAGE = "storage.manage"
    CONVERSION_OPEN = "conversion.open"


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions, with one sentence for people."""

    key: str
    title: str
    sentence: str
    permissions: frozenset[Permission]


_P = Permission
_READ = {_P.MODEL_SEE, _P.EVIDENCE_SEE, _P.ADMISSION_SEE}

ROLES: dict[str, Role] = {
    role.key: role
    for role in (
        Role(
            "developer",
            "Model developer",
            "Registers models and versions, requests runs, submits for approval and mends findings.",
            frozenset(
                _READ
                | {
                    _P.MODEL_REGISTER,
                    _P.VERSION_REGISTER,
                    _P.RUN_REQUEST,
                    _P.APPROVAL_SUBMIT,
                    _P.FINDING_REMEDIATE,
                    _P.WAIVER_REQUEST,
                    _P.COMMENT_ADD,
                    _P.TOKEN_ISSUE,
                }
            ),
        ),
        Role(
            "owner",
            "Model owner",
            "Is accountable for a model: attests its entry, proposes its tier, retires its uses.",
            frozenset(
                _READ
                | {
                    _P.MODEL_REGISTER,
                    _P.MODEL_ATTEST,
                    _P.MODEL_TIER,
                    _P.USE_RETIRE,
                    _P.APPROVAL_SUBMIT,
                    _P.FINDING_REMEDIATE,
                    _P.WAIVER_REQUEST,
                    _P.COMMENT_ADD,
                    _P.COST_SEE,
                }
            ),
        ),
        Role(
            "validator",
            "Validator",
            "Reviews independently: weighs the evidence, opens and closes findings, signs the report.",
            frozenset(
                _READ
                | {
                    _P.RUN_REQUEST,
                    _P.APPROVAL_VALIDATE,
                    _P.FINDING_OPEN,
                    _P.FINDING_CLOSE,
                    _P.COMMENT_ADD,
                    _P.REPORT_MAKE,
                    _P.REPORT_SIGN,
                }
            ),
        ),
        Role(
            "risk-officer",
            "Risk officer",
            "Approves, approves with limits, rejects; revokes what must stop.",
            frozenset(
                _READ
                | {
                    _P.APPROVAL_RISK,
                    _P.APPROVAL_REVOKE,
                    _P.BREAK_GLASS_ASK,
                    _P.BREAK_GLASS_GRANT,
                    _P.ATTESTATION_ASK,
                    _P.FINDING_OPEN,
                    _P.FINDING_CLOSE,
                    _P.COMMENT_ADD,
                    _P.REPORT_MAKE,
                    _P.REPORT_SIGN,
                    _P.COST_SEE,
                    _P.BUDGET_EXCEED,
                    _P.EVENT_SEE,
                }
            ),
        ),
        Role(
            "committee",
            "Committee member",
            "Signs the committee step of the largest exposures.",
            frozenset(_READ | {_P.APPROVAL_COMMITTEE, _P.COMMENT_ADD, _P.COST_SEE}),
        ),
        Role(
            "head-of-model-risk",
            "Head of model risk",
            "Grants waivers for a time, sets tiers, requeues dead runs and orders the queue.",
            frozenset(
                _READ
                | {
                    _P.WAIVER_GRANT,
                    _P.CAMPAIGN_OPEN,
                    _P.ATTESTATION_ASK,
                    _P.MODEL_TIER,
                    _P.RUN_REQUEUE,
                    _P.RUN_HARDWARE,
                    _P.RUN_REORDER,
                    _P.APPROVAL_REVOKE,
                    _P.BREAK_GLASS_ASK,
                    _P.BREAK_GLASS_GRANT,
                    _P.FINDING_OPEN,
                    _P.FINDING_CLOSE,
                    _P.COMMENT_ADD,
                    _P.COST_SEE,
                    _P.BUDGET_SET,
                    _P.RATE_SET,
                    _P.COST_IMPORT,
                    _P.EVENT_SEE,
                    _P.EPOCH_OPEN,
                    _P.HOLD_MANAGE,
                }
            ),
        ),
        Role(
            "model-risk-policy",
            "Policy author",
            "Proposes and releases policies; two people for each release.",
            frozenset(_READ | {_P.POLICY_PROPOSE, _P.POLICY_RELEASE, _P.ENVIRONMENT_DECLARE}),
        ),
        Role(
            "auditor",
            "Auditor",
            "Reads everything, exports and verifies; changes nothing.",
            frozenset(_READ | {_P.EVENT_SEE, _P.EXPORT_MAKE, _P.COST_SEE, _P.SYSTEM_SEE}),
        ),
        Role(
            "administrator",
            "Administrator",
            "Manages people, roles, tokens, rates and the service; never approves and sees no evidence.",
            frozenset(
                {
                    _P.COST_SEE,
                    _P.RATE_SET,
                    _P.COST_IMPORT,
                    _P.SYSTEM_SEE,
                    _P.PERSON_MANAGE,
                    _P.ROLE_GRANT,
                    _P.ROLE_DEFINE,
                    _P.CAMPAIGN_OPEN,
                    _P.TOKEN_ISSUE,
                    _P.INTEGRATION_MANAGE,
                    _P.ENVIRONMENT_DECLARE,
                    _P.EPOCH_OPEN,
                    _P.HOLD_MANAGE,
                    _P.STORAGE_MANAGE,
                    _P.CONVERSION_OPEN,
                }
            ),
        ),
        Role(
            "pipeline",
            "Pipeline",
            "A service account that registers versions and asks whether a model may run.",
            frozenset(
                {
                    _P.MODEL_SEE,
                    _P.VERSION_REGISTER,
                    _P.RUN_REQUEST,
                    _P.ADMISSION_ASK,
                    _P.ADMISSION_SEE,
                }
            ),
        ),
        Role(
            "directory",
            "Directory",
            "A service account through which the organisation's directory keeps people and groups.",
            frozenset({_P.PERSON_PROVISION}),
        ),
    )
}

BUILDS = frozenset({_P.VERSION_REGISTER, _P.APPROVAL_SUBMIT})
APPROVES = frozenset({_P.APPROVAL_VALIDATE, _P.APPROVAL_RISK, _P.APPROVAL_COMMITTEE, _P.WAIVER_GRANT})
# Whoever says who may do what sees no evidence, approves nothing and builds nothing.
ADMINISTERS = frozenset({_P.PERSON_MANAGE, _P.PERSON_PROVISION, _P.ROLE_GRANT, _P.ROLE_DEFINE})
APART_FROM_ADMINISTERING = APPROVES | BUILDS | {_P.EVIDENCE_SEE, _P.MODEL_SEE}


class FactorKind(StrEnum):
    """What a person has besides a password."""

    TOTP = "totp"
    PASSKEY = "passkey"


class Scope(StrEnum):
    """How far a grant of a role reaches."""

    ORGANISATION = "organisation"
    UNIT = "unit"
    MODEL = "model"


class Unanswered(StrEnum):
    """What becomes of a grant of which nobody said anything when a campaign was due."""

    END = "end"
    ESCALATE = "escalate"


# What only a person may do, with their own password: no token carries these.
PERSONAL = APPROVES | {
    _P.APPROVAL_REVOKE,
    _P.BREAK_GLASS_ASK,
    _P.BREAK_GLASS_GRANT,
    _P.MODEL_ATTEST,
    _P.POLICY_RELEASE,
    _P.REPORT_SIGN,
    _P.PERSON_MANAGE,
    _P.INTEGRATION_MANAGE,
    _P.ROLE_GRANT,
    _P.ROLE_DEFINE,
    _P.CAMPAIGN_OPEN,
    _P.TOKEN_ISSUE,
    _P.EPOCH_OPEN,
    _P.HOLD_MANAGE,
    _P.BUDGET_EXCEED,
}
# Those that an installation may want proved by a second factor.
SIGNS = PERSONAL - {_P.TOKEN_ISSUE}


def roles_with(permission: str) -> list[str]:
    """The keys of the shipped roles that hold a permission."""
    return [role.key for role in ROLES.values() if permission in role.permissions]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a thing stands: its business unit and its model. `unit` may be a query for the key."""

    unit: Any = None
    model: str | None = None


class Scoped(Protocol):
    """A thing that grants can reach."""

    def access_reach(self) -> Reach: ...
