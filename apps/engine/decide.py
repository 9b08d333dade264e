"""Policies + measurements → Decision: the fixed procedure, the same for everyone; no people, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from apps.engine.canonical import rfc3339
from apps.engine.policy.judge import GateOutcome, GateResult, MeasuredGate, SubjectFacts, judge
from apps.engine.policy.model import Policy
from apps.engine.policy.unite import gates_for
from apps.engine.version import ENGINE_VERSION

__all__ = [
    "Decision",
    "GateOutcome",
    "GateResult",
    "MeasuredGate",
    "Outcome",
    "SubjectFacts",
    "decide",
    "gates_for",
]

_LETS_PASS = ("pass", "warn", "not_applicable")  # most of them, asked without a call
Outcome = Literal["pass", "fail", "insufficient", "error", "no_policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policies say of the measurements: an outcome for each gate, and one for the whole."""

    outcome: Outcome
    gates: tuple[GateResult, ...]
    policies: tuple[Mapping[str, str], ...]
    subject: SubjectFacts
    decided_at: datetime
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, ready for canonical bytes: the same inputs give the same bytes."""
        return {
            "kind": "Decision",
            "engine": ENGINE_VERSION,
            "outcome": self.outcome,
            "reasons": list(self.reasons),
            "subject": self.subject.as_json(),
            "policies": [dict(policy) for policy in self.policies],
            "decided_at": rfc3339(self.decided_at),
            "gates": [gate.as_json() for gate in self.gates],
        }


def decide(
    *,
    policies: Sequence[Policy],
    measurements: Mapping[str, MeasuredGate],
    now: datetime,
    subject: SubjectFacts,
    words: bool = True,
) -> Decision:
    """Decide.

    Parameters
    ----------
    policies : sequence of Policy
        Those that apply (`apps.engine.policy.select`); their gates are united, the strictest wins.
    measurements : mapping of str to MeasuredGate
        By gate id, as `gates_for(policies)` names them.
    now : datetime
        With a time zone: the time of the decision.
    subject : SubjectFacts
        The digests that measurements must rest on, and the facts that gates match on.
    words : bool
        False leaves out the sentences of what was measured: for previews, which decide thousands of models
        and tell of few. Outcomes are the same.

    Returns
    -------
    Decision
        ``fail`` when a mandatory or waivable gate fails; else ``insufficient`` when one of them is missing
        or insufficient; else ``pass``. ``no_policy`` without policies; ``error`` when no gate was
        evaluated or anything went wrong. Only ``pass`` is a yes.

    Examples
    --------
    >>> from datetime import UTC
    >>> decide(policies=[], measurements={}, now=datetime(2026, 11, 21, tzinfo=UTC),
    ...        subject=SubjectFacts()).outcome
    'no_policy'
    """
    named = tuple(policy.named() for policy in sorted(policies, key=lambda p: (p.id, p.version)))
    try:
        results = tuple(
            [
                judge(gate, measurements.get(gate.id), subject=subject, now=now, words=words)
                for gate in gates_for(policies)
            ]
        )
        outcome, reasons = _whole(policies, results)
    except Exception as problem:  # whatever went wrong, the answer is no, and it says what
        results, outcome = (), "error"
        reasons = (f"The decision could not be made: {type(problem).__name__}: {problem}",)
    return Decision(
        outcome=outcome, gates=results, policies=named, subject=subject, decided_at=now, reasons=reasons
    )


def _whole(policies: Sequence[Policy], results: Sequence[GateResult]) -> tuple[Outcome, tuple[str, ...]]:
    if not policies:
        return "no_policy", ("No policy in force applies to this model.",)
    if all(result.outcome == "not_applicable" for result in results):
        return "error", ("No gate of the policies in force could be asked of this model.",)
    blocking = [result for result in results if result.outcome not in _LETS_PASS and result.blocks]
    failed = [result.why for result in blocking if result.outcome == "fail"]
    open_ = [result.why for result in blocking if result.outcome != "fail"]
    if failed:
        return "fail", (*failed, *open_)
    return ("insufficient", tuple(open_)) if open_ else ("pass", ())
