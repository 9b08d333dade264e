"""Whether enough different people are there to sign: roles in their scope, on a day, duties kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from apps.access.lending import pairs_at
from apps.access.models import RoleGrant
from apps.access.roles import all_roles
from apps.access.states import ROLES, Permission, Scope
from apps.engine.admit import steps_for
from apps.engine.matching import Shortage, shortage
from apps.engine.policy import Effective, Policy, Step, select
from apps.engine.policy.vocabulary import OWN
from apps.gates.models import PolicyRelease
from apps.gates.queries import policy_of
from apps.inventory.models import Contribution, ModelVersion, RegisteredModel, Tiering
from apps.inventory.queries import builders_of, subject_fields, with_excluded

# What somebody must hold to sign a step of a role.
SIGNS: Mapping[str, Permission] = {
    "validator": Permission.APPROVAL_VALIDATE,
    "risk-officer": Permission.APPROVAL_RISK,
    "committee": Permission.APPROVAL_COMMITTEE,
    "head-of-model-risk": Permission.WAIVER_GRANT,
}
# What lets anybody review at all; a role of the installation's own signs its step by one of these.
REVIEWS = frozenset({Permission.APPROVAL_VALIDATE, Permission.APPROVAL_RISK, Permission.APPROVAL_COMMITTEE})
MOST_NAMED = 20
AUTHOR = "policy.author"


class Signers:
    """Who may sign for which role, at one moment; read once for however many models."""

    def __init__(self, at: datetime) -> None:
        self.names: dict[str, str] = {}
        self._held: dict[tuple[str, str, str], set[str]] = {}
        known = all_roles().values()
        carried = {role: [one.key for one in known if p in one.permissions] for role, p in SIGNS.items()}
        own = [one for one in known if one.key not in ROLES and one.permissions & REVIEWS]
        carried |= {OWN + one.key: [one.key] for one in own}
        self._reviews = {OWN + one.key: one.permissions & REVIEWS for one in own}
        for grant in _grants(at, sorted({key for keys in carried.values() for key in keys})):
            person = grant.person
            self.names.setdefault(person.identity, person.username)
            for role in (role for role, keys in carried.items() if grant.role in keys):
                place = (role, grant.scope, grant.scope_key)
                self._held.setdefault(place, set()).add(person.identity)
        self._lent = pairs_at(at)

    def of(
        self, role: str, model: RegisteredModel | None = None, *, apart: frozenset[str] = frozenset()
    ) -> frozenset[str]:
        """The humans who may sign for a role; without a model, those who may for every one.

        `apart` are those whom separation of duties keeps from it. Who handed on their reviews and who does
        them count as one; whoever acts for somebody kept apart is kept apart with them.
        """
        places = [(str(Scope.ORGANISATION), "")]
        if model is not None:
            places += [(str(Scope.UNIT), model.unit.key), (str(Scope.MODEL), model.key)]
        found = frozenset[str]().union(*(self._held.get((role, *place), ()) for place in places)) - apart
        reviews = {SIGNS[role]} if role in SIGNS else self._reviews.get(role, frozenset())
        for permission, scope, key, giver, taker in self._lent:
            if permission in reviews and (scope, key) in places and taker not in apart:
                found -= {taker} if giver in apart else {giver}
        return found


def _grants(at: datetime, roles: Sequence[str]) -> Iterable[RoleGrant]:
    open_then = Q(valid_to__isnull=True) | Q(valid_to__gt=at)
    rows = RoleGrant.objects.filter(open_then, valid_from__lte=at, role__in=roles)
    people = rows.filter(person__is_active=True, person__is_service=False)
    return people.select_related("person").order_by("person__username")


def short_of(
    steps: Sequence[Step], signers: Signers, *, model: RegisteredModel | None, apart: Iterable[str]
) -> str:
    """The sentence that says which steps cannot be filled, or nothing.

    `apart` are the humans whom separation of duties keeps from signing.
    """
    barred = frozenset(apart)
    eligible = {step.id: signers.of(step.role, model, apart=barred) for step in steps}
    found = shortage({step.id: step.quorum for step in steps}, eligible)
    return "" if found is None else _sentence(found, {step.id: step for step in steps}, signers)


def _sentence(found: Shortage, steps: Mapping[str, Step], signers: Signers) -> str:
    left = sorted(signers.names[identity] for identity in found.people)
    there = f"{len(left)} {'is' if len(left) == 1 else 'are'} left: {', '.join(left)}"
    rest = f"after separation of duties {there if left else 'nobody is left'}."
    if len(found.steps) == 1:
        step = steps[found.steps[0]]
        return f"The step {step.id} wants {step.quorum} of the role {step.role}; {rest}"
    told = [f"{name} ({steps[name].quorum} of {steps[name].role})" for name in found.steps]
    together = f"{', '.join(told[:-1])} and {told[-1]}"
    return f"The steps {together} want {found.wanted} different people; {rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """What a policy asks of people that are not there, and of which models."""

    sentence: str
    # Whether these could be approved without the policy.
    newly: bool
    models: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "sentence": self.sentence,
            "newly": self.newly,
            "count": len(self.models),
            "models": self.models[:MOST_NAMED],
        }


def authors_of(policies: Iterable[Policy]) -> frozenset[str]:
    """Who offered or released these policies, of those that say that their authors sign nothing."""
    digests = [policy.digest for policy in policies if AUTHOR in policy.approvals.approver_not]
    if not digests:
        return frozenset()
    rows = PolicyRelease.objects.filter(digest__in=digests)
    pairs = rows.values_list("proposed_by__identity", "released_by__identity")
    return frozenset(identity for pair in pairs for identity in pair)


class _Authors:
    """The same for many models, each set of policies asked of once."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], frozenset[str]] = {}

    def of(self, policies: Sequence[Policy]) -> frozenset[str]:
        key = tuple(policy.digest for policy in policies)
        if key not in self._held:
            self._held[key] = authors_of(policies)
        return self._held[key]


