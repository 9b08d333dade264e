"""Questions of pipelines: asked of the one deploy gate, told where they came from, tried again until told.

Nothing here decides. What cannot be asked, read or bound is told as a deny with its reason.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.access.locked import unlock
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.deploys.commands.admissions import admit, ask_again
from apps.deploys.commands.inbound import take_in
from apps.deploys.integrations import hints, reading, versions
from apps.deploys.integrations.adapters import ADAPTERS
from apps.deploys.integrations.heard import Heard
from apps.deploys.integrations.sending import Line, NotTold
from apps.deploys.integrations.telling import Told, Way
from apps.deploys.models import Admission, Integration, Question
from apps.deploys.states import Outcome
from apps.gates.clock import database_now

log = logging.getLogger("countersign.integrations")

LEASE = timedelta(seconds=90)  # longer than all that is sent for one answer may take
PAUSES = (5, 30, 120, 300, 900)
PENDING = (15, 30, 60, 120, 300)
LONGEST = timedelta(days=3)
AWAITED = timedelta(days=30)  # as long as any platform holds a deployment back
AT_ONCE = 50
_PASSING = frozenset({"log_stopped", "read_only"})  # about the service, not about what is asked
_ALLOWED = (Outcome.ALLOW, Outcome.ALLOW_WITH_LIMITS)


@dataclass(frozen=True, slots=True)
class _Found:
    told: Told
    admission: Admission | None


def answer_question(*, by: Acting, question_id: int) -> Question | None:
    """Ask the deploy gate what a pipeline asks, and tell it; None where another worker is at it."""
    question = _claimed(question_id)
    if question is None:
        return None
    way = _way(question)
    try:
        found = _found(question, way)
        _tell(question, way, found)
    except NotTold as fault:
        return _later(by, question, fault)
    if found.told.outcome == Outcome.PENDING:
        return _waits(by, question, found)
    return _done(by, question, found)


def _claimed(question_id: int) -> Question | None:
    """Whoever pushes the time forward has it; if they die it is due again."""
    due = Question.objects.filter(pk=question_id, told_at=None, next_at__lte=Now())
    if not due.update(next_at=Now() + LEASE, attempts=F("attempts") + 1):
        return None
    rows = Question.objects.select_related("integration__account", "admission__version")
    return rows.get(pk=question_id)


def _way(question: Question) -> Way:
    row = question.integration
    token = (
        unlock(bytes(question.locked), for_what=f"question {question.inbound_id}") if question.locked else b""
    )
    return replace(
        _plain(row),
        source=question.source,
        place=question.place,
        commit=question.commit,
        where=question.where,
        token=(token or b"").decode(),
    )


def _secret(row: Integration, name: str) -> str:
    found = reading.unlocked(row, name)
    return found[0].decode() if found else ""


# Asking --------------------------------------------------------------------------------------------------


def _found(question: Question, way: Way) -> _Found:
    """The answer to all that the place is bound to: allowed where everything is."""
    if not question.integration.enabled:
        return _no(question, "The integration is disabled.")
    try:
        asked = versions.asked(question, way)
        rows = [_admitted(question, one) for one in asked]
    except Refused as refused:
        if refused.code in _PASSING:
            raise NotTold(str(refused)) from None
        return _no(question, str(refused))
    return _joined(question, rows)


def _no(question: Question, sentence: str) -> _Found:
    return _Found(Told(outcome=Outcome.DENY, subject=str(question), reasons=(sentence,)), None)


def _admitted(question: Question, one: versions.Asking) -> Admission:
    """The answer given before while it is still pending and the same is asked, else a new one."""
    by, last = question.integration.account, question.admission
    if last is not None and last.outcome == Outcome.PENDING and one.same(last):
        return ask_again(by=by, admission=last)
    return admit(by=by, **one.as_request())


def _joined(question: Question, rows: Sequence[Admission]) -> _Found:
    refused = [r for r in rows if not (r.allowed is True and r.outcome in _ALLOWED)]
    waiting = [r for r in refused if r.outcome == Outcome.PENDING]
    if not rows:
        return _no(question, "Nothing was asked, so nothing is allowed.")
    chosen = next((r for r in refused if r not in waiting), (refused or list(rows))[0])
    outcome = (
        Outcome.ALLOW if not refused else Outcome.PENDING if len(waiting) == len(refused) else Outcome.DENY
    )
    about = ", ".join(f"{r.model_key}@{r.version_label} in {r.environment}" for r in rows)
    return _Found(
        Told(
            outcome=outcome,
            subject=about,
            reasons=tuple(_words(reason) for r in (refused or rows) for reason in r.reasons),
            url=f"{settings.BASE_URL.rstrip('/')}/admissions/{chosen.pk}",
        ),
        chosen,
    )


def _words(reason: dict[str, Any]) -> str:
    return str(reason.get("message", ""))


# Telling -------------------------------------------------------------------------------------------------


def _tell(question: Question, way: Way, found: _Found) -> None:
    adapter = ADAPTERS[question.integration.kind]
    if found.told.outcome == Outcome.PENDING and question.reports >= adapter.reports:
        return
    if not question.integration.enabled:
        raise NotTold("The integration is disabled.")
    try:
        adapter.tell(way, found.told)
    except Refused as refused:
        raise NotTold(str(refused)) from None


@transaction.atomic
def _done(by: Acting, question: Question, found: _Found) -> Question:
    said = "allowed" if found.told.allowed else "denied"
    changed = {"told": said, "told_at": Now(), "next_at": None, "locked": None, "fault": ""}
    open_rows = Question.objects.filter(pk=question.pk, told_at=None)
    if open_rows.update(admission=found.admission, **changed):
        admission = str(found.admission.pk) if found.admission else None
        after = {"told": said, "admission": admission, "integration": question.integration.name}
        audit.record(
            by=by,
            action=EventName.QUESTION_TOLD,
            subject=question,
            after=after,
            reason="" if found.admission else found.told.reasons[0],
        )
    question.refresh_from_db()
    return question


@transaction.atomic
def _waits(by: Acting, question: Question, found: _Found) -> Question:
    """People still sign: look again soon, later ever more seldom, and one day no more."""
    if database_now() - question.asked_at > AWAITED:
        return _given_up(by, question, f"People did not come to an answer within {AWAITED.days} days.")
    pause = PENDING[min(question.reports, len(PENDING) - 1)]
    Question.objects.filter(pk=question.pk, told_at=None).update(
        admission=found.admission,
        reports=F("reports") + 1,
        next_at=Now() + timedelta(seconds=pause),
        fault="",
    )
    question.refresh_from_db()
    return question


@transaction.atomic
def _later(by: Acting, question: Question, fault: NotTold) -> Question:
    """Try again, or give up where it would never be taken: untold, so the other side stays blocked."""
    over = not fault.later or database_now() - question.asked_at > LONGEST
    pause = max(PAUSES[min(question.attempts, len(PAUSES)) - 1], min(fault.after or 0, 3600))
    log.warning("question %s was not told: %s", question.pk, fault)
    if over:
        return _given_up(by, question, str(fault)[:300])
    changed: dict[str, Any] = {"fault": str(fault)[:300], "next_at": Now() + timedelta(seconds=pause)}
    Question.objects.filter(pk=question.pk, told_at=None).update(**changed)
    question.refresh_from_db()
    return question


def _given_up(by: Acting, question: Question, why: str) -> Question:
    """Untold for good, so the other side stays blocked; those who look after integrations hear of it."""
    open_rows = Question.objects.filter(pk=question.pk, told_at=None)
    if open_rows.update(fault=why, next_at=None, locked=None):
        after = {"integration": question.integration.name}
        audit.record(by=by, action=EventName.QUESTION_GIVEN_UP, subject=question, after=after, reason=why)
    question.refresh_from_db()
    return question


# Sweeping ------------------------------------------------------------------------------------------------


def send_question_hints(*, by: Acting) -> int:
    """Tell the workers of questions that are due; how many there were."""
    due = reading.due_questions(patience=timedelta(seconds=1))[:AT_ONCE]
    return sum(hints.send(question.pk) for question in due)


def reconcile_integrations(*, by: Acting) -> int:
    """Ask for deliveries that never arrived, as after an outage of ours; how many were asked for."""
    asked = 0
    for row in Integration.objects.filter(enabled=True, account__is_active=True).select_related("account"):
        adapter = ADAPTERS.get(row.kind)
        try:
            if adapter is not None and adapter.missed is not None:
                asked += adapter.missed(_plain(row), known=_known(row))
            if adapter is not None and adapter.waiting is not None:
                asked += sum(_taken(row, heard) for heard in adapter.waiting(_plain(row), _sources(row)))
        except (NotTold, Refused) as fault:
            log.warning("what %s may have missed could not be asked for: %s", row.name, fault)
    return asked


def _sources(row: Integration) -> list[str]:
    """The projects that anything is bound to: of the others nothing is asked."""
    return sorted({binding.source for binding in reading.bindings_of(row) if binding.source})


def _taken(row: Integration, heard: Heard) -> bool:
    """Take in what was found waiting, unless it was asked before, by a hook or by us."""
    if heard.asked is None:
        return False
    where = dict(heard.asked.where)
    if Question.objects.filter(integration=row, source=heard.asked.source, where=where).exists():
        return False
    body = json.dumps({"found": heard.delivery, **where}, sort_keys=True).encode()
    return take_in(by=row.account, integration=row, heard=heard, body=body).new


def _known(row: Integration) -> set[str]:
    since = row.deliveries.filter(received_at__gt=Now() - LONGEST - timedelta(days=1))
    return set(since.values_list("delivery", flat=True))


def _plain(row: Integration) -> Way:
    """The way out without a question."""
    return Way(line=Line(row.hosts), settings=row.settings, secret=lambda name: _secret(row, name))
