"""Which dates have come near or gone by: each step once, to whom it concerns, and then to the next level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Q, Subquery
from django.utils.dateparse import parse_datetime

from apps.access.guards import built
from apps.access.models import Person
from apps.access.queries import people_with
from apps.access.states import Permission
from apps.approvals.models import Approval, Finding, RoundEntry, Waiver
from apps.approvals.states import ApprovalState, FindingState
from apps.engine.policy.model import days as duration
from apps.gates.models import PolicyRelease
from apps.gates.seats import signers_of
from apps.inventory.models import RegisteredModel, Tiering
from apps.notices.reach import Place
from apps.notices.states import Topic

# Days before its end from which on an approval is looked at, whatever its policies want.
FARTHEST = 180
_P = Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that was reached."""

    key: str
    thing: str
    thing_id: str
    text: str
    link: str
    place: Place
    people: tuple[Person, ...]
    topic: Topic = Topic.EXPIRING
    escalated: bool = False


def steps(now: datetime) -> Iterator[Step]:
    """Every step that dates have reached by now, told or not."""
    today = now.date()
    yield from _unanswered(now)
    yield from _findings(today)
    yield from _waivers(now)
    yield from _grants(now)
    yield from _tiers(today)
    yield from _entries(today)


def before() -> tuple[int, ...]:
    """Days before an end at which it is told, the earliest first; the nearest that was reached counts."""
    days: tuple[int, ...] = settings.REMIND_BEFORE
    return days


def _near(days: float, steps: Sequence[int] = ()) -> int | None:
    """Which of the steps before an end was reached with so many days to go."""
    return min((step for step in steps or before() if days <= step), default=None) if days > 0 else None


def _days(until: datetime, now: datetime) -> float:
    return (until - now) / timedelta(days=1)


def _place(model: RegisteredModel) -> Place:
    return Place(model.key, model.unit.key)


def _holders(model: RegisteredModel, *permissions: Permission) -> tuple[Person, ...]:
    found = {p for permission in permissions for p in people_with(permission, model)}
    return tuple(sorted(found, key=lambda p: p.pk))


def _unanswered(now: datetime) -> Iterator[Step]:
    waiting = Approval.objects.filter(
        state=ApprovalState.OPEN, opened_at__lte=now - timedelta(days=settings.REMIND_UNANSWERED)
    )
    for row in waiting.select_related("version__model__owner", "version__model__unit", "submitter"):
        model, days = row.version.model, (now - row.opened_at).days
        told: dict[str, Any] = {
            "thing": "approval",
            "thing_id": str(row.pk),
            "link": f"/reviews/{row.pk}",
            "place": _place(model),
        }
        text = f"Unanswered for {days} days: {row}"
        key = f"approval:{row.pk}:{row.round}"
        yield Step(key=f"{key}:unanswered", text=text, people=_reviewers(row), **told)
        if days >= settings.REMIND_ESCALATED:
            people = _holders(model, _P.APPROVAL_REVOKE)
            yield Step(key=f"{key}:escalated", text=text, people=people, escalated=True, **told)


def _reviewers(row: Approval) -> tuple[Person, ...]:
    """Who may sign and has not."""
    model = row.version.model
    signed = set(row.signoffs.filter(round=row.round).values_list("identity", flat=True))
    apart = {*signed, row.submitter.identity}
    people = signers_of(sorted({step["role"] for step in row.steps}), model)
    return tuple(p for p in people if p.identity not in apart and not built(p, model))


def _findings(today: date) -> Iterator[Step]:
    rows = Finding.objects.filter(state=FindingState.OPEN, due__lt=today)
    for row in rows.select_related("model__unit", "owner"):
        days = (today - row.due).days
        told: dict[str, Any] = {
            "thing": "finding",
            "thing_id": str(row.pk),
            "text": f"{days} day{'' if days == 1 else 's'} past due: {row.title}",
            "link": f"/findings/{row.pk}",
            "place": _place(row.model),
        }
        yield Step(key=f"finding:{row.pk}:{row.due}:overdue", people=(row.owner,), **told)
        if days >= settings.REMIND_OVERDUE_ESCALATED:
            people = _holders(row.model, _P.FINDING_CLOSE)
            key = f"finding:{row.pk}:{row.due}:escalated"
            yield Step(key=key, people=people, escalated=True, **told)


