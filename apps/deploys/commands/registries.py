"""Registries elsewhere: read again and again, marked as the deploy gate answers, watched for other hands.

Nothing here decides. A version there that is none of ours by its digest is a draft that nobody approved.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.approvals import commands as approvals
from apps.approvals.states import Severity
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.deploys.commands.admissions import admit
from apps.deploys.commands.registry_files import fetch_files, fetched_digest, kept_of_file
from apps.deploys.integrations import hints
from apps.deploys.integrations.adapters import REGISTRIES
from apps.deploys.integrations.registries import MOST, Found, Mark, Registry, Writing
from apps.deploys.integrations.sending import NotTold
from apps.deploys.integrations.standing import Judged, judged, way_of
from apps.deploys.integrations.telling import Way
from apps.deploys.models import Integration, RegistryEntry, RegistryPoll

log = logging.getLogger("countersign.integrations")

EVERY = timedelta(minutes=5)
LEASE = timedelta(minutes=15)  # longer than a whole registry takes to be read
AT_ONCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One registry while it is read."""

    by: Acting
    row: Integration
    registry: Registry
    way: Way


@transaction.atomic
def look_again(*, by: Person, integration: Integration) -> RegistryPoll:
    """Have a registry read now, not at its next time."""
    require(by, Permission.INTEGRATION_MANAGE)
    if integration.kind not in REGISTRIES:
        raise Refused(f"{integration.name} is no registry.")
    poll = _due_now(integration)
    audit.record(by=by, action=EventName.REGISTRY_ASKED, subject=integration)
    hints.send_after_commit(integration.pk, task=hints.READ)
    return poll


def _due_now(integration: Integration) -> RegistryPoll:
    poll, _ = RegistryPoll.objects.get_or_create(integration=integration)
    RegistryPoll.objects.filter(pk=poll.pk, due_at__gt=Now()).update(due_at=Now())
    return poll


def send_registry_hints(*, by: Acting) -> int:
    """Tell the workers of registries that are due; how many there were."""
    for row in Integration.objects.filter(kind__in=REGISTRIES, enabled=True, registry_poll=None):
        RegistryPoll.objects.get_or_create(integration=row)
    due = RegistryPoll.objects.filter(due_at__lte=Now(), integration__enabled=True).order_by("due_at")
    return sum(hints.send(poll.integration_id, task=hints.READ) for poll in due[:AT_ONCE])


def read_registry(*, by: Acting, integration_id: UUID | str) -> RegistryPoll | None:
    """Read a registry, keep what it says, leave our marks; None where another worker is at it."""
    row = _claimed(integration_id)
    if row is None:
        return None
    it = _Reading(by=by, row=row, registry=REGISTRIES[row.kind], way=way_of(row))
    try:
        found = list(islice(it.registry.read(it.way), MOST + 1))
        if len(found) > MOST:
            raise NotTold(f"More than {MOST} versions are there; name what is read more closely.")
        _kept(it, found)
        fault = fetch_files(it.row, it.registry, it.way, by=it.by) or ""
        fault = _marked(it) or fault
    except (NotTold, Refused) as problem:
        log.warning("the registry %s was not read: %s", row.name, problem)
        return _ended(row, fault=str(problem))
    return _ended(row, fault=fault, entries=len(found))


def _claimed(integration_id: UUID | str) -> Integration | None:
    """Whoever pushes the time forward has it; if they die it is due again."""
    rows = Integration.objects.select_related("account").filter(pk=integration_id, kind__in=REGISTRIES)
    row = rows.filter(enabled=True, account__is_active=True).first()
    if row is None:
        return None
    RegistryPoll.objects.get_or_create(integration=row)
    due = RegistryPoll.objects.filter(integration=row, due_at__lte=Now())
    return row if due.update(due_at=Now() + LEASE) else None


def _ended(row: Integration, *, fault: str, entries: int | None = None) -> RegistryPoll:
    changed = {"due_at": Now() + EVERY, "fault": fault[:300]}
    if entries is not None:
        changed |= {"read_at": Now(), "entries": entries}
    RegistryPoll.objects.filter(integration=row).update(**changed)
    return RegistryPoll.objects.get(integration=row)


# What it says ---------------------------------------------------------------------------------------------


def _kept(it: _Reading, found: Sequence[Found]) -> None:
    held = {(e.name, e.number): e for e in RegistryEntry.objects.filter(integration=it.row)}
    for one in found:
        entry = held.pop((one.name, one.number), None)
        if entry is None:
            _seen(it, one)
        else:
            _seen_again(it, entry, one)
    for entry in held.values():
        _gone(it, entry)


@transaction.atomic
def _seen(it: _Reading, one: Found) -> None:
    entry = RegistryEntry.objects.create(
        integration=it.row,
        name=one.name,
        number=one.number,
        key=one.key,
        digest=one.digest,
        said=dict(one.said),
        status=one.status[:80],
    )
    audit.record(by=it.by, action=EventName.REGISTRY_SEEN, subject=entry, after=_told(entry))


@transaction.atomic
def _seen_again(it: _Reading, entry: RegistryEntry, one: Found) -> None:
    before = _told(entry)
    entry.digest, entry.status = one.digest or fetched_digest(entry), one.status[:80]
    entry.said = {**kept_of_file(entry), **one.said}
    entry.gone_at = None
    RegistryEntry.objects.filter(pk=entry.pk).update(
        digest=entry.digest, status=entry.status, said=entry.said, seen_at=Now(), gone_at=None
    )
    if _told(entry) != before:
        audit.record(
            by=it.by, action=EventName.REGISTRY_CHANGED, subject=entry, before=before, after=_told(entry)
        )


