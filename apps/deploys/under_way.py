"""A no that a run at work may turn: the caller is told to wait, and is not allowed meanwhile."""

from __future__ import annotations

from dataclasses import replace

from apps.engine.admit import Admission, Reason
from apps.gates.models import Run
from apps.gates.states import Purpose, RunState
from apps.inventory.models import ModelVersion, Use

# What a run settles, and what can only come after one. Any other reason is a no at once.
MEASURED = frozenset({"no_decision", "policy_not_decided"})
AFTERWARDS = frozenset({"no_approval", "signoff_missing", "document_missing", "nearest_use"})


def or_pending(answer: Admission, version: ModelVersion | None, use: Use | None) -> Admission:
    """The answer; pending where nothing but a decision is missing and a run that makes it is under way."""
    codes = {reason.code for reason in answer.reasons}
    if answer.outcome != "deny" or not codes & MEASURED or codes - MEASURED - AFTERWARDS:
        return answer
    if version is None or use is None or (run := _under_way(version, use)) is None:
        return answer
    reason = Reason("run_under_way", _sentence(run), str(run.pk), "pending")
    return replace(answer, outcome="pending", reasons=(*answer.reasons, reason))


def _under_way(version: ModelVersion, use: Use) -> Run | None:
    running = (RunState.QUEUED, RunState.RUNNING)
    rows = Run.objects.filter(version=version, use=use, purpose=Purpose.APPROVAL, state__in=running)
    return rows.order_by("requested_at").first()


def _sentence(run: Run) -> str:
    if run.state == RunState.QUEUED:
        return f"The run {run.pk} that will decide waits in the queue."
    return (
        f"The run {run.pk} that will decide is at work: {run.gates_done} of {run.gates_total} gates are done."
    )
