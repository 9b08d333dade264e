"""Reviews of roles: opened, answered grant by grant, closed with a sealed account of all answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import campaigns
from apps.access.commands.grants import end_held
from apps.access.guards import known_scope, require
from apps.access.models import Campaign, CampaignAnswer, CampaignItem, Person
from apps.access.queries import standing_grants
from apps.access.roles import carrying
from apps.access.states import Permission, Scope
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.engine.canonical import canonical, digest

PREDICATE = "https://countersign.dev/access-review/v1"


@transaction.atomic
def open_campaign(
    *,
    by: Person,
    title: str,
    reviewers: Sequence[Person],
    due: datetime,
    unanswered: str,
    scope: str = Scope.ORGANISATION,
    scope_key: str = "",
) -> Campaign:
    """Ask about every grant of a scope; each is answered by somebody else than who holds it."""
    require(by, Permission.CAMPAIGN_OPEN)
    reach = known_scope(scope, scope_key)
    grants = campaigns.grants_in(reach, scope_key)
    if not grants:
        raise Refused("Nobody holds a role there, so there is nothing to review.")
    owners = campaigns.owners_of(grants)
    row = Campaign.objects.create(
        title=required(title, field="title", longest=200),
        scope=reach,
        scope_key=scope_key,
        due=campaigns.due_in_time(due),
        unanswered=campaigns.unanswered(unanswered),
        opened_by=by,
    )
    asked = [
        CampaignItem(campaign=row, grant=one, reviewer=campaigns.reviewer_of(one, owners, reviewers))
        for one in grants
    ]
    CampaignItem.objects.bulk_create(asked)
    after = {"scope": str(reach), "scope_key": scope_key, "due": row.due, "asked": len(asked)}
    audit.record(by=by, action=EventName.CAMPAIGN_OPENED, subject=row, after=after)
    return row


@transaction.atomic
def answer_item(*, by: Person, item: CampaignItem, keep: bool, reason: str) -> CampaignAnswer:
    """Keep a role or end it at once, with the reason."""
    _hold(item.campaign)
    campaigns.may_answer(by, item)
    said = required(reason, field="reason", lines=True)
    if not keep and not campaigns.has_ended(item.grant):
        end_held(by=by, grant=item.grant, reason=f"{item.campaign.title}: {said}")
    return _answered(by, item, by, keep, said)


def _answered(
    by: Acting, item: CampaignItem, person: Person | None, keep: bool, reason: str
) -> CampaignAnswer:
    try:
        with transaction.atomic():
            row = CampaignAnswer.objects.create(item=item, kept=keep, reason=reason, answered_by=person)
    except IntegrityError:
        raise Refused("This role has been answered for already.") from None
    after = {"grant": str(item.grant_id), "kept": keep}
    audit.record(by=by, action=EventName.CAMPAIGN_ANSWERED, subject=row, after=after, reason=reason)
    return row


@transaction.atomic
def close_campaign(*, by: Person, campaign: Campaign) -> Campaign:
    """Close it with a sealed account; before that every role is answered for."""
    require(by, Permission.CAMPAIGN_OPEN)
    _hold(campaign)
    campaign.refresh_from_db()
    if campaign.closed_at is not None:
        raise Refused("This review of roles is closed.")
    left = campaign.items.filter(answer=None).count()
    if left:
        raise Refused(f"{left} roles are not answered for yet.")
    return _closed(by, campaign)


@transaction.atomic
def close_due_campaigns(*, by: Acting) -> list[Campaign]:
    """Where the due date passed and the review says so, end what nobody answered for, and close."""
    found = []
    for row in campaigns.overdue(timezone.now()):
        _hold(row)
        row.refresh_from_db()
        if row.closed_at is None:
            for item in row.items.filter(answer=None).select_related("grant__person", "campaign"):
                _lapsed(by, item)
            found.append(_closed(by, row))
    return found


def _lapsed(by: Acting, item: CampaignItem) -> None:
    """Nobody answered: the role ends, unless nobody would be left who gives roles."""
    due = f"nobody answered until {item.campaign.due:%Y-%m-%d %H:%M} UTC"
    grant = item.grant
    givers = standing_grants().filter(carrying(Permission.ROLE_GRANT), scope=Scope.ORGANISATION)
    if givers.filter(pk=grant.pk).exists() and not givers.exclude(pk=grant.pk).exists():
        _answered(by, item, None, True, f"{due}; kept, for nobody else gives roles")
        return
    if not campaigns.has_ended(grant):
        end_held(by=by, grant=grant, reason=f"{item.campaign.title}: {due}")
    _answered(by, item, None, False, due)


def _closed(by: Acting, campaign: Campaign) -> Campaign:
    told = _account(campaign)
    statement = audit.seal(
        by=by,
        predicate_type=PREDICATE,
        subjects=[Ref("campaign", str(campaign.pk), campaign.title, digest(canonical(_plain(told))))],
        predicate=told,
        event=EventName.CAMPAIGN_CLOSED,
        about=campaign,
    )
    Campaign.objects.filter(pk=campaign.pk).update(closed_at=Now(), statement_digest=statement.digest)
    campaign.refresh_from_db()
    return campaign


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    return {"campaign": told["campaign"], "items": len(told["items"])}


def _account(campaign: Campaign) -> dict[str, Any]:
    rows = campaign.items.select_related("grant__person", "reviewer", "answer__answered_by").order_by("pk")
    return {
        "campaign": str(campaign.pk),
        "title": campaign.title,
        "scope": campaign.scope,
        "scopeKey": campaign.scope_key,
        "due": campaign.due,
        "unanswered": campaign.unanswered,
        "items": [_told(row) for row in rows],
    }


def _told(item: CampaignItem) -> dict[str, Any]:
    grant, answer = item.grant, item.answer
    return {
        "grant": str(grant.pk),
        "person": str(grant.person_id),
        "role": grant.role,
        "scope": grant.scope,
        "scopeKey": grant.scope_key,
        "reviewer": str(item.reviewer_id),
        "kept": answer.kept,
        "reason": answer.reason,
        "answeredBy": str(answer.answered_by_id) if answer.answered_by_id else None,
        "answeredOn": answer.answered_on,
    }


def _hold(campaign: Campaign) -> None:
    """Answers and the closing follow each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"access_campaign:{campaign.pk}"])
