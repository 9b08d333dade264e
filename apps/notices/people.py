"""Whom an event concerns: each line names the person, the topic and where to look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.access.guards import built
from apps.access.models import CampaignItem, Delegation, Person
from apps.access.queries import people_with
from apps.access.states import Permission, Scoped
from apps.approvals.models import Approval, Challenge, Finding, RoundEntry, Waiver, WaiverRequest
from apps.gates.models import Run
from apps.gates.seats import signers_of
from apps.inventory.models import RegisteredModel
from apps.notices.models import Notice, Subscription
from apps.notices.reach import Place, sees
from apps.notices.states import TOPICS, Mail, Topic
from apps.notices.wording import link_of, sentence_of

_P = Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one person is told, once for what it is about."""

    person: Person
    topic: Topic
    about: str
    text: str
    link: str
    place: Place


Whom = Callable[[Mapping[str, Any], Place], Iterable[Person]]


def _model(place: Place) -> RegisteredModel | None:
    return RegisteredModel.objects.filter(key=place.model).first() if place.model else None


def holding(permission: Permission, place: Place) -> list[Person]:
    """The people who hold a permission where a place is."""
    model: Scoped | None = _model(place)
    return list(people_with(permission, model))


def _signers(doc: Mapping[str, Any], place: Place) -> Iterator[Person]:
    """Those who may sign a review: hold one of its roles and did not build, own or submit it."""
    approval = Approval.objects.select_related("submitter", "version__model__owner").get(
        pk=doc["object"]["id"]
    )
    wanted = sorted({step["role"] for step in approval.steps})
    for person in signers_of(wanted, approval.version.model):
        if person.identity != approval.submitter.identity and not built(person, approval.version.model):
            yield person


def _finding_owner(doc: Mapping[str, Any], place: Place) -> list[Person]:
    return [Finding.objects.select_related("owner").get(pk=doc["object"]["id"]).owner]


def _submitters(doc: Mapping[str, Any], place: Place) -> list[Person]:
    row = Approval.objects.select_related("submitter", "version__model__owner")
    found = row.get(pk=doc["object"]["id"])
    return list({found.submitter, found.version.model.owner})


def _waiver_asker(doc: Mapping[str, Any], place: Place) -> list[Person]:
    key, kind = doc["object"]["id"], doc["object"]["type"]
    if kind == "waiver_request":
        return [WaiverRequest.objects.select_related("requested_by").get(pk=key).requested_by]
    row = Waiver.objects.select_related("requested_by").filter(pk=key).first() if kind == "waiver" else None
    row = row or Waiver.objects.select_related("requested_by").filter(statement_digest=key).first()
    return [row.requested_by] if row is not None else []


def _called_on(doc: Mapping[str, Any], place: Place) -> list[Person]:
    key, kind = doc["object"]["id"], doc["object"]["type"]
    column = {"pk": key} if kind == "challenge" else {"statement_digest": key}
    row = Challenge.objects.filter(**column).first()
    return [m.person for m in row.mentions.select_related("person")] if row is not None else []


def _run_asker(doc: Mapping[str, Any], place: Place) -> list[Person]:
    row = Run.objects.select_related("requested_by").filter(pk=doc["object"]["id"]).first()
    return [row.requested_by] if row is not None and row.requested_by is not None else []


def _and_menders(doc: Mapping[str, Any], place: Place) -> list[Person]:
    return [*_run_asker(doc, place), *holding(_P.RUN_REQUEUE, place)]


def _campaign_reviewers(doc: Mapping[str, Any], place: Place) -> list[Person]:
    rows = CampaignItem.objects.filter(campaign=doc["object"]["id"]).select_related("reviewer")
    return list({row.reviewer for row in rows})


def _delegate(doc: Mapping[str, Any], place: Place) -> list[Person]:
    row = Delegation.objects.filter(pk=doc["object"]["id"]).select_related("delegate").first()
    return [row.delegate] if row is not None else []


def _with(permission: Permission) -> Whom:
    return lambda _, place: holding(permission, place)


