"""Whether a review that is about to be opened could ever be completed by the people there are."""

from __future__ import annotations

from apps.access.models import Person
from apps.approvals.rules import rules_of
from apps.approvals.steps import Step
from apps.engine.policy import Step as Asked
from apps.gates.clock import database_now
from apps.gates.models import Decision
from apps.gates.queries import pinned_policies
from apps.gates.quorum import authors_of, short_for


def short_review(by: Person, decision: Decision) -> str:
    """Which steps too few people could sign if this person submitted the decision; nothing when all could."""
    steps = [_asked(step) for step in rules_of(decision).steps]
    apart = authors_of(pinned_policies(decision.run)) | {by.identity}
    return short_for(decision.version.model, steps, apart=apart, at=database_now())


def _asked(step: Step) -> Asked:
    return Asked(id=step["id"], role=step["role"], quorum=step["quorum"], after=tuple(step["after"]))
