"""Reviews handed to somebody else for a time, and taken back."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.access import lending
from apps.access.guards import require
from apps.access.models import Delegation, Person
from apps.access.states import Permission, Scope
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName


@transaction.atomic
def delegate_reviews(
    *,
    by: Person,
    to: Person,
    permission: str,
    scope: str = Scope.ORGANISATION,
    scope_key: str = "",
    valid_to: datetime,
    reason: str,
) -> Delegation:
    """Hand one's reviews to somebody who may do them already; nobody gets a right by it."""
    wanted, where = lending.lendable(permission), lending.place(scope, scope_key)
    said = required(reason, field="reason", lines=True)
    with connection.cursor() as cursor:  # two who hand to each other at once see each other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('access_delegation'))")
    lending.both_hold(by, to, wanted, where)
    ends = lending.until_in_time(valid_to)
    lending.no_chain(by, to, wanted, ends)
    row = Delegation.objects.create(
        delegator=by,
        delegate=to,
        permission=wanted,
        scope=where.scope,
        scope_key=where.key,
        valid_to=ends,
        reason=said,
    )
    after = {
        "delegator": str(by.pk),
        "delegate": str(to.pk),
        "permission": str(wanted),
        "scope": str(where.scope),
        "scope_key": where.key,
        "valid_to": ends,
    }
    audit.record(by=by, action=EventName.REVIEWS_DELEGATED, subject=row, after=after, reason=said)
    return row


@transaction.atomic
def end_delegation(*, by: Person, delegation: Delegation, reason: str = "") -> Delegation:
    """Take it back: either of the two, or an administrator."""
    if by.token is not None or by.identity not in (
        delegation.delegator.identity,
        delegation.delegate.identity,
    ):
        require(by, Permission.ROLE_GRANT)
    said = clean(reason, field="reason", lines=True)
    rows = lending.open_now().filter(pk=delegation.pk)
    if not rows.update(ended_at=Now(), ended_by=by):
        raise Refused("This has ended already.")
    delegation.refresh_from_db()
    told = {"ended_at": delegation.ended_at}
    audit.record(
        by=by,
        action=EventName.DELEGATION_ENDED,
        subject=delegation,
        before={"ended_at": None},
        after=told,
        reason=said,
    )
    return delegation
