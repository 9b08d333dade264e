"""Reviews of roles: which grants are asked about, who is asked, how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Campaign, CampaignItem, Person, RoleGrant
from apps.access.overseeing import oversees
from apps.access.queries import inventory, standing_grants
from apps.access.states import Permission, Scope, Unanswered
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused

if TYPE_CHECKING:
    from apps.inventory.models import RegisteredModel

SOONEST, LATEST = timedelta(hours=1), timedelta(days=366)


def due_in_time(due: datetime) -> datetime:
    """When it is due: at least an hour, at most a year from now."""
    now = timezone.now()
    if not now + SOONEST <= due <= now + LATEST:
        raise Invalid("A review of roles is due an hour to a year from now.", field="due")
    return due


def unanswered(text: str) -> Unanswered:
    """What becomes of what nobody answers."""
    if text not in list(Unanswered):
        raise Invalid(f'"{text[:20]}" is none of {", ".join(Unanswered)}.', field="unanswered")
    return Unanswered(text)


def grants_in(scope: Scope, key: str) -> list[RoleGrant]:
    """The grants that hold within a scope: all, those of a unit and of its models, those of a model."""
    rows = standing_grants().select_related("person").order_by("person__username", "role", "pk")
    if scope == Scope.MODEL:
        rows = rows.filter(scope=Scope.MODEL, scope_key=key)
    elif scope == Scope.UNIT:
        keys = inventory("RegisteredModel").objects.filter(unit__key=key).values("key")
        models = Q(scope=Scope.MODEL, scope_key__in=keys)
        rows = rows.filter(models | Q(scope=Scope.UNIT, scope_key=key))
    return list(rows)


def reviewer_of(grant: RoleGrant, owners: dict[str, Person], reviewers: Sequence[Person]) -> Person:
    """The owner of the model that the grant is for, else the first of the named who is somebody else."""
    named = [owners[grant.scope_key]] if grant.scope == Scope.MODEL and grant.scope_key in owners else []
    for person in (*named, *reviewers):
        if person.is_active and not person.is_service and person.identity != grant.person.identity:
            return person
    raise Refused(
        f"Nobody is named who could answer for {grant}: name a second reviewer, "
        "for nobody answers for themselves."
    )


def owners_of(grants: Iterable[RoleGrant]) -> dict[str, Person]:
    """By the key of a model that a grant is for, its owner."""
    keys = {grant.scope_key for grant in grants if grant.scope == Scope.MODEL}
    rows: Iterable[RegisteredModel] = inventory("RegisteredModel").objects.filter(key__in=keys)
    return {model.key: model.owner for model in rows}


def may_answer(by: Person, item: CampaignItem) -> None:
    """Refused to all but who is asked, to the holder in any account, and once it is closed."""
    campaign = item.campaign
    if by.token is not None:
        raise Forbidden("A token answers for no role; its person does, signed in.")
    if campaign.closed_at is not None:
        raise Refused("This review of roles is closed.")
    if hasattr(item, "answer"):
        raise Refused("This role has been answered for already.")
    if by.identity == item.grant.person.identity:
        raise Forbidden("Nobody answers for their own role.")
    late = campaign.due <= timezone.now() and campaign.unanswered == Unanswered.ESCALATE
    if by.identity != item.reviewer.identity and not (late and by.identity == campaign.opened_by.identity):
        raise Forbidden(f"{item.reviewer.name} is asked about this role.")


def visible(by: Person) -> QuerySet[Campaign]:
    """Every review of roles for those who see everybody; else those in which one is asked."""
    rows = Campaign.objects.select_related("opened_by")
    rows = rows.annotate(
        asked=Count("items", distinct=True),
        kept=Count("items", filter=Q(items__answer__kept=True), distinct=True),
        ended=Count("items", filter=Q(items__answer__kept=False), distinct=True),
    )
    if oversees(by) or may(by, Permission.CAMPAIGN_OPEN):
        return rows
    return rows.filter(pk__in=CampaignItem.objects.filter(reviewer=by).values("campaign_id"))


def find(by: Person, key: int) -> Campaign:
    """One of them, or NotFound."""
    found = visible(by).filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such review of roles.")
    return found


def items(by: Person, campaign: Campaign) -> QuerySet[CampaignItem]:
    """What is asked: everything for those who see everybody, else what one is asked oneself."""
    rows = campaign.items.select_related(
        "campaign__opened_by", "grant__person", "grant__granted_by", "reviewer", "answer__answered_by"
    )
    wide = oversees(by) or may(by, Permission.CAMPAIGN_OPEN)
    return rows if wide else rows.filter(reviewer=by)


def find_item(by: Person, key: int) -> CampaignItem:
    """One question of a review of roles that one may see."""
    rows = CampaignItem.objects.select_related("campaign__opened_by", "grant__person", "reviewer")
    found = rows.filter(pk=key, campaign__in=visible(by).values("pk")).first()
    if found is None:
        raise NotFound("There is no such question.")
    return found


def waiting_for(by: Person) -> QuerySet[CampaignItem]:
    """What this person is still asked."""
    rows = CampaignItem.objects.filter(reviewer=by, answer=None, campaign__closed_at=None)
    return rows.select_related("campaign", "grant__person").order_by("campaign__due", "pk")


@dataclass(frozen=True, slots=True)
class Lane:
    """How far one reviewer is."""

    reviewer: Person
    asked: int
    answered: int


def board(campaign: Campaign) -> list[Lane]:
    """The progress of each reviewer, those with most left first."""
    found: dict[int, list[CampaignItem]] = {}
    for item in campaign.items.select_related("reviewer", "answer"):
        found.setdefault(item.reviewer_id, []).append(item)
    lanes = [
        Lane(some[0].reviewer, len(some), sum(hasattr(item, "answer") for item in some))
        for some in found.values()
    ]
    return sorted(lanes, key=lambda lane: (lane.answered - lane.asked, lane.reviewer.name))


def has_ended(grant: RoleGrant) -> bool:
    """Whether a role has ended meanwhile, for another cause."""
    return not RoleGrant.objects.filter(pk=grant.pk).exclude(valid_to__lte=Now()).exists()


def overdue(now: datetime) -> QuerySet[Campaign]:
    """Those that are due and say that the unanswered end."""
    return Campaign.objects.filter(closed_at=None, due__lte=now, unanswered=Unanswered.END)