def _waivers(now: datetime) -> Iterator[Step]:
    rows = Waiver.objects.filter(valid_to__gt=now, valid_to__lte=now + timedelta(days=before()[0]))
    for row in rows.select_related("version__model__unit", "version__model__owner", "requested_by"):
        step = _near(_days(row.valid_to, now))
        yield Step(
            key=f"waiver:{row.pk}:{step}",
            thing="waiver",
            thing_id=str(row.pk),
            text=f"Ends on {row.valid_to:%Y-%m-%d}: {row}",
            link="/waivers",
            place=_place(row.version.model),
            people=_both(row.requested_by, row.version.model.owner),
        )


def _both(*people: Person) -> tuple[Person, ...]:
    return tuple(dict.fromkeys(people))


def _grants(now: datetime) -> Iterator[Step]:
    """Approvals that end, by their own day or by a limit of theirs."""
    until = now + timedelta(days=FARTHEST)
    rows = Approval.objects.filter(
        Q(expires_at__lte=until) | Q(limits__has_key="until"),
        state=ApprovalState.GRANTED,
        expires_at__gt=now,
        use__retired_at=None,
    )
    rows = rows.select_related("version__model__unit", "version__model__owner", "submitter", "decision")
    asked = _Asked()
    for row in rows:
        for what, ends in _ends(row):
            step = _near(_days(ends, now), asked.before(row))
            if step is None:
                continue
            yield Step(
                key=f"approval:{row.pk}:{what}:{step}",
                thing="approval",
                thing_id=str(row.pk),
                text=f"{what.capitalize()} ends on {ends:%Y-%m-%d}; revalidation is due: {row}",
                link=f"/reviews/{row.pk}",
                place=_place(row.version.model),
                people=_both(row.submitter, row.version.model.owner),
            )


class _Asked:
    """When the policies that decided want an end to be told; each set of them is asked once."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], tuple[int, ...]] = {}

    def before(self, row: Approval) -> tuple[int, ...]:
        key = tuple(sorted(policy["digest"] for policy in row.decision.policies))
        if key not in self._held:
            texts = PolicyRelease.objects.filter(digest__in=key).values_list("document", flat=True)
            told = [(text.get("validity") or {}).get("remind_before") or () for text in texts]
            found = {duration(one).days for many in told for one in many}
            self._held[key] = tuple(sorted(found, reverse=True)) or before()
        return self._held[key]


def _ends(row: Approval) -> Iterator[tuple[str, datetime]]:
    if row.expires_at is not None:
        yield "approval", row.expires_at
    said = parse_datetime(str(row.limits.get("until", "")))
    if said is not None and said.tzinfo is not None:
        yield "limit", said


def _tiers(today: date) -> Iterator[Step]:
    newest = Tiering.objects.filter(model=OuterRef("model")).order_by("-assigned_at", "-id")
    rows = Tiering.objects.filter(
        review_due__lte=today + timedelta(days=before()[0]), pk=Subquery(newest.values("pk")[:1])
    )
    for row in rows.select_related("model__unit", "model__owner"):
        due = row.review_due
        days = (due - today).days if due is not None else 0
        step = _near(days) if days > 0 else "overdue"
        yield Step(
            key=f"tier:{row.pk}:{step}",
            thing="model",
            thing_id=str(row.model_id),
            text=f"The tier of {row.model.key} is to be looked at again by {due}",
            link=f"/models/{row.model.key}/tier",
            place=_place(row.model),
            people=(row.model.owner,),
        )


def _entries(today: date) -> Iterator[Step]:
    """One line an owner and round, however many entries wait."""
    near = Q(round__due__gte=today, round__due__lte=today + timedelta(days=before()[:2][-1]))
    rows = RoundEntry.objects.filter(near, answer=None).select_related("round", "model__unit", "model__owner")
    waiting: dict[tuple[Any, int], list[RoundEntry]] = {}
    for row in rows.order_by("pk"):
        waiting.setdefault((row.round_id, row.model.owner_id), []).append(row)
    for (round_id, owner_id), entries in waiting.items():
        first = entries[0]
        step = _near(max((first.round.due - today).days, 0.5))
        yield Step(
            key=f"round:{round_id}:{owner_id}:{step}",
            thing="round",
            thing_id=str(round_id),
            text=f"{len(entries)} of your entries wait until {first.round.due}: {first.round.title}",
            link=f"/attestations/{round_id}",
            place=_place(first.model),
            people=(first.model.owner,),
            topic=Topic.ATTESTATIONS,
        )


def untold(found: Iterable[Step], known: set[str]) -> list[Step]:
    """Those that nobody was told of."""
    return [step for step in found if step.key not in known]