@transaction.atomic
def _gone(it: _Reading, entry: RegistryEntry) -> None:
    if RegistryEntry.objects.filter(pk=entry.pk, gone_at=None).update(gone_at=Now()):
        audit.record(by=it.by, action=EventName.REGISTRY_GONE, subject=entry, before=_told(entry), after={})


def _told(entry: RegistryEntry) -> dict[str, object]:
    return {
        "registry": str(entry.integration_id),
        "status": entry.status,
        "digest": entry.digest,
        "gone": entry.gone_at is not None,
    }


# What we say of it ----------------------------------------------------------------------------------------


def _marked(it: _Reading) -> str:
    """Leave each mark that is due; one that is not taken stops no other. The first trouble, in words."""
    faults: list[str] = []
    if not it.registry.marks:
        return ""
    for entry in RegistryEntry.objects.filter(integration=it.row, gone_at=None).order_by("name", "pk"):
        try:
            _mark(it, entry)
        except (NotTold, Refused) as problem:
            faults.append(f"{entry}: {problem}")
    return faults[0] if faults else ""


def _mark(it: _Reading, entry: RegistryEntry) -> None:
    found = judged(it.row, entry)
    if found is None:  # nothing is bound to it: it is none of our business
        return
    wanted = it.registry.marks[found.mark]
    if _by_others(it, entry, wanted):
        _told_of_others(it, entry, found)
        if found.mark is Mark.APPROVED or it.row.settings.get("others") == "tell":
            return  # what somebody took away is not given back by itself
    if entry.status == wanted and entry.marked_at is not None and entry.marked == wanted:
        return
    _left(it, entry, found, wanted)


def _by_others(it: _Reading, entry: RegistryEntry, wanted: str) -> bool:
    """Whether somebody else set what stands there: after us, or before us to an approval that nobody gave."""
    if entry.status == wanted:  # it says what the gate says: perhaps a mark of ours that was not noted
        return False
    if entry.marked_at is not None:
        return entry.status != entry.marked
    return entry.status == it.registry.marks[Mark.APPROVED]


def _told_of_others(it: _Reading, entry: RegistryEntry, found: Judged) -> None:
    grave = entry.status == it.registry.marks[Mark.APPROVED]
    ours = (
        f"“{entry.marked}”" if entry.marked else "without our mark" if entry.marked_at else "unmarked by us"
    )
    for binding in found.bindings:
        approvals.open_observed_finding(
            by=it.by,
            model=binding.model,
            version=found.versions.get(binding.pk),
            title=f"Somebody else marked {entry} “{entry.status or 'nothing'}” in {it.row.name}"[:300],
            detail=f"The registry {it.row.name} says “{entry.status or 'nothing'}”; it was {ours}. "
            f"The deploy gate's answer is {found.mark}. {' '.join(found.reasons)}"[:2000],
            severity=Severity.HIGH if grave else Severity.MEDIUM,
        )


def _left(it: _Reading, entry: RegistryEntry, found: Judged, wanted: str) -> None:
    """Ask the gate for a signed answer, write the mark there, note it here."""
    rows = [admit(by=it.row.account, **asking) for asking in found.askings]
    refused = next((row for row in rows if not row.allowed), None)
    if found.mark is Mark.APPROVED and (refused is not None or not rows):
        return  # it changed within this second; the next reading says what holds
    chosen = refused or (rows[0] if rows else None)
    if entry.status != wanted:
        words = found.words(it.registry.longest, chosen)
        ours = RegistryEntry.objects.filter(
            integration=it.row, name=entry.name, marked=it.registry.marks[Mark.APPROVED], gone_at=None
        )
        writing = Writing(
            name=entry.name,
            number=entry.number,
            status=wanted,
            words=words,
            key=entry.key,
            approved=tuple(ours.values_list("number", flat=True)),
        )
        it.registry.write(it.way, writing)
    with transaction.atomic():
        RegistryEntry.objects.filter(pk=entry.pk).update(
            status=wanted, marked=wanted, marked_at=Now(), admission=chosen
        )
        after = {"status": wanted, "admission": chosen.statement_digest if chosen else None}
        audit.record(
            by=it.by,
            action=EventName.REGISTRY_MARKED,
            subject=entry,
            before={"status": entry.status, "marked": entry.marked},
            after={**after, "mark": found.mark},
        )


@transaction.atomic
def mark_again(*, by: Person, entry: RegistryEntry, reason: str) -> RegistryEntry:
    """Leave our mark again where somebody else took it away; what the deploy gate denies is still denied."""
    require(by, Permission.INTEGRATION_MANAGE)
    said = required(reason, field="reason")
    RegistryEntry.objects.filter(pk=entry.pk).update(marked="", marked_at=None)
    _due_now(entry.integration)
    audit.record(
        by=by,
        action=EventName.REGISTRY_ASKED,
        subject=entry,
        before={"marked": entry.marked},
        after={"marked": ""},
        reason=said,
    )
    hints.send_after_commit(entry.integration_id, task=hints.READ)
    entry.refresh_from_db()
    return entry
