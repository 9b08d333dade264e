"""Attestation rounds: opened over a part of the inventory, answered entry by entry, missed, asked again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.approvals import guards, round_guards, rounds
from apps.approvals.commands.attestations import attest
from apps.approvals.models import AttestationRound, Finding, RoundAnswer, RoundEnd, RoundEntry
from apps.approvals.states import RoundOutcome, Severity
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.inventory.models import RegisteredModel

MENDED_IN = timedelta(days=30)
MOST_MISSED = 200
log = logging.getLogger(__name__)


@transaction.atomic
def open_round(
    *,
    by: Person,
    title: str,
    due: date,
    unit: str = "",
    tiers: Sequence[int] = (),
    models: Sequence[str] = (),
    every_days: int | None = None,
) -> AttestationRound:
    """Ask the owners of a part of the inventory to attest their entries by a day, once or again and again."""
    require_anywhere(by, Permission.ATTESTATION_ASK)
    called = required(title, field="title", longest=200)
    guards.due_in_future(due)
    round_guards.recurring(every_days)
    asked = rounds.askable(by, unit=unit, tiers=tiers, models=models)
    round_guards.some_to_ask(asked, models)
    scope = {"unit": unit, "tiers": sorted(set(tiers)), "models": sorted(set(models))}
    made = AttestationRound(
        title=called, scope=scope, due=due, every_days=every_days, opened_by=by, opened_at=timezone.now()
    )
    return _opened(by, made, asked)


def _opened(by: Acting, made: AttestationRound, asked: Iterable[RegisteredModel]) -> AttestationRound:
    made.save(force_insert=True)
    entries = [
        RoundEntry(round=made, model=model, snapshot_digest=rounds.entry_digest(model), put_at=made.opened_at)
        for model in asked
    ]
    RoundEntry.objects.bulk_create(entries)
    after = {
        "due": made.due.isoformat(),
        "every_days": made.every_days,
        "scope": made.scope,
        "entries": len(entries),
        "follows": str(made.follows_id or ""),
    }
    audit.record(by=by, action=EventName.ROUND_OPENED, subject=made, after=after)
    return made


@transaction.atomic
def attest_entries(*, by: Person, shown: Mapping[int, str]) -> list[RoundAnswer]:
    """Attest entries of one's own, each by the digest of what was shown; all of them or none."""
    round_guards.tickable(shown)
    return [_attested(by, key, seen) for key, seen in sorted(shown.items())]


def _attested(by: Person, key: int, seen: str) -> RoundAnswer:
    entry = _held(key)
    round_guards.answerable(by, entry)
    round_guards.as_shown(entry, seen, rounds.entry_digest(entry.model))
    made = attest(by=by, model=entry.model)
    return _answered(entry, RoundOutcome.ATTESTED, person=by, attestation=made)


@transaction.atomic
def dispute_entry(*, by: Person, entry: RoundEntry, wrong: str) -> RoundAnswer:
    """Say what is wrong with an entry of one's own: a finding is opened on it."""
    held = _held(entry.pk)
    round_guards.answerable(by, held)
    said = guards.said(wrong, "what_is_wrong")
    finding = _finding(by, held, f"The entry of {held.model.key} is wrong", said, opened_by=by)
    return _answered(held, RoundOutcome.WRONG, person=by, finding=finding)


@transaction.atomic
def end_round(*, by: Person, asked: AttestationRound, reason: str) -> RoundEnd:
    """Ask a recurring round no more; what is open now stays open until its day."""
    require_anywhere(by, Permission.ATTESTATION_ASK)
    said = required(reason, field="reason", lines=True)
    round_guards.recurs(asked)
    made = RoundEnd.objects.create(round=asked, reason=said, ended_by=by, ended_at=timezone.now())
    audit.record(by=by, action=EventName.ROUND_ENDED, subject=asked, reason=said)
    return made


def miss_entries(*, by: Acting, today: date | None = None) -> int:
    """Open a finding for each entry that nobody answered by the day of its round; how many."""
    day = today or timezone.now().date()
    return sum(_tried(by, entry.pk) for entry in rounds.overdue_entries(day)[:MOST_MISSED])


def _tried(by: Acting, key: int) -> bool:
    try:
        return _missed(by, key)
    except Refused as refused:  # its owner was quicker
        log.info("an entry is not missed: %s", refused)
        return False


@transaction.atomic
def _missed(by: Acting, key: int) -> bool:
    entry = _held(key)
    if rounds.outcome_of(entry) != "waiting":
        return False
    told = f"{entry.model.owner.name} did not answer “{entry.round.title}” by {entry.round.due}."
    finding = _finding(by, entry, f"Attestation of {entry.model.key} missed", told)
    _answered(entry, RoundOutcome.MISSED, finding=finding)
    after = {"round": str(entry.round_id), "finding": str(finding.pk)}
    audit.record(by=by, action=EventName.ATTESTATION_MISSED, subject=entry.model, after=after)
    return True


def renew_rounds(*, by: Acting, today: date | None = None) -> int:
    """Open the next of each recurring round whose day is over; how many."""
    day = today or timezone.now().date()
    return sum(_renewed(by, asked, day) for asked in rounds.to_renew(day))


def _renewed(by: Acting, former: AttestationRound, today: date) -> bool:
    every = timedelta(days=former.every_days or 1)
    due = former.due + every
    while due <= today:  # days that went by while nobody ran this
        due += every
    made = AttestationRound(
        title=former.title,
        scope=former.scope,
        due=due,
        every_days=former.every_days,
        follows=former,
        opened_by=former.opened_by,
        opened_at=timezone.now(),
    )
    asked = rounds.askable(former.opened_by, **former.scope)
    try:
        with transaction.atomic():
            _opened(by, made, asked)
    except IntegrityError:
        return False  # another sweep was quicker
    return True


def _held(key: int) -> RoundEntry:
    """The entry as it is now."""
    rows = RoundEntry.objects.select_related("round", "model__owner", "model__unit", "answer")
    found = rows.filter(pk=key).first()
    if found is None:
        raise Refused(f"There is no entry {key} in a round.", field="entry")
    return found


def _answered(entry: RoundEntry, outcome: RoundOutcome, **with_what: object) -> RoundAnswer:
    """Of two answers the database takes one; the other is undone whole."""
    try:
        with transaction.atomic():
            return RoundAnswer.objects.create(
                entry=entry, outcome=outcome, answered_at=timezone.now(), **with_what
            )
    except IntegrityError:
        raise Refused(f"The entry of {entry.model.key} was answered a moment ago.") from None


def _finding(
    by: Acting, entry: RoundEntry, title: str, detail: str, *, opened_by: Person | None = None
) -> Finding:
    made = Finding.objects.create(
        model=entry.model,
        title=title[:300],
        detail=detail,
        severity=Severity.MEDIUM,
        owner=entry.model.owner,
        due=timezone.now().date() + MENDED_IN,
        opened_by=opened_by,
    )
    after = {
        "model": entry.model.key,
        "severity": made.severity,
        "due": made.due.isoformat(),
        "round": str(entry.round_id),
    }
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=made, after=after)
    return made