RULES: dict[str, tuple[Topic, Whom]] = {
    "approval.opened": (Topic.WAITING, _signers),
    "approval.reopened": (Topic.WAITING, _signers),
    "finding.opened": (Topic.WAITING, _finding_owner),
    "finding.reopened": (Topic.WAITING, _finding_owner),
    "finding.remediated": (Topic.WAITING, _with(_P.FINDING_CLOSE)),
    "waiver.requested": (Topic.WAITING, _with(_P.WAIVER_GRANT)),
    "policy.proposed": (Topic.WAITING, _with(_P.POLICY_RELEASE)),
    "challenge.made": (Topic.WAITING, _called_on),
    "campaign.opened": (Topic.WAITING, _campaign_reviewers),
    "reviews.delegated": (Topic.WAITING, _delegate),
    "attestation.missed": (Topic.ATTESTATIONS, _with(_P.APPROVAL_REVOKE)),
    "approval.granted": (Topic.ANSWERED, _submitters),
    "approval.rejected": (Topic.ANSWERED, _submitters),
    "approval.returned": (Topic.ANSWERED, _submitters),
    "approval.revoked": (Topic.ANSWERED, _submitters),
    "waiver.granted": (Topic.ANSWERED, _waiver_asker),
    "waiver.refused": (Topic.ANSWERED, _waiver_asker),
    "run.decided": (Topic.ANSWERED, _run_asker),
    "run.dead": (Topic.RUNS, _and_menders),
    "budget.reached": (Topic.BUDGETS, _with(_P.BUDGET_SET)),
    "budget.refused": (Topic.BUDGETS, _with(_P.BUDGET_SET)),
    "spending.exceeded": (Topic.BUDGETS, _with(_P.BUDGET_SET)),
    "delivery.dead": (Topic.HEALTH, _with(_P.INTEGRATION_MANAGE)),
    "question.given_up": (Topic.HEALTH, _with(_P.INTEGRATION_MANAGE)),
    "endpoint.stopped": (Topic.HEALTH, _with(_P.INTEGRATION_MANAGE)),
    "key.revoked": (Topic.HEALTH, _with(_P.SYSTEM_SEE)),
    "schedule.missed": (Topic.HEALTH, _with(_P.SYSTEM_SEE)),
}
BREAK_GLASS: tuple[Permission, ...] = (_P.APPROVAL_RISK, _P.APPROVAL_REVOKE)
# Of the service and not of a model: whoever looks after it hears of it without reading the trail.
OF_THE_SERVICE = frozenset({Topic.HEALTH, Topic.BUDGETS})


def lines_of(doc: Mapping[str, Any], place: Place) -> Iterator[Line]:
    """What people are told of an event; not whoever did it."""
    action, actor = doc["action"], doc["actor"]
    if action == "round.opened":
        yield from _asked(doc)
        return
    if action.startswith("break_glass."):
        topic, people = Topic.BREAK_GLASS, {p for one in BREAK_GLASS for p in holding(one, place)}
    elif action in RULES:
        topic, whom = RULES[action]
        people = set(whom(doc, place))
    else:
        return
    text = sentence_of(action, doc["object"].get("name", ""), place)
    for person in people:
        if not (actor["type"] == "person" and actor["id"] == str(person.pk)):
            yield Line(
                person=person,
                topic=topic,
                about=doc["id"],
                text=text,
                link=_link(doc, place),
                place=place,
            )


def _asked(doc: Mapping[str, Any]) -> Iterator[Line]:
    """One line for each owner whom a round asks."""
    rows = RoundEntry.objects.filter(round=doc["object"]["id"], answer=None)
    found: dict[Person, list[RoundEntry]] = {}
    for row in rows.select_related("round", "model__unit", "model__owner").order_by("pk"):
        found.setdefault(row.model.owner, []).append(row)
    for person, entries in found.items():
        asked, first = entries[0].round, entries[0].model
        count = len(entries)
        yield Line(
            person=person,
            topic=Topic.ATTESTATIONS,
            about=doc["id"],
            text=f"Attest {count} entr{'y' if count == 1 else 'ies'} by {asked.due}: {asked.title}",
            link=f"/attestations/{asked.pk}",
            place=Place(first.key, first.unit.key),
        )


def _link(doc: Mapping[str, Any], place: Place) -> str:
    kind = doc["object"]["type"]
    if kind in ("delivery", "endpoint"):
        return "/administration/webhooks"
    if kind == "campaign":
        return f"/administration/campaigns/{doc['object']['id']}"
    if kind == "delegation":
        return "/account/delegations"
    if kind == "policy_proposal":
        return f"/policies/proposals/{doc['object']['id']}"
    return "/costs" if doc["action"].startswith("budget.") else link_of(doc["object"], place)


def wanted(line: Line, at: datetime) -> Notice | None:
    """The row of a line, where its person wants it and may see what it is about."""
    person, topic, place = line.person, line.topic, line.place
    if person.is_service or not person.is_active:
        return None
    if topic not in OF_THE_SERVICE and place.model and not sees(person, place.model):
        return None
    chosen = Subscription.objects.filter(person=person, topic=topic).first()
    if chosen is not None and not _in_scope(chosen, place):
        return None
    listed = chosen.listed if chosen is not None else True
    mail = chosen.mail if chosen is not None else TOPICS[topic].mail
    if not person.email or not settings.MAIL:
        mail = Mail.NEVER
    if not listed and mail == Mail.NEVER:
        return None
    return Notice(
        person=person,
        about=line.about[:160],
        topic=topic,
        text=line.text[:500],
        link=line.link[:300],
        model_key="" if topic in OF_THE_SERVICE else place.model,
        made_at=at,
        listed=listed,
        mail=mail,
    )


def _in_scope(chosen: Subscription, place: Place) -> bool:
    if chosen.model_key:
        return chosen.model_key == place.model
    return not chosen.unit_key or chosen.unit_key == place.unit