def blocked_by(draft: Policy, now: datetime, authors: Iterable[str] = ()) -> list[Blocked]:
    """The models of its scope that nobody could approve on the day the draft comes into force.

    Those that could not be approved without it either are told too: the draft is not to blame for them.
    Where it speaks of no model yet, the people of the whole organisation are counted. `authors` are the
    humans who offer and release it, so far as they are known.
    """
    mine = frozenset(authors) if AUTHOR in draft.approvals.approver_not else frozenset()
    at = max(now, datetime.combine(draft.effective.start, time(), UTC))
    signers, asked = Signers(at), list(_asked(draft, at))
    if not asked:
        everywhere = short_of(draft.approvals.steps, signers, model=None, apart=mine)
        return [Blocked(sentence=everywhere, newly=False)] if everywhere else []
    found: dict[tuple[str, bool], Blocked] = {}
    wrote = _Authors()
    for model, facts, before, after, apart in asked:
        barred = apart | mine | wrote.of(after)
        sentence = short_of(steps_for(after, facts), signers, model=model, apart=barred)
        if sentence:
            without = apart | wrote.of(before)
            newly = not short_of(steps_for(before, facts), signers, model=model, apart=without)
            one = found.setdefault((sentence, newly), Blocked(sentence=sentence, newly=newly))
            if model.key not in one.models:
                one.models.append(model.key)
    return sorted(found.values(), key=lambda b: (not b.newly, -len(b.models), b.sentence))


_Asked = tuple[RegisteredModel, Mapping[str, Any], list[Policy], list[Policy], frozenset[str]]


def _asked(draft: Policy, at: datetime) -> Iterator[_Asked]:
    """Each model and use that the draft speaks of: what is asked without it and with it."""
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    trial = replace(draft, effective=Effective(start=date.min))
    rest = [policy for policy in released if policy.id != draft.id]
    builders = _builders()
    for version in _newest_versions():
        model = version.model
        for use in model.uses.all():
            if use.retired_at is not None:
                continue
            facts = subject_fields(version, use)
            if trial.applies_to.covers(facts, None):
                before = select(released, facts=facts, now=at)
                after = select([*rest, trial], facts=facts, now=at)
                apart = builders.get(model.pk, frozenset()) | {model.owner.identity}
                yield model, facts, before, after, apart


def _newest_versions() -> Iterator[ModelVersion]:
    tier = Tiering.objects.filter(model=OuterRef("model")).order_by("-assigned_at", "-id")
    rows = ModelVersion.objects.order_by("model_id", "-registered_at", "-id").distinct("model_id")
    rows = rows.annotate(tier=Subquery(tier.values("tier")[:1]))
    found = rows.select_related("model__unit", "model__owner").prefetch_related("model__uses")
    read: Any = with_excluded(found, "model").iterator(chunk_size=500)
    for version in read:
        remembered = version.model.__dict__
        remembered["tier"], remembered["excluded"] = version.tier, version.excluded
        yield version


def _builders() -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    rows = Contribution.objects.values_list("version__model_id", "person__identity").distinct()
    for model, identity in rows:
        found.setdefault(model, set()).add(identity)
    return {model: frozenset(people) for model, people in found.items()}


def short_for(model: RegisteredModel, steps: Sequence[Step], *, apart: frozenset[str], at: datetime) -> str:
    """Why a review of a model with these steps could never be completed; nothing when it could."""
    return short_of(steps, Signers(at), model=model, apart=builders_of(model) | apart)
