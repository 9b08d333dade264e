"""The facts that an admission is computed from; plain values, times with a time zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from apps.engine.policy.model import Policy

AdmissionOutcome = Literal["allow", "allow_with_limits", "pending", "deny", "error"]
Limits = Mapping[str, Any]


def told(moment: datetime) -> str:
    """A moment for a sentence, to the second.

    Examples
    --------
    >>> from datetime import UTC
    >>> told(datetime(2026, 11, 27, 10, 39, 58, tzinfo=UTC))
    '2026-11-27 10:39:58 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a pipeline asks: whether this digest may run for this use in this environment.

    Parameters
    ----------
    digest : str
        Of the model version; empty: the one that is registered under the version's label.
    """

    model: str
    version: str
    use: str
    environment: str
    digest: str = ""

    def as_json(self) -> dict[str, str]:
        """Plain JSON."""
        return {
            "model": self.model,
            "version": self.version,
            "digest": self.digest,
            "use": self.use,
            "environment": self.environment,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFact:
    """The registered version: its digest, its uses, who built it, and the fields that policies match on."""

    model: str
    version: str
    digest: str
    uses: tuple[str, ...]
    retired_uses: tuple[str, ...] = ()
    builders: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFact:
    """A declared place where versions run."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFact:
    """A sealed decision: `document` is what `Decision.as_json` gave."""

    document: Mapping[str, Any]
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFact:
    """The approval that people signed, for one version and one use.

    Parameters
    ----------
    digest, decision : str
        Of the version, and of the decision's statement that was shown to the signers.
    majors : mapping of str to int
        The major version of each policy when it was submitted.
    """

    state: str
    digest: str
    use: str
    decision: str
    environments: tuple[str, ...] = ()
    limits: Limits = field(default_factory=dict)
    majors: Mapping[str, int] = field(default_factory=dict)
    granted_at: datetime | None = None
    expires_at: datetime | None = None
    statement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffFact:
    """One person's signed yes or no; `person` names the human, not the account."""

    step: str
    role: str
    person: str
    meaning: str
    signed_at: datetime
    decision: str
    statement: str
    limits: Limits = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverFact:
    """A waiver of one gate for one version and use; `until` itself is no longer covered."""

    gate: str
    digest: str
    use: str
    start: datetime
    until: datetime
    granted_by: str
    requested_by: str
    statement: str
    renewal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFact:
    """A weakness; `digest` empty means every version of the model."""

    id: str
    title: str
    severity: str
    state: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFact:
    """A document that people gave: which one, who signed it by role, when."""

    id: str
    type: str
    given_at: datetime
    signed_by: tuple[str, ...] = ()
    statement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that an admission looks at."""

    request: Request
    now: datetime
    version: VersionFact | None
    environment: EnvironmentFact | None
    policies: Sequence[Policy]
    decision: DecisionFact | None
    latest: DecisionFact | None
    approval: ApprovalFact | None
    signoffs: Sequence[SignOffFact]
    waivers: Sequence[WaiverFact]
    findings: Sequence[FindingFact]
    documents: Sequence[DocumentFact]
    statements_valid: Mapping[str, bool]
    earlier: Sequence[Policy] = ()

    def genuine(self, statement: str) -> bool:
        """Whether a statement was verified; one that nobody looked at is not."""
        return bool(statement) and self.statements_valid.get(statement) is True

    @property
    def facts(self) -> Mapping[str, Any]:
        """The version's fields; none when it is unknown."""
        return self.version.facts if self.version else {}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code for programs, a sentence for people, and the thing that it speaks of."""

    code: str
    message: str
    subject: str
    verdict: AdmissionOutcome = "deny"

    def as_json(self) -> dict[str, str]:
        """Plain JSON."""
        return {"code": self.code, "message": self.message, "subject": self.subject}
