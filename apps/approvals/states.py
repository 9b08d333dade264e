from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ApprovalState(StrEnum):
    """Where an approval stands. Expiry is a date, not a state."""

    OPEN = "open"
    CONSOLIDATING = "consolidating"
    GRANTED = "granted"
    REJECTED = "rejected"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


_A = ApprovalState
APPROVAL_MOVES: Mapping[str, frozenset[str]] = {
    _A.OPEN: frozenset({_A.CONSOLIDATING, _A.WITHDRAWN}),
    _A.CONSOLIDATING: frozenset({_A.GRANTED, _A.REJECTED, _A.RETURNED}),
    _A.RETURNED: frozenset({_A.OPEN, _A.WITHDRAWN}),
    _A.GRANTED: frozenset({_A.REVOKED}),
    _A.REJECTED: frozenset(),
    _A.WITHDRAWN: frozenset(),
    _A.REVOKED: frozenset(),
}


class FindingState(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    REMEDIATED = "remediated"
    CLOSED = "closed"


FINDING_MOVES: Mapping[str, frozenset[str]] = {
    FindingState.OPEN: frozenset({FindingState.REMEDIATED}),
    FindingState.REMEDIATED: frozenset({FindingState.CLOSED, FindingState.OPEN}),
    FindingState.CLOSED: frozenset(),
}


class Severity(StrEnum):
    """How much a finding weighs; an open critical finding blocks every deployment."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Meaning(StrEnum):
    """What a signature says."""

    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"


class Said(StrEnum):
    """What an entry of the challenge log is."""

    QUESTION = "question"
    ANSWER = "answer"
    REMARK = "remark"


class Thing(StrEnum):
    """What an entry of the challenge log is about."""

    EVIDENCE = "evidence"
    DECISION = "decision"
    REPORT = "report"
    FINDING = "finding"


class RoundOutcome(StrEnum):
    """What became of an entry in a round of attestations."""

    ATTESTED = "attested"
    WRONG = "wrong"
    MISSED = "missed"
